package session

import (
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// An emulated is a WebSocket emulated over HTTP (spec/protocol.md §6). It
// belongs to the loop that its id names, and to no connection:
//
//	create ──▶ emulated ◀── upstream requests, one at a time  (upload)
//	           │    │
//	           │    └──▶ the downstream response under way    (outlet, or poll)
//	           └──▶ Receiver
//
// It handles the connection of a streaming downstream itself; a long-poll
// stays with its exchange. Without a downstream it has a timer of its own.
type emulated struct {
	outlet
	recv  Receiver
	route *Route
	poll  *exchange // a long-poll that waits for something to say
	late  *pollWish // how it is answered
	up    *upload   // the upstream request under way
	out   assembler
	stop  func() // of the timer while there is no downstream

	id       wse.ID
	remote   netip.AddrPort
	upSeq    wse.Sequence
	downSeq  wse.Sequence
	period   time.Duration // heartbeat
	pingTick uint32        // ticks of the last ping
	code     wsproto.Code  // reported to the service, 0 while open
	enc      wse.Encoding
	state    state
	mode     emulatedMode
	chatter  chatter
}

type emulatedMode uint8

const (
	modeSequenced  emulatedMode = 1 << iota
	modePing                    // the client understands pings
	modePinged                  // and owes us a pong
	modePaused                  // the service reads no more
	modePolling                 // a poll's answer has been scheduled
	modePeerClosed              // the client's CLOSE has arrived
	modeServed                  // it has had a downstream
	modePromised                // the idle timeout was granted
)

func (s *emulated) is(m emulatedMode) bool { return s.mode&m != 0 }

func (s *emulated) set(m emulatedMode, on bool) {
	if on {
		s.mode |= m
	} else {
		s.mode &^= m
	}
}

// SendFrame implements [Channel].
func (s *emulated) SendFrame(f *wsproto.Frame) {
	if s.state != stateOpen || f.Op.Control() {
		return
	}
	payload, text, ok := s.out.add(f)
	if !ok {
		if s.out.size() > int(s.bound) {
			s.Abort()
		}
		return
	}
	w := s.w
	w.out = wse.AppendMessage(w.out[:0], s.enc, text, payload)
	s.out.release()
	s.afterWrite(s.put(w.out))
}

// SendShared implements [Channel].
func (s *emulated) SendShared(m *Shared) {
	if s.state == stateOpen {
		s.afterWrite(s.share(m.emulated(s.enc)))
	}
}

// write sends command frames.
func (s *emulated) write(p []byte) { s.afterWrite(s.put(p)) }

// afterWrite resets a client that takes too little, and ends a response that
// has its size.
func (s *emulated) afterWrite(ok bool) {
	switch {
	case !ok:
		s.Abort()
	case s.full():
		s.reconnect()
	case s.poll != nil && !s.is(modePolling):
		s.set(modePolling, true)
		s.w.Loop.Post(s.answerPolled)
	}
}

// Pause implements [Channel].
func (s *emulated) Pause() {
	s.set(modePaused, true)
	if s.up != nil {
		s.up.x.t.Pause()
	}
}

// Resume implements [Channel].
func (s *emulated) Resume() {
	if !s.is(modePaused) {
		return
	}
	s.set(modePaused, false)
	if s.up != nil {
		s.up.x.unpause()
	}
}

// RemoteAddr implements [Channel]: where the create came from.
func (s *emulated) RemoteAddr() netip.AddrPort { return s.remote }

// Data implements [Handler]: a client has nothing to say behind the request
// for a downstream.
func (s *emulated) Data([]byte) {}

// EOF implements [Handler]: a client that leaves without being told to come
// back may have lost frames.
func (s *emulated) EOF() { s.reset() }

// Drained implements [Handler].
func (s *emulated) Drained() {
	if s.code == 0 {
		s.recv.Drained(s)
	}
}

// Closed implements [Handler].
func (s *emulated) Closed(error) {
	s.t = nil
	s.reset()
}
