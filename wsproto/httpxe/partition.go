package httpxe

import "bytes"

var outsideNames = [...][]byte{
	cacheControl, []byte("Connection"), []byte("Content-Encoding"), contentLength,
	dateName, []byte("ETag"), []byte("Last-Modified"), []byte("Pragma"), serverName, setCookie,
	[]byte("Transfer-Encoding"), []byte("X-Content-Type-Options"),
}

var accessControl = []byte("Access-Control-")

// outside reports whether a header of the inner response is moved to the
// outer head (protocol.md §1.9); all others stay inside.
func outside(name []byte) bool {
	if len(name) > len(accessControl) && same(name[:len(accessControl)], accessControl) {
		return true
	}
	for _, n := range outsideNames {
		if same(name, n) {
			return true
		}
	}
	return false
}

// outerType maps the inner Content-Type to the outer one. The parameter list
// of a kept text/plain loses its spaces, as the original prints it.
func (r *Response) outerType(inner []byte, via Via) []byte {
	t, params := splitType(inner)
	switch {
	case bytes.EqualFold(t, plainType):
		if charset := charsetOf(params); plainCharset(charset) {
			r.kind = append(append(r.kind[:0], "text/plain;charset="...), charset...)
			return r.kind
		}
		return plainType
	case via == Bridge && bytes.EqualFold(t, eventStream):
		return eventStream
	case len(t) >= 5 && bytes.EqualFold(t[:5], plainType[:5]):
		return plainType
	}
	return octetStream
}

func plainCharset(c []byte) bool {
	return bytes.EqualFold(c, charsetASCII) || bytes.EqualFold(c, charsetUTF8) || bytes.EqualFold(c, charsetWindows)
}

// splitType cuts a Content-Type value into its media type and the rest, which
// is empty or starts with a semicolon.
func splitType(v []byte) (mediaType, params []byte) {
	if i := bytes.IndexByte(v, ';'); i >= 0 {
		return bytes.TrimSpace(v[:i]), v[i:]
	}
	return bytes.TrimSpace(v), nil
}

func charsetOf(params []byte) []byte {
	for len(params) > 0 {
		p := params[1:]
		end := bytes.IndexByte(p, ';')
		if end < 0 {
			end = len(p)
		}
		name, value, ok := bytes.Cut(p[:end], []byte{'='})
		if ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("charset")) {
			return bytes.Trim(bytes.TrimSpace(value), `"`)
		}
		params = p[end:]
	}
	return nil
}

// sortFields orders lines by name, ignoring case, keeping the order of equal
// names (protocol.md §1.4). Heads are short and mostly sorted: insertion sort.
func sortFields(f []Field) {
	for i := 1; i < len(f); i++ {
		for j := i; j > 0 && compareFold(f[j].Name, f[j-1].Name) < 0; j-- {
			f[j], f[j-1] = f[j-1], f[j]
		}
	}
}

func compareFold(a, b []byte) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if d := int(lower(a[i])) - int(lower(b[i])); d != 0 {
			return d
		}
	}
	return len(a) - len(b)
}

func same(a, b []byte) bool {
	return len(a) == len(b) && compareFold(a, b) == 0
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
