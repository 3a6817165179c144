package httpxe

import (
	"bytes"
	"errors"
	"fmt"
)

// Bounds of a message head that travels inside another one.
const (
	MaxHead   = 64 << 10 // bytes, blank line included (protocol.md §3.4)
	MaxFields = 256
)

var errLong = fmt.Errorf("message head above %d bytes", MaxHead)

// ParseHead splits the front of b into a start line and header fields, up to
// and including the blank line, strictly: CRLF line ends, no folded lines, no
// space before a colon, no control bytes. Values lose their outer blanks.
//
// n is the length of the head; n == 0 with a nil error means that b ends
// inside it; then its lines have not been looked at, so that a head which comes
// in single bytes costs little more than one that comes whole. fields is
// appended to and everything returned aliases b. An error obliges the caller to
// refuse the message: none of it may be used.
func ParseHead(b []byte, fields []Field) (start []byte, _ []Field, n int, err error) {
	if !hasBlankLine(b) {
		if len(b) > MaxHead {
			return nil, fields, 0, errLong
		}
		return nil, fields, 0, nil
	}
	for line := 0; ; line++ {
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			if len(b) > MaxHead {
				return nil, fields, 0, errLong
			}
			return nil, fields, 0, nil
		}
		if n+end >= MaxHead {
			return nil, fields, 0, errLong
		}
		if end == 0 || b[n+end-1] != '\r' {
			return nil, fields, 0, fmt.Errorf("line %d ends without CR", line+1)
		}
		l := b[n : n+end-1]
		n += end + 1
		switch {
		case line == 0:
			if len(l) == 0 || !visible(l) {
				return nil, fields, 0, fmt.Errorf("bad start line %.40q", l)
			}
			start = l
		case len(l) == 0:
			return start, fields, n, nil
		case len(fields) == MaxFields:
			return nil, fields, 0, fmt.Errorf("above %d header fields", MaxFields)
		default:
			f, err := parseField(l)
			if err != nil {
				return nil, fields, 0, err
			}
			fields = append(fields, f)
		}
	}
}

// hasBlankLine accepts bare LF as well: such a head is complete, and wrong.
func hasBlankLine(b []byte) bool {
	return len(b) > 0 && (b[0] == '\r' || b[0] == '\n') ||
		bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

func parseField(l []byte) (Field, error) {
	i := bytes.IndexByte(l, ':')
	if i <= 0 || !token(l[:i]) {
		return Field{}, fmt.Errorf("bad header line %.40q", l)
	}
	if !visible(l[i+1:]) {
		return Field{}, fmt.Errorf("control byte in header %.40q", l[:i])
	}
	return Field{Name: l[:i], Value: trim(l[i+1:])}, nil
}

// trim cuts outer blanks; unlike bytes.Trim it never returns nil, because an
// empty header is not an absent one.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

func visible(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func token(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0:
		default:
			return false
		}
	}
	return true
}

var errRequestLine = errors.New("bad request line")

// SplitRequestLine cuts "METHOD target HTTP/1.x"; minor is x. The target holds
// no space.
func SplitRequestLine(l []byte) (method, target []byte, minor int, err error) {
	method, rest, ok := bytes.Cut(l, []byte{' '})
	target, version, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || len(method) == 0 || !token(method) || len(target) == 0 {
		return nil, nil, 0, errRequestLine
	}
	switch string(version) {
	case "HTTP/1.1":
		return method, target, 1, nil
	case "HTTP/1.0":
		return method, target, 0, nil
	}
	return nil, nil, 0, errRequestLine
}

// Find returns the first value of a header, its name compared without case.
func Find(fields []Field, name string) ([]byte, bool) {
	for _, f := range fields {
		if SameName(f.Name, name) {
			return f.Value, true
		}
	}
	return nil, false
}

// SameName compares a header name without case.
func SameName(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range name {
		if lower(name[i]) != lower(want[i]) {
			return false
		}
	}
	return true
}
