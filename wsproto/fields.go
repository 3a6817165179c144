package wsproto

import (
	"bytes"
	"encoding/binary"
)

// A Field is one header line. In a parsed head both slices alias its bytes.
type Field struct {
	Name  []byte
	Value []byte // without surrounding blanks
}

// HeadLimits bound a request or response head. They are read only and may be
// shared. Zero values mean the defaults in brackets.
type HeadLimits struct {
	MaxBytes   int  // bytes of the whole head with its blank line [65536]
	MaxHeaders int  // header lines [256]
	MaxTarget  int  // bytes of the request target [8192]
	ObsFold    bool // accept folded header values, joined with one blank (RFC 7230 §3.2.4)
}

func (l HeadLimits) withDefaults() HeadLimits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 64 << 10
	}
	if l.MaxHeaders <= 0 {
		l.MaxHeaders = 256
	}
	if l.MaxTarget <= 0 {
		l.MaxTarget = 8192
	}
	return l
}

// fields are the header lines of the head parsed last. The array and the bytes
// of joined values are reused by the next parse.
type fields struct {
	list   []Field
	joined []byte
}

func (h *fields) reset() { h.list, h.joined = h.list[:0], h.joined[:0] }

// Headers returns all header lines in the order of the head. The slice and what
// it holds are valid until the next Parse or until the parsed bytes change.
func (h *fields) Headers() []Field { return h.list }

// Header returns the first value of a header; the name's case does not matter.
func (h *fields) Header(name string) (value []byte, ok bool) {
	for i := range h.list {
		if equalFold(h.list[i].Name, name) {
			return h.list[i].Value, true
		}
	}
	return nil, false
}

// Each calls fn with every value of a header in order until fn returns false.
func (h *fields) Each(name string, fn func(value []byte) bool) {
	for i := range h.list {
		if equalFold(h.list[i].Name, name) && !fn(h.list[i].Value) {
			return
		}
	}
}

// Count returns how many lines a header has.
func (h *fields) Count(name string) (n int) {
	for i := range h.list {
		if equalFold(h.list[i].Name, name) {
			n++
		}
	}
	return n
}

// HasToken reports whether a header, over all its lines, holds token as an
// element of its comma-separated list. Case does not matter.
func (h *fields) HasToken(name, token string) bool {
	for i := range h.list {
		if equalFold(h.list[i].Name, name) && listHas(h.list[i].Value, token) {
			return true
		}
	}
	return false
}

// parse reads header lines from the front of b up to and including the blank
// line. n is what they take; 0 without an error means that b, which holds no
// fault so far, ends before the blank line.
func (h *fields) parse(b []byte, lim *HeadLimits) (n int, err *StatusError) {
	for at := 0; at < len(b); at += n {
		if b[at] == '\r' {
			if at+1 == len(b) {
				return 0, nil
			}
			if b[at+1] != '\n' {
				return 0, errBareCR
			}
			return at + 2, nil
		}
		if b[at] == ' ' || b[at] == '\t' {
			n, err = h.fold(b[at:], lim)
		} else {
			n, err = h.line(b[at:], 0, lim)
		}
		if n == 0 || err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// line reads one header line, as far as it is there: n is 0 when its end is
// not. The first done bytes have been judged before; then only n is of use.
func (h *fields) line(b []byte, done int, lim *HeadLimits) (n int, err *StatusError) {
	if len(h.list) >= lim.MaxHeaders {
		return 0, tooLarge("more than %d header lines", lim.MaxHeaders)
	}
	colon := done
	if i := bytes.IndexByte(b[:done], ':'); i >= 0 {
		colon = i
	}
	for colon < len(b) && class[b[colon]]&isToken != 0 {
		colon++
	}
	if colon == len(b) {
		return 0, nil
	}
	if b[colon] != ':' || colon == 0 {
		return 0, badRequest("%q in the header name after %q", b[colon], clip(b[:colon]))
	}
	value, n, err := lineRest(b, max(colon+1, done-1))
	if n > 0 {
		h.list = append(h.list, Field{b[:colon:colon], value})
	}
	return n, err
}

// fold reads a continuation line and joins it to the value before it.
func (h *fields) fold(b []byte, lim *HeadLimits) (n int, err *StatusError) {
	if !lim.ObsFold || len(h.list) == 0 {
		return 0, errFold
	}
	value, n, err := lineRest(b, 0)
	if n == 0 || err != nil {
		return 0, err
	}
	last := &h.list[len(h.list)-1]
	if len(value) == 0 {
		return n, nil
	}
	if len(last.Value) == 0 {
		last.Value = value
		return n, nil
	}
	// A value joined before that is the end of the array grows where it is.
	at := len(h.joined) - len(last.Value)
	if at < 0 || &h.joined[at] != &last.Value[0] {
		at = len(h.joined)
		h.joined = append(h.joined, last.Value...)
	}
	h.joined = append(append(h.joined, ' '), value...)
	last.Value = h.joined[at:len(h.joined):len(h.joined)]
	return n, nil
}

// lineRest reads field content from b[at:] to CRLF. n is the offset behind it,
// 0 when it is not there yet.
func lineRest(b []byte, at int) (value []byte, n int, err *StatusError) {
	i := textEnd(b, at)
	switch {
	case i == len(b):
		return nil, 0, nil
	case b[i] != '\r':
		return nil, 0, badRequest("byte %#02x in the head", b[i])
	case i+1 == len(b):
		return nil, 0, nil
	case b[i+1] != '\n':
		return nil, 0, errBareCR
	}
	return trimBlanks(b[at:i]), i + 2, nil
}

// textEnd returns the index of the first byte from i on that may not stand in
// field content. Words without a byte below 20 or equal to 7F are passed at once.
func textEnd(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for {
		for ; len(b)-i >= 8; i += 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			del := w ^ 0x7F*ones
			if ((w-0x20*ones)&^w|(del-ones)&^del)&tops != 0 {
				break
			}
		}
		stop := min(i+8, len(b))
		for i < stop && class[b[i]]&isText8 != 0 {
			i++
		}
		if i < stop || i == len(b) {
			return i
		}
	}
}
