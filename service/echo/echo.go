// Package echo sends every message back to who sent it (spec/protocol.md
// §8.3). It keeps no state per conversation: a message is answered inside the
// buffer it was received in, fragment by fragment, with opcode and FIN as they
// came. A client that does not read its echoes is not read from.
package echo

import (
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// Options of an echo service. The zero value works.
type Options struct {
	Repeat int // how often each message is sent back; 0 is once
}

// A Service is an echo service. It is immutable and serves any number of
// loops; it is its own receiver for every conversation, unless messages are
// repeated.
type Service struct {
	repeat int
}

// New makes an echo service.
func New(o Options) *Service { return &Service{repeat: max(o.Repeat, 1)} }

// Open implements [session.Service].
func (s *Service) Open(session.Channel, *session.Open) session.Receiver {
	if s.repeat > 1 {
		return &repeater{times: s.repeat}
	}
	return s
}

// Frame implements [session.Receiver].
func (s *Service) Frame(ch session.Channel, f *wsproto.Frame) {
	ch.SendFrame(f)
	if ch.Over() {
		ch.Pause()
	}
}

// Drained implements [session.Receiver].
func (s *Service) Drained(ch session.Channel) { ch.Resume() }

// Closed implements [session.Receiver].
func (s *Service) Closed(session.Channel, wsproto.Code, []byte) {}
