package origin

import "bytes"

// maxOrigin bounds an origin: a DNS name has 255 bytes at most.
const maxOrigin = 320

// Canonical returns an origin or URL authority in the form that a [Policy]
// holds: "scheme://host:port" in lower case, ws and wss written as http and
// https, a missing port added for these. ok is false for anything else: a path
// other than a lone slash, user info, odd characters.
func Canonical(v string) (_ string, ok bool) {
	if len(v) > maxOrigin {
		return "", false
	}
	b := bytes.TrimSuffix([]byte(v), []byte{'/'})
	out, ok := appendCanonical(nil, b)
	return string(out), ok
}

// appendCanonical appends the canonical form of an origin as browsers send it.
func appendCanonical(dst, v []byte) (_ []byte, ok bool) {
	scheme, authority, found := bytes.Cut(v, []byte("://"))
	if !found || len(v) > maxOrigin || len(scheme) == 0 || !alphanumeric(scheme) {
		return dst, false
	}
	start := len(dst)
	dst = append(appendLower(dst, scheme), "://"...)
	switch string(dst[start:]) {
	case "ws://":
		dst = append(dst[:start], "http://"...)
	case "wss://":
		dst = append(dst[:start], "https://"...)
	}
	port := ""
	switch string(dst[start:]) {
	case "http://":
		port = "80"
	case "https://":
		port = "443"
	}
	return appendAuthority(dst, authority, port)
}

// appendAuthority appends "host:port" in lower case; defaultPort may be "".
func appendAuthority(dst, v []byte, defaultPort string) (_ []byte, ok bool) {
	host, port := v, []byte(nil)
	if i := bytes.LastIndexByte(v, ':'); i >= 0 && i > bytes.IndexByte(v, ']') {
		host, port = v[:i], v[i+1:]
		if !validPort(port) {
			return dst, false
		}
	}
	if !validHost(host) {
		return dst, false
	}
	dst = appendLower(dst, host)
	if port == nil && defaultPort == "" {
		return dst, true
	}
	dst = append(dst, ':')
	if port == nil {
		return append(dst, defaultPort...), true
	}
	return append(dst, port...), true
}

func validPort(p []byte) bool {
	if len(p) == 0 || len(p) > 5 || p[0] == '0' {
		return false
	}
	n := 0
	for _, c := range p {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}

func validHost(h []byte) bool {
	if len(h) > 2 && h[0] == '[' && h[len(h)-1] == ']' {
		for _, c := range h[1 : len(h)-1] {
			if !(c == ':' || c == '.' || isHex(c)) {
				return false
			}
		}
		return true
	}
	for _, c := range h {
		if c != '-' && c != '.' && c != '_' && !isAlphanumeric(c) {
			return false
		}
	}
	return len(h) > 0
}

func alphanumeric(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
