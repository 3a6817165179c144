package origin

import "strings"

// An Access says which constraints rule an accept path of one authority.
type Access struct {
	Path        string // of the accept URI, such as "/echo"
	Constraints []Constraint
}

const pluginHeaders = "Authorization,X-WebSocket-Extensions,X-WebSocket-Version,X-Origin,X-Accept-Commands,X-Sequence-No,"

// AppendAccessPolicy appends the body of /clientaccesspolicy.xml for one
// authority: a policy per constraint and path, each allowing the headers that
// plug-in clients send and the method-in-path resources. ok is false when there
// is no constraint: answer 404. maxAge is the smallest configured one in
// seconds, -1 when none is.
func AppendAccessPolicy(dst []byte, all []Access) (_ []byte, maxAge int64, ok bool) {
	maxAge = -1
	start := len(dst)
	dst = append(dst, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<access-policy>\n<cross-domain-access>\n"...)
	for _, a := range all {
		for i := range a.Constraints {
			c := &a.Constraints[i]
			dst, ok = appendPolicy(dst, a.Path, c), true
			if c.HasMaxAge && (maxAge < 0 || c.MaxAge < maxAge) {
				maxAge = c.MaxAge
			}
		}
	}
	if !ok {
		return dst[:start], -1, false
	}
	return append(dst, "</cross-domain-access>\n</access-policy>\n"...), maxAge, true
}

func appendPolicy(dst []byte, path string, c *Constraint) []byte {
	dst = append(dst, "<policy>\n<allow-from http-request-headers=\""...)
	dst = append(append(dst, pluginHeaders...), proofPrefix...)
	if c.Origin == "*" {
		dst = append(dst, null...)
	} else {
		dst = appendEncoded(dst, c.Origin)
	}
	for _, h := range c.Headers {
		dst = appendXML(append(dst, ','), h)
	}
	dst = append(dst, "\">\n"...)
	domains := []string{c.Origin}
	if c.Origin == "*" {
		domains = []string{"http://*", "https://*", "file:///"}
	}
	for _, d := range domains {
		dst = appendXML(append(dst, "<domain uri=\""...), d)
		dst = append(dst, "\"/>\n"...)
	}
	dst = append(dst, "</allow-from>\n<grant-to>\n"...)
	for _, m := range c.methods() {
		dst = append(dst, "<resource path=\"/;"...)
		dst = append(dst, strings.ToLower(m)...)
		dst = appendXML(dst, path)
		dst = append(dst, "\" include-subpaths=\"true\"/>\n"...)
	}
	return append(dst, "</grant-to>\n</policy>\n"...)
}

// appendXML appends an attribute value.
func appendXML(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
