package wsx

import "github.com/kzfast/kzfast/wsproto"

// A Sender escapes text messages that start with the control bytes, for a
// server or a client (protocol.md §3.6). The zero value is ready.
//
// It takes the frames and chunks of a conversation before they are encoded.
// While a message's first bytes could still turn out to be the control bytes,
// at most three, it withholds them; they are not stored, because they are
// known. When fragments end inside them, the fragments are joined.
type Sender struct {
	held    uint8 // bytes of the open message withheld
	shift   uint8 // of them, bytes of earlier fragments joined to the current one
	open    bool  // a message has begun and not ended
	unknown bool  // whether the open message needs an escape
	joined  bool  // the current frame is a continuation sent as the first fragment
	buf     [len(ControlBytes)]byte
}

// Ready reports whether a data frame of our own, an emulated ping or pong, may
// be sent: no message is under way. The caller keeps what it owes until then.
func (s *Sender) Ready() bool { return !s.open }

// Next takes one chunk. With escape the caller sends [AppendEscape] first; then
// it sends out[:n] in place of f, valid until the next call. n is 0 when
// everything is withheld.
func (s *Sender) Next(f *wsproto.Frame, out *[2]wsproto.Frame) (n int, escape bool) {
	out[0] = *f
	if f.Op.Control() {
		return 1, false
	}
	if f.Op != wsproto.OpContinuation && f.Off == 0 {
		s.held, s.open, s.unknown = 0, true, f.Op == wsproto.OpText
	}
	if f.Off == 0 && !s.unknown {
		s.joined = false
	}
	if f.Last() {
		s.open = false
	}
	if s.unknown {
		return s.decide(f, out)
	}
	s.join(&out[0])
	return 1, false
}

// decide looks at the next bytes of a text message's beginning.
func (s *Sender) decide(f *wsproto.Frame, out *[2]wsproto.Frame) (n int, escape bool) {
	if f.Off == 0 {
		s.joined, s.shift = f.Op == wsproto.OpContinuation, s.held
	}
	matched := int(s.held)
	for _, c := range f.Data {
		if c != ControlBytes[matched] {
			s.unknown = false
			break
		}
		if matched++; matched == len(ControlBytes) {
			s.unknown, escape = false, true
			break
		}
	}
	if s.unknown && !f.Last() {
		s.held = uint8(matched)
		return 0, false
	}
	s.unknown = false
	s.join(&out[0])
	if s.held == 0 {
		return 1, escape
	}
	out[1] = out[0]
	copy(s.buf[:], ControlBytes)
	out[0].Off, out[0].Data = 0, s.buf[:s.held]
	return 2, escape
}

// join renumbers a chunk of a continuation that became the first fragment.
func (s *Sender) join(f *wsproto.Frame) {
	if s.joined && !f.Op.Control() {
		f.Op = wsproto.OpText
		f.Len += int64(s.shift)
		f.Off += int64(s.shift)
	}
}
