package wsproto

import "bytes"

func trimBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b[:len(b):len(b)]
}

// equalFold compares ASCII without case.
func equalFold[T string | []byte](a []byte, b T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// Bits of class.
const (
	isToken  = 1 << iota // RFC 9110 §5.6.2
	isText8              // field content: blank, tab, visible, 80-FF
	isTarget             // request target: visible ASCII without " < > #
	isHost               // registered name: letters, digits, - . _ ~
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			t[c] = isToken | isHost
		case c < 0x80 && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0:
			t[c] = isToken
		}
		if bytes.IndexByte([]byte("-._~"), byte(c)) >= 0 {
			t[c] |= isHost
		}
		if c == '\t' || c >= ' ' && c != 0x7F {
			t[c] |= isText8
		}
		if c > ' ' && c < 0x7F && bytes.IndexByte([]byte(`"<>#`), byte(c)) < 0 {
			t[c] |= isTarget
		}
	}
	return t
}()

// clip shortens foreign bytes for an error text.
func clip(b []byte) string {
	if len(b) > 64 {
		return string(b[:64]) + "..."
	}
	return string(b)
}
