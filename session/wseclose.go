package session

import (
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// Close implements [Channel]: the downstream under way, or else the next one,
// carries our CLOSE, and the client's is awaited (spec/protocol.md §6.7). A
// code cannot be told.
func (s *emulated) Close(wsproto.Code, string) {
	if s.state != stateOpen {
		return
	}
	s.Resume()
	if !s.sayClose() {
		return
	}
	switch {
	case s.t != nil:
		s.reconnect()
	case s.poll != nil:
		s.w.Loop.Post(s.answerPolled)
	default:
		s.after(detachTimeout)
	}
}

// sayClose queues or sends our CLOSE, behind which nothing follows.
func (s *emulated) sayClose() bool {
	s.out.release()
	s.w.out = wse.AppendClose(s.w.out[:0])
	if !s.put(s.w.out) {
		s.Abort()
		return false
	}
	s.state = stateClosing
	return true
}

// peerClosed is told of the client's CLOSE.
func (s *emulated) peerClosed() {
	s.set(modePeerClosed, true)
	if s.state == stateOpen {
		if !s.sayClose() {
			return
		}
	} else if len(s.queued()) == 0 {
		s.finish(wsproto.CodeNoStatus)
		s.remove()
		return
	}
	s.finish(wsproto.CodeNoStatus)
	if s.t == nil && s.poll == nil {
		s.after(s.w.shape.CloseTimeout)
		return
	}
	s.reconnect()
}

// Abort implements [Channel]. The service is told later, as by a connection.
func (s *emulated) Abort() {
	if s.state != stateEnded {
		s.state = stateEnded
		s.w.Loop.Post(s.reset)
	}
}

// reset ends the session without a word: the client has broken a rule, or is
// gone.
func (s *emulated) reset() {
	if s.w.emulated[s.id] != s {
		return
	}
	if u := s.up; u != nil {
		u.s, s.up = nil, nil
		if s.is(modePaused) {
			u.x.unpause()
		}
	}
	switch x := s.poll; {
	case x != nil:
		s.poll, s.late, x.poll = nil, nil, nil
		x.end()
	case s.t != nil:
		s.detach()
	}
	s.remove()
	s.finish(wsproto.CodeAbnormal)
}

// remove makes the session unknown.
func (s *emulated) remove() {
	if s.w.emulated[s.id] != s {
		return
	}
	s.state = stateEnded
	delete(s.w.emulated, s.id)
	s.route.Sessions.Add(-1)
	s.disarm()
	s.out.release()
	s.emptied()
	if s.code == 0 {
		s.finish(wsproto.CodeAbnormal)
	}
}

// finish tells the service, once, that the conversation is over.
func (s *emulated) finish(code wsproto.Code) {
	if s.code == 0 {
		s.code = code
		s.recv.Closed(s, code, nil)
	}
}

// detachTimeout bounds the time without a downstream (§6.8).
const detachTimeout = 60 * time.Second

// arm sets the timer for what comes next when nothing happens: a sign of life
// while there is a downstream, the end of the session while there is none.
func (s *emulated) arm() {
	switch {
	case s.state != stateOpen:
	case s.t != nil:
		s.t.SetTimeout(s.next())
	case s.poll != nil:
		s.poll.t.SetTimeout(s.next())
	default:
		s.after(detachTimeout)
	}
}

// next is the time until a heartbeat or a ping is due.
func (s *emulated) next() time.Duration {
	d := s.period - s.since(s.lastWrite)
	if half := s.route.Options.Inactivity / 2; half > 0 && s.is(modePing) {
		d = min(d, half-s.since(s.pingTick))
	}
	return max(d, time.Millisecond)
}

func (s *emulated) since(ticks uint32) time.Duration { return durationOf(s.w.ticks() - ticks) }

// after sets the timer of a session without a downstream.
func (s *emulated) after(d time.Duration) {
	s.disarm()
	s.stop = s.w.Loop.After(d, s.Timeout)
	r := &s.w.detached.fresh
	if s.is(modeServed) {
		r = &s.w.detached.kept
	}
	s.w.detached.sit(r, &s.seat, s)
}

func (s *emulated) disarm() {
	s.w.detached.rise(&s.seat)
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// Timeout implements [Handler].
func (s *emulated) Timeout() {
	switch {
	case s.state == stateEnded:
		return
	case s.state == stateClosing || s.t == nil && s.poll == nil:
		s.reset()
		return
	case s.held:
		s.held = false
		s.t.Write(s.queued())
		s.wrote(len(s.queued()))
		s.flushed()
		return
	}
	s.beat()
	s.arm()
}

// beat sends what is due to a client that hears nothing.
func (s *emulated) beat() {
	half := s.route.Options.Inactivity / 2
	switch {
	case half > 0 && s.is(modePing) && s.since(s.pingTick) >= half-tick:
		if s.is(modePinged) {
			s.set(modePeerClosed, true)
			s.sayClose()
			s.finish(wsproto.CodeAbnormal)
			s.reconnect()
			return
		}
		s.set(modePinged, true)
		s.pingTick = s.w.ticks()
		s.w.out = wse.AppendPing(s.w.out[:0], s.enc)
		s.write(s.w.out)
	case s.since(s.lastWrite) >= s.period-tick:
		s.w.out = wse.AppendNOP(s.w.out[:0])
		s.write(s.w.out)
	}
}
