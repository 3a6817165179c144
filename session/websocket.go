package session

import (
	"net/netip"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// A WebSocket is a connection after its upgrade (RFC 6455). It belongs to its
// loop. An idle one holds no buffer.
type WebSocket struct {
	t        Transport
	w        *Worker
	recv     Receiver
	route    *Route
	dec      wsproto.Decoder
	held     *bytebufferpool.ByteBuffer // a frame that has not arrived whole; nil when idle
	ext      *extension                 // agreed on by an extended handshake; nil for plain clients
	deflate  *compression               // nil unless negotiated
	out      outgoing
	inactive inactivity
	index    int32        // in Worker.sessions
	code     wsproto.Code // close code to report, 0 while open
	state    state
	rate     controlRate // of the peer; after our Close, of its reads
}

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // our Close is queued, the peer's is awaited
	stateEnded         // both directions are done, the transport is closing
)

// maxHeld is the largest frame that is gathered until it is whole. Larger
// ones are passed on in chunks as they arrive.
const maxHeld = 64 << 10

const maxControl = 125 // RFC 6455 §5.5

func newWebSocket(t Transport, w *Worker, r *Route) *WebSocket {
	s := &WebSocket{t: t, w: w, route: r, recv: discard{}}
	s.inactive.heard(w)
	w.add(s)
	r.Options.tune(t)
	t.SetHandler(s)
	return s
}

// start hands the conversation to the service and arms the inactivity timer.
func (s *WebSocket) start(o *Open) {
	if recv := s.route.Service.Open(s, o); recv != nil {
		s.recv = recv
	}
	s.arm()
}

// Data implements [Handler].
func (s *WebSocket) Data(p []byte) {
	if s.state == stateEnded || s.state == stateClosing && !s.mayStillSend() {
		return
	}
	w := s.w
	if !s.emulates() {
		s.inactive.heard(w)
	}
	limits := &s.route.Options.Limits
	if s.deflate != nil {
		limits = &s.deflate.limits
	}
	w.reply.begin(s, p)
	for at := 0; at < len(p) && s.state != stateEnded; {
		n, ok, err := s.dec.Next(p[at:], limits, &w.frame)
		at += n
		if err != nil {
			s.fail(err)
			break
		}
		if !ok {
			break
		}
		w.reply.at(at, s.dec.HeaderBytes(), &w.frame)
		s.frame(&w.frame)
	}
	w.reply.done()
}

// frame handles one frame or chunk from the decoder. A native Pong is no
// answer to an emulated Ping.
func (s *WebSocket) frame(f *wsproto.Frame) {
	if s.ext != nil && f.Op != wsproto.OpPong {
		s.inactive.heard(s.w)
	}
	if f.Op.Control() {
		if s.gather(f, maxControl) {
			if s.rate.within(s.w) {
				s.onControl(f)
			} else {
				s.fail(errControlRate)
			}
			s.release()
		}
		return
	}
	if s.state != stateOpen {
		return
	}
	if s.tooManyFragments() {
		s.fail(errFragments)
		return
	}
	if s.gather(f, maxHeld) {
		s.deliver(f)
		s.release()
	}
}

func (s *WebSocket) deliver(f *wsproto.Frame) {
	switch {
	case s.emulates():
		s.ext.receive(s, f)
	case s.deflate != nil:
		s.deflate.receive(s, f)
	default:
		s.recv.Frame(s, f)
	}
}

// gather is gatherFrame; a frame that had to be kept cannot be answered where
// it was read.
func (s *WebSocket) gather(f *wsproto.Frame, limit int64) bool {
	whole := gatherFrame(&s.held, f, limit)
	if whole && s.held != nil {
		s.w.reply.detach()
	}
	return whole
}

// gatherFrame reports whether f may be handled now: it is whole, or too large
// to wait for. Otherwise its bytes are kept in held until the rest arrives; f
// then becomes the whole frame, valid until held is released.
func gatherFrame(held **bytebufferpool.ByteBuffer, f *wsproto.Frame, limit int64) bool {
	if f.Whole() || f.Len > limit {
		return true
	}
	if *held == nil {
		*held = bytebufferpool.Get()
	}
	(*held).B = append((*held).B, f.Data...)
	if !f.End() {
		return false
	}
	f.Off, f.Data = 0, (*held).B
	return true
}

func (s *WebSocket) release() {
	if s.held != nil {
		bytebufferpool.Put(s.held)
		s.held = nil
	}
}

// Drained implements [Handler]. Who is not pinged because of a long frame shows
// by reading it that it lives.
func (s *WebSocket) Drained() {
	if s.out.ping {
		s.inactive.heard(s.w)
	}
	if s.code == 0 {
		s.recv.Drained(s)
	}
}

// EOF implements [Handler]: a TCP end without a Close frame.
func (s *WebSocket) EOF() {
	s.finish(wsproto.CodeAbnormal, nil)
	s.t.Close()
}

// Closed implements [Handler].
func (s *WebSocket) Closed(error) {
	s.finish(wsproto.CodeAbnormal, nil)
	s.release()
	s.out.settle()
	if s.deflate != nil {
		s.deflate.release()
	}
	s.w.remove(s)
}

// finish tells the service, once, that the conversation is over.
func (s *WebSocket) finish(code wsproto.Code, reason []byte) {
	s.state = stateEnded
	if s.code == 0 {
		s.code = code
		s.recv.Closed(s, code, reason)
	}
}

// Worker implements [Channel].
func (s *WebSocket) Worker() *Worker { return s.w }

// RemoteAddr implements [Channel].
func (s *WebSocket) RemoteAddr() netip.AddrPort { return s.t.RemoteAddr() }

// Pause implements [Channel].
func (s *WebSocket) Pause() {
	s.inactive.pause()
	s.t.Pause()
}

// Resume implements [Channel].
func (s *WebSocket) Resume() {
	s.inactive.resume(s.w)
	s.t.Resume()
}

// Pending implements [Channel].
func (s *WebSocket) Pending() int { return s.t.Pending() }

// Over implements [Channel].
func (s *WebSocket) Over() bool { return s.t.Over() }

// SetHighWater implements [Channel].
func (s *WebSocket) SetHighWater(n int) { s.t.SetHighWater(n) }

// Abort implements [Channel].
func (s *WebSocket) Abort() { s.t.Abort() }

// discard is the receiver of a conversation that its service refused.
type discard struct{}

func (discard) Frame(Channel, *wsproto.Frame)        {}
func (discard) Drained(Channel)                      {}
func (discard) Closed(Channel, wsproto.Code, []byte) {}
