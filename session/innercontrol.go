package session

import "github.com/kzfast/kzfast/wsproto"

// control answers Ping and Close, which may come between the requests, within
// the bounds of a WebSocket.
func (s *extended) control(f *wsproto.Frame) {
	s.ctlLen += uint8(copy(s.ctl[s.ctlLen:], f.Data))
	if !f.End() {
		return
	}
	payload := s.ctl[:s.ctlLen]
	s.ctlLen = 0
	if !s.rate.within(s.w) {
		s.fail(errControlRate)
		return
	}
	switch f.Op {
	case wsproto.OpPing:
		if !s.t.Over() {
			s.w.out = wsproto.AppendFrame(s.w.out[:0], wsproto.OpPong, payload)
			s.t.Write(s.w.out)
		}
	case wsproto.OpClose:
		code, reason, err := wsproto.ParseClose(payload)
		if err != nil {
			s.fail(err)
			return
		}
		s.w.out = wsproto.AppendClose(s.w.out[:0], code, reason)
		s.t.Write(s.w.out)
		s.ended = true
		s.release()
		s.t.Close()
	}
}

// throttle stops reading from a client that does not read our answers. Its
// silence then counts as any other: it has yet to say who it is.
func (s *extended) throttle() {
	if !s.ended && s.t.Over() {
		s.t.Pause()
	}
}

// arm sets the timer: the inactivity timeout runs from the outer 101 on, and
// without one the handshake has a bound of its own.
func (s *extended) arm() {
	if limit := s.route.Options.Inactivity; limit > 0 {
		s.t.SetTimeout(s.inactive.next(s.w, limit))
		return
	}
	if s.challenges > 0 {
		s.t.SetTimeout(challengeTimeout)
	} else {
		s.t.SetTimeout(innerTimeout)
	}
}

// Timeout implements [Handler].
func (s *extended) Timeout() {
	limit := s.route.Options.Inactivity
	if limit <= 0 || s.ended {
		s.t.Abort()
		return
	}
	switch s.inactive.due(s.w, limit) {
	case silenceEnds:
		s.ended = true
		s.t.Close()
		return
	case silencePings:
		if !s.t.Over() {
			s.t.Write([]byte{0x89, 0})
		}
	}
	s.arm()
}

// EOF implements [Handler].
func (s *extended) EOF() { s.t.Close() }

// Drained implements [Handler].
func (s *extended) Drained() { s.t.Resume() }

// Closed implements [Handler].
func (s *extended) Closed(error) { s.release() }
