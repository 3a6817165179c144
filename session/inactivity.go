package session

import (
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// tick is the resolution of the loop's clock.
const tick = 100 * time.Millisecond

// arm sets the timer for the next thing that silence makes due: a Ping after
// half of the inactivity timeout without a byte from the client and the end
// after the whole (spec/protocol.md §2.4), a Pong before the idle timeout
// that the client was promised (§3.7).
func (s *WebSocket) arm() {
	limit := s.route.Options.Inactivity
	if limit <= 0 {
		return
	}
	silent := durationOf(s.w.ticks() - s.lastRead)
	next := limit/2 - silent
	if s.pinged {
		next = limit - silent
	}
	if s.ext != nil && s.ext.granted.Idle > 0 {
		next = min(next, promised(s.ext.granted.Idle)-durationOf(s.w.ticks()-s.ext.lastWrite))
	}
	s.t.SetTimeout(max(next, time.Millisecond))
}

// promised is how long we may stay silent to a client that expects something
// within idle.
func promised(idle time.Duration) time.Duration { return idle - idle/4 }

// Timeout implements [Handler].
func (s *WebSocket) Timeout() {
	if s.state != stateOpen {
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Abort()
		return
	}
	limit := s.route.Options.Inactivity
	silent := durationOf(s.w.ticks() - s.lastRead)
	switch {
	case limit <= 0:
		return
	case silent >= limit-tick && s.pinged:
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Close()
		return
	case silent >= limit/2-tick && !s.pinged:
		s.pinged = true
		s.ping()
	}
	if e := s.ext; e != nil && e.granted.Idle > 0 && durationOf(s.w.ticks()-e.lastWrite) >= promised(e.granted.Idle)-tick {
		s.keepAlive()
	}
	s.arm()
}

// ping asks the client for a sign of life.
func (s *WebSocket) ping() {
	if s.emulates() {
		s.ext.owe(s, wsx.Ping)
		return
	}
	s.write([]byte{0x89, 0})
}

// keepAlive gives the client one.
func (s *WebSocket) keepAlive() {
	if s.emulates() {
		s.ext.owe(s, wsx.Pong)
		return
	}
	s.write([]byte{0x8A, 0})
}
