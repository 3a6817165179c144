package session

import (
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// arm sets the timer for the next thing that silence makes due: the client's
// of the inactivity timeout, ours of the idle timeout that an extended
// handshake promised (spec/protocol.md §2.4, §3.7).
func (s *WebSocket) arm() {
	limit := s.route.Options.Inactivity
	if limit <= 0 {
		return
	}
	next := s.inactive.next(s.w, limit)
	if s.ext != nil && s.ext.granted.Idle > 0 {
		next = min(next, max(s.ext.quiet(s.w), time.Millisecond))
	}
	s.t.SetTimeout(next)
}

// Timeout implements [Handler].
func (s *WebSocket) Timeout() {
	limit := s.route.Options.Inactivity
	switch {
	case s.state != stateOpen:
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Abort()
		return
	case limit <= 0:
		return
	}
	switch s.inactive.due(s.w, limit) {
	case silenceEnds:
		if s.keptWaiting() {
			s.inactive.heard(s.w)
			break
		}
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Close()
		return
	case silencePings:
		s.signal(wsx.Ping, 0x89)
	}
	if s.ext != nil && s.ext.granted.Idle > 0 && s.ext.quiet(s.w) < tick {
		s.signal(wsx.Pong, 0x8A)
	}
	s.arm()
}

// signal sends a Ping or Pong in the way the client understands.
func (s *WebSocket) signal(emulated wsx.Signal, first byte) {
	if s.emulates() {
		s.ext.owe(s, emulated)
		return
	}
	switch {
	case !s.out.open:
		s.w.out = append(s.w.out[:0], first, 0)
		s.write(s.w.out)
	case emulated == wsx.Ping:
		s.out.ping = true
	case s.out.pong == nil:
		s.out.owePong(nil)
	}
}

// keptWaiting reports whether the client could not be pinged because the frame
// under way has not ended, and that is not the client's doing: it reads, and
// owes no part of a message itself.
func (s *WebSocket) keptWaiting() bool {
	return s.out.ping && !s.t.Over() && s.dec.Idle()
}

// quiet is how long we may still be silent towards the client.
func (e *extension) quiet(w *Worker) time.Duration {
	return e.granted.Idle - e.granted.Idle/4 - durationOf(w.ticks()-e.lastWrite)
}
