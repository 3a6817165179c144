package session

import (
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/sse"
)

// An eventStream is a conversation with an EventSource client, to which a
// service can only write (spec/protocol.md §7). It belongs to the loop that
// its id names and survives the loss of its response for a minute.
type eventStream struct {
	outlet
	recv  Receiver
	route *Route
	out   assembler
	stop  func() // of the timer while there is no response

	id     sse.ID
	remote netip.AddrPort
	code   wsproto.Code // reported to the service, 0 while open
	state  state
	once   bool // each response ends with the first event
	block  bool // each event is followed by padding
}

// eventsKeepAlive is the silence after which a stream gets a comment.
const eventsKeepAlive = 30 * time.Second

// eventsBound is what is kept for a client that has lost its response. Most
// never come back for it, because they do not know the stream's own URL.
const eventsBound = 64 << 10

// SendFrame implements [Channel].
func (s *eventStream) SendFrame(f *wsproto.Frame) {
	if s.state != stateOpen || f.Op.Control() {
		return
	}
	payload, _, ok := s.out.add(f)
	if !ok {
		if s.out.size() > queueBound {
			s.Abort()
		}
		return
	}
	w := s.w
	w.out = sse.AppendData(w.out[:0], payload)
	s.out.release()
	s.afterWrite(s.put(w.out))
}

// SendShared implements [Channel].
func (s *eventStream) SendShared(m *Shared) {
	if s.state == stateOpen {
		s.afterWrite(s.share(m.events()))
	}
}

func (s *eventStream) afterWrite(ok bool) {
	switch {
	case !ok:
		s.Abort()
	case s.t == nil:
	case s.once || s.full():
		s.w.out = sse.AppendReconnect(s.w.out[:0], nil)
		s.t.Write(s.w.out)
		s.detach()
		s.await(&s.w.detached.kept)
	case s.block:
		s.w.out = sse.AppendBlockPadding(s.w.out[:0])
		s.put(s.w.out)
	}
}

// Pause implements [Channel]: a client says nothing.
func (s *eventStream) Pause() {}

// Resume implements [Channel].
func (s *eventStream) Resume() {}

// RemoteAddr implements [Channel]: where the first request came from.
func (s *eventStream) RemoteAddr() netip.AddrPort { return s.remote }

// Close implements [Channel]. A client comes back after a while, in good
// order: spread over five seconds when all are told at once because we leave.
func (s *eventStream) Close(code wsproto.Code, _ string) {
	if s.state != stateOpen {
		return
	}
	retry := int64(sse.CloseRetry)
	if code != wsproto.CodeNormal {
		retry = 1 + s.w.rng.Int64N(5000)
	}
	s.state = stateEnded
	if s.t != nil {
		s.w.out = sse.AppendRetry(s.w.out[:0], retry)
		s.t.Write(s.w.out)
		s.detach()
	}
	s.w.Loop.Post(func() { s.remove(wsproto.CodeNormal) })
}

// Abort implements [Channel]. The service is told later, as by a connection.
func (s *eventStream) Abort() {
	if s.state == stateEnded {
		return
	}
	s.state = stateEnded
	if t := s.t; t != nil {
		s.t = nil
		t.SetHandler(gone{})
		t.Abort()
	}
	s.w.Loop.Post(func() { s.remove(wsproto.CodeAbnormal) })
}

// remove ends the stream for good.
func (s *eventStream) remove(code wsproto.Code) {
	if s.code != 0 {
		return
	}
	s.state, s.code = stateEnded, code
	delete(s.w.streams, s.id)
	s.route.Sessions.Add(-1)
	s.disarm()
	s.out.release()
	s.emptied()
	s.recv.Closed(s, code, nil)
}

// Data implements [Handler].
func (s *eventStream) Data([]byte) {}

// EOF implements [Handler]: the client has gone, and may come back.
func (s *eventStream) EOF() {
	s.detach()
	s.await(&s.w.detached.fresh)
}

// Closed implements [Handler].
func (s *eventStream) Closed(error) {
	s.lose()
	s.await(&s.w.detached.fresh)
}

// Drained implements [Handler].
func (s *eventStream) Drained() {
	if s.state == stateOpen {
		s.recv.Drained(s)
	}
}

// Timeout implements [Handler].
func (s *eventStream) Timeout() {
	if s.t == nil {
		s.remove(wsproto.CodeAbnormal)
		return
	}
	if s.held {
		s.held = false
		s.t.Write(s.queued())
		s.wrote(len(s.queued()))
		s.flushed()
		return
	}
	if durationOf(s.w.ticks()-s.lastWrite) >= eventsKeepAlive-tick {
		s.w.out = sse.AppendKeepAlive(s.w.out[:0])
		s.put(s.w.out)
	}
	s.arm()
}

func (s *eventStream) arm() {
	s.t.SetTimeout(max(eventsKeepAlive-durationOf(s.w.ticks()-s.lastWrite), time.Millisecond))
}

// await waits for the client to come back, in a seat of r.
func (s *eventStream) await(r *row) {
	s.disarm()
	s.stop = s.w.Loop.After(detachTimeout, s.Timeout)
	s.w.detached.sit(r, &s.seat, s)
}

func (s *eventStream) disarm() {
	s.w.detached.rise(&s.seat)
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}
