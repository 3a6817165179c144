package session

import (
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// armInactivity starts the silence watch of spec/protocol.md §2.4: a Ping
// after half of the timeout without a byte, the end after the whole.
func (s *WebSocket) armInactivity() {
	if t := s.route.Options.Inactivity; t > 0 {
		s.t.SetTimeout(t / 2)
	}
}

// Timeout implements [Handler].
func (s *WebSocket) Timeout() {
	if s.state != stateOpen {
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Abort()
		return
	}
	limit := s.route.Options.Inactivity
	if limit <= 0 {
		return
	}
	silent := durationOf(s.w.ticks() - s.lastRead)
	switch {
	case silent >= limit-tick && s.pinged:
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Close()
	case silent >= limit/2-tick && !s.pinged:
		s.pinged = true
		s.t.Write([]byte{0x89, 0})
		s.t.SetTimeout(limit - limit/2)
	case s.pinged:
		s.t.SetTimeout(limit - silent)
	default:
		s.t.SetTimeout(limit/2 - silent)
	}
}

// tick is the resolution of the loop's clock.
const tick = 100 * time.Millisecond
