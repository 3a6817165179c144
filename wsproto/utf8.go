package wsproto

import "encoding/binary"

// utf8State validates UTF-8 that arrives in pieces (RFC 3629 §4). It holds the
// number of bytes that the character begun last still needs and the range of
// the next one; the zero value is between characters.
type utf8State struct {
	need   uint8
	lo, hi uint8
}

// complete reports whether the bytes fed so far end with a whole character.
func (s *utf8State) complete() bool { return s.need == 0 }

// feed checks the next bytes and reports whether they can still become valid
// UTF-8: false comes with the first byte that makes that impossible.
func (s *utf8State) feed(p []byte) bool {
	i := 0
	for i < len(p) {
		if s.need > 0 {
			if c := p[i]; c < s.lo || c > s.hi {
				return false
			}
			s.need, s.lo, s.hi = s.need-1, 0x80, 0xBF
			i++
			continue
		}
		for ; len(p)-i >= 8; i += 8 {
			if binary.LittleEndian.Uint64(p[i:])&0x8080808080808080 != 0 {
				break
			}
		}
		for i < len(p) && p[i] < 0x80 {
			i++
		}
		if i < len(p) {
			if !s.lead(p[i]) {
				return false
			}
			i++
		}
	}
	return true
}

// lead begins a character of two to four bytes. The second byte's range rules
// out overlong forms (E0, F0), surrogates (ED) and code points above U+10FFFF (F4).
func (s *utf8State) lead(c byte) bool {
	s.lo, s.hi = 0x80, 0xBF
	switch {
	case c >= 0xC2 && c <= 0xDF:
		s.need = 1
	case c >= 0xE0 && c <= 0xEF:
		s.need = 2
		switch c {
		case 0xE0:
			s.lo = 0xA0
		case 0xED:
			s.hi = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		s.need = 3
		switch c {
		case 0xF0:
			s.lo = 0x90
		case 0xF4:
			s.hi = 0x8F
		}
	default:
		return false
	}
	return true
}
