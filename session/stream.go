package session

import (
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A Stream is a raw byte stream as a conversation: each read is delivered as
// one whole binary frame, and of a frame that is sent only the payload goes
// out. It serves tcp accepts and connects to back ends.
type Stream struct {
	t     Transport
	w     *Worker
	recv  Receiver
	ended bool
}

// A Connecter is a [Receiver] that wants to know when a dialled channel has
// been connected. What it sends before is queued.
type Connecter interface {
	Connected(ch Channel)
}

// NewStream makes a conversation of t, whose events it receives from now on.
func NewStream(w *Worker, t Transport, recv Receiver) *Stream {
	s := &Stream{t: t, w: w, recv: recv}
	t.SetHandler(s)
	return s
}

// OpenStream starts a session of route's service on an accepted raw stream.
func (w *Worker) OpenStream(t Transport, route *Route) Handler {
	s := &Stream{t: t, w: w}
	route.Options.tune(t)
	s.recv = discard{}
	w.open = Open{}
	if recv := route.Service.Open(s, &w.open); recv != nil {
		s.recv = recv
	}
	return s
}

// DialStream connects to addr and returns the conversation at once; recv may
// be a [Connecter]. A failure to connect is its end.
func DialStream(w *Worker, addr netip.AddrPort, timeout time.Duration, recv Receiver) *Stream {
	s := &Stream{w: w, recv: recv}
	w.Loop.Dial(addr, timeout, func(t Transport) Handler {
		s.t = t
		return s
	})
	return s
}

// Connected is called by the transport of a dialled stream.
func (s *Stream) Connected() {
	if c, ok := s.recv.(Connecter); ok {
		c.Connected(s)
	}
}

// SetReceiver makes recv receive all further events, as when a prepared
// connection is given to a client.
func (s *Stream) SetReceiver(recv Receiver) { s.recv = recv }

// Data implements [Handler].
func (s *Stream) Data(p []byte) {
	if s.ended {
		return
	}
	f := &s.w.frame
	*f = wsproto.Frame{Op: wsproto.OpBinary, Fin: true, Len: int64(len(p)), Data: p}
	s.recv.Frame(s, f)
}

// EOF implements [Handler]: the end of one direction is the end of both
// (spec/protocol.md §8.5).
func (s *Stream) EOF() {
	s.finish(wsproto.CodeNormal)
	s.t.Close()
}

// Drained implements [Handler].
func (s *Stream) Drained() {
	if !s.ended {
		s.recv.Drained(s)
	}
}

// Timeout implements [Handler]; streams arm no timer.
func (s *Stream) Timeout() {}

// Closed implements [Handler].
func (s *Stream) Closed(err error) {
	code := wsproto.CodeNormal
	if err != nil {
		code = wsproto.CodeAbnormal
	}
	s.finish(code)
}

func (s *Stream) finish(code wsproto.Code) {
	if !s.ended {
		s.ended = true
		s.recv.Closed(s, code, nil)
	}
}

// SendFrame implements [Channel].
func (s *Stream) SendFrame(f *wsproto.Frame) {
	if len(f.Data) > 0 && !f.Op.Control() {
		s.t.Write(f.Data)
	}
}

// SendShared implements [Channel].
func (s *Stream) SendShared(m *Shared) {
	for _, msg := range m.Messages {
		s.t.Write(msg.Payload)
	}
}

// Close implements [Channel].
func (s *Stream) Close(wsproto.Code, string) { s.t.Close() }

// Abort implements [Channel].
func (s *Stream) Abort() { s.t.Abort() }

// Pause implements [Channel].
func (s *Stream) Pause() { s.t.Pause() }

// Resume implements [Channel].
func (s *Stream) Resume() { s.t.Resume() }

// Pending implements [Channel].
func (s *Stream) Pending() int { return s.t.Pending() }

// Over implements [Channel].
func (s *Stream) Over() bool { return s.t.Over() }

// SetHighWater implements [Channel].
func (s *Stream) SetHighWater(n int) { s.t.SetHighWater(n) }

// Worker implements [Channel].
func (s *Stream) Worker() *Worker { return s.w }

// RemoteAddr implements [Channel].
func (s *Stream) RemoteAddr() netip.AddrPort { return s.t.RemoteAddr() }
