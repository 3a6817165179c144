package origin

import (
	"bytes"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

var pathMethods = [...]struct{ prefix, method string }{
	{"/;get/", "GET"}, {"/;post/", "POST"}, {"/;put/", "PUT"}, {"/;delete/", "DELETE"},
}

// ParseMethodPath recognises a path that carries its method, such as
// `/;post/echo/;e/cb`: method is "POST" and rest is `/echo/;e/cb`, which
// aliases path. Such a request must be [Proven], otherwise 403.
func ParseMethodPath(path []byte) (method string, rest []byte, ok bool) {
	for _, m := range pathMethods {
		if bytes.HasPrefix(path, []byte(m.prefix)) {
			return m.method, path[len(m.prefix)-1:], true
		}
	}
	return "", path, false
}

const proofPrefix = "X-Origin-"

// Proven reports whether a request with this X-Origin also has the header
// `X-Origin-<URL-encoded origin>: <origin>`, which a plug-in may only send when
// the access policy names it for that origin.
func Proven(fields []httpxe.Field, xOrigin []byte) bool {
	if len(xOrigin) == 0 {
		return false
	}
	for _, f := range fields {
		if len(f.Name) > len(proofPrefix) && httpxe.SameName(f.Name[:len(proofPrefix)], proofPrefix) &&
			bytes.Equal(f.Value, xOrigin) && encodes(f.Name[len(proofPrefix):], xOrigin) {
			return true
		}
	}
	return false
}

// encodes reports whether name is the URL-encoded form of origin; a header
// name's case means nothing.
func encodes(name, origin []byte) bool {
	want := appendEncoded(make([]byte, 0, 3*len(origin)), string(origin))
	return bytes.EqualFold(name, want)
}

// appendEncoded URL-encodes an origin: everything but letters, digits and -._*
func appendEncoded(dst []byte, origin string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(origin) {
		c := origin[i]
		if isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '*' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
