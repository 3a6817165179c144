package wsx

import (
	"errors"

	"github.com/kzfast/kzfast/wsproto"
)

// A Receiver takes emulated control frames and escapes out of what a peer
// sends, server or client (protocol.md §3.6). The zero value is ready. It looks
// at the beginning of each text frame that starts a message, in whatever chunks
// it comes, and stores no bytes: what it withholds are the control bytes. A
// first fragment shorter than those is never control.
type Receiver struct {
	matched uint8 // bytes of the current text frame seen so far, all as expected
	passing bool  // the current text frame is for the application
	escaped bool  // the next text message is literal
	code    byte  // fifth byte of a control frame
	held    [len(ControlBytes)]byte
}

var (
	errControl = &wsproto.CloseError{Code: wsproto.CodeProtocolError,
		Err: errors.New("control bytes followed by neither ping nor pong")}
	errLiteral = &wsproto.CloseError{Code: wsproto.CodeProtocolError,
		Err: errors.New("escaped message does not start with the control bytes")}
)

// Next takes one chunk after the decoder. out[:n] are the chunks to deliver in
// its place, valid until the next call; f's own data is not copied. A
// [*wsproto.CloseError] 1002 obliges the caller to fail the connection.
func (r *Receiver) Next(f *wsproto.Frame, out *[2]wsproto.Frame) (n int, s Signal, err error) {
	if f.Op != wsproto.OpText {
		out[0] = *f
		return 1, NoSignal, nil
	}
	if f.Off == 0 {
		r.matched, r.passing = 0, false
	}
	switch {
	case r.passing:
	case r.escaped:
		if err := r.literal(f); err != nil {
			return 0, NoSignal, err
		}
	default:
		if s, err = r.examine(f); err != nil || !r.passing {
			return 0, s, err
		}
		if f.Off > 0 {
			copy(r.held[:], ControlBytes)
			out[0] = *f
			out[0].Off, out[0].Data = 0, r.held[:f.Off]
			n = 1
		}
	}
	out[n] = *f
	return n + 1, NoSignal, nil
}

// examine looks for control at the start of a text frame. r.passing tells that
// it is none.
func (r *Receiver) examine(f *wsproto.Frame) (Signal, error) {
	for _, c := range f.Data {
		switch {
		case int(r.matched) < len(ControlBytes):
			if c != ControlBytes[r.matched] {
				r.passing = true
				return NoSignal, nil
			}
			last := int(r.matched) == len(ControlBytes)-1
			if last && !(f.Fin && (f.Len == int64(len(ControlBytes)) || f.Len == int64(len(PingPayload)))) {
				return NoSignal, errControl
			}
		case int(r.matched) == len(ControlBytes):
			r.code = c
		case c != 0 || r.code != '\x09' && r.code != '\x0A':
			return NoSignal, errControl
		}
		r.matched++
	}
	switch {
	case !f.End():
	case int(r.matched) < len(ControlBytes):
		r.passing = true
	case int(r.matched) == len(ControlBytes):
		r.escaped = true
	case r.code == '\x09':
		return Ping, nil
	default:
		return Pong, nil
	}
	return NoSignal, nil
}

// literal checks the start of an escaped text frame, which is delivered as it
// comes.
func (r *Receiver) literal(f *wsproto.Frame) error {
	for _, c := range f.Data {
		if c != ControlBytes[r.matched] {
			return errLiteral
		}
		if r.matched++; int(r.matched) == len(ControlBytes) {
			r.escaped, r.passing = false, true
			return nil
		}
	}
	if f.End() {
		return errLiteral
	}
	return nil
}
