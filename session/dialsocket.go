package session

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// Dialing is how to open WebSockets to one back end. It is shared and
// immutable.
type Dialing struct {
	Host       string // authority for the Host header
	Target     string // path and query
	Origin     string // empty sends none
	Inactivity time.Duration
	MaxMessage int64 // bytes; 0 is no limit: the near side has its own
}

// A DialedSocket is a WebSocket to a back end, of which we are the client
// (RFC 6455 §4.1, §5.3). It is a [Channel] from the moment it is dialled;
// its receiver may be a [Connecter]. Redirects are not followed: any answer
// but a 101 that fits ends it.
type DialedSocket struct {
	t        Transport
	w        *Worker
	recv     Receiver
	dialing  *Dialing
	dec      wsproto.Decoder
	limits   wsproto.Limits
	held     *bytebufferpool.ByteBuffer // the answer's head, then an unfinished frame
	shake    *wsproto.Handshake         // until the answer was checked
	out      outgoing
	mask     [4]byte // of the data frame being sent in chunks
	inactive inactivity
	state    state
	finished bool
}

// DialWebSocket connects to addr and shakes hands as d says, offering
// protocol unless it is empty. recv gets the conversation's events.
func DialWebSocket(w *Worker, addr netip.AddrPort, timeout time.Duration, d *Dialing, protocol string, recv Receiver) *DialedSocket {
	s := &DialedSocket{w: w, recv: recv, dialing: d}
	s.limits = wsproto.Limits{Client: true, MaxMessage: d.MaxMessage}
	if d.MaxMessage == 0 {
		s.limits.MaxMessage = -1
	}
	s.shake = &wsproto.Handshake{Host: d.Host, Target: d.Target, Origin: d.Origin, Key: w.key()}
	if protocol != "" {
		s.shake.Protocols = []string{protocol}
	}
	s.inactive.heard(w)
	w.Loop.Dial(addr, timeout, func(t Transport) Handler {
		s.t = t
		head, err := s.shake.Append(nil)
		if err != nil {
			t.Abort()
			return s
		}
		t.Write(head)
		t.SetTimeout(timeout + w.shape.HeadTimeout)
		return s
	})
	return s
}

// key is a fresh Sec-WebSocket-Key. It need not be secret, only not repeat.
func (w *Worker) key() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], w.rng.Uint64())
	binary.LittleEndian.PutUint64(b[8:], w.rng.Uint64())
	return wsproto.Key(b)
}

// Data implements [Handler].
func (s *DialedSocket) Data(p []byte) {
	s.inactive.heard(s.w)
	if s.shake != nil {
		if p = s.answer(p); len(p) == 0 {
			return
		}
	}
	var f wsproto.Frame
	for len(p) > 0 && s.state != stateEnded {
		n, ok, err := s.dec.Next(p, &s.limits, &f)
		p = p[n:]
		if err != nil {
			s.end(wsproto.CodeProtocolError, nil)
			return
		}
		if !ok {
			return
		}
		s.frame(&f)
	}
}

// answer collects and checks the response head, and returns what is behind it.
func (s *DialedSocket) answer(p []byte) []byte {
	if s.held == nil {
		s.held = bytebufferpool.Get()
	}
	s.held.B = append(s.held.B, p...)
	var r wsproto.Response
	n, err := r.Parse(s.held.B, s.w.shape.Head)
	if err == nil && n == 0 {
		return nil
	}
	if err == nil {
		_, err = s.shake.Check(&r)
	}
	if err != nil {
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Abort()
		return nil
	}
	s.shake = nil
	rest := append([]byte(nil), s.held.B[n:]...)
	s.release()
	s.t.SetTimeout(s.dialing.Inactivity / 2)
	if c, ok := s.recv.(Connecter); ok {
		c.Connected(s)
	}
	return rest
}

func (s *DialedSocket) frame(f *wsproto.Frame) {
	limit := int64(maxHeld)
	if f.Op.Control() {
		limit = maxControl
	}
	if !gatherFrame(&s.held, f, limit) {
		return
	}
	defer s.release()
	switch {
	case f.Op == wsproto.OpPing:
		s.pong(f.Data)
	case f.Op == wsproto.OpClose:
		s.onClose(f.Data)
	case !f.Op.Control() && s.state == stateOpen:
		s.recv.Frame(s, f)
	}
}

// pong answers a Ping, after the end of the frame under way. A back end that
// does not read gets none, as in [WebSocket.pong].
func (s *DialedSocket) pong(payload []byte) {
	switch {
	case s.state != stateOpen || s.t.Over():
	case s.out.open:
		s.out.owePong(payload)
	default:
		s.control(wsproto.OpPong, payload)
	}
}

// control sends a control frame, under a mask of its own: that of a data frame
// may still be needed.
func (s *DialedSocket) control(op wsproto.Opcode, payload []byte) {
	s.w.out = wsproto.AppendMaskedFrame(s.w.out[:0], op, payload, s.freshMask())
	s.t.Write(s.w.out)
}

func (s *DialedSocket) onClose(payload []byte) {
	code, reason, err := wsproto.ParseClose(payload)
	if err != nil {
		s.end(wsproto.CodeProtocolError, nil)
		return
	}
	if s.state == stateOpen {
		answer := code
		if len(payload) == 0 {
			answer = wsproto.CodeNoStatus
		}
		s.writeClose(answer, reason)
	}
	s.finish(code, reason)
	s.t.Close()
}

// end fails the connection.
func (s *DialedSocket) end(code wsproto.Code, reason []byte) {
	if s.state == stateOpen && s.shake == nil {
		s.writeClose(code, reason)
	}
	s.finish(wsproto.CodeAbnormal, nil)
	s.t.Close()
}

// writeClose sends a Close frame, unless that would end up inside a frame.
func (s *DialedSocket) writeClose(code wsproto.Code, reason []byte) {
	if !s.out.open {
		s.w.out = wsproto.AppendMaskedClose(s.w.out[:0], code, reason, s.freshMask())
		s.t.Write(s.w.out)
	}
}

func (s *DialedSocket) freshMask() (m [4]byte) {
	binary.LittleEndian.PutUint32(m[:], s.w.rng.Uint32())
	return m
}

// SendFrame implements [Channel].
func (s *DialedSocket) SendFrame(f *wsproto.Frame) {
	if s.state == stateOpen {
		s.send(f)
	}
}

// send masks the data frame f into scratch, so that the bytes it was given stay
// as they are for whoever else reads them. What would garble the stream, as in
// [WebSocket.follow], costs the connection.
func (s *DialedSocket) send(f *wsproto.Frame) {
	if !s.out.follow(f) {
		s.state = stateEnded
		s.t.Abort()
		return
	}
	out := s.w.out[:0]
	if f.Off == 0 {
		s.mask = s.freshMask()
		out = wsproto.AppendMaskedHeader(out, f.Op, f.Fin, f.RSV1, f.Len, s.mask)
	}
	head := len(out)
	out = append(out, f.Data...)
	wsproto.Mask(out[head:], s.mask, f.Off)
	s.w.out = out
	s.t.Write(out)
	if s.out.due() {
		s.payControl()
	}
}

// payControl sends the control frames that waited for the end of a frame.
func (s *DialedSocket) payControl() {
	if s.out.ping {
		s.control(wsproto.OpPing, nil)
		s.inactive.asked(s.w)
	}
	if s.out.pong != nil {
		s.control(wsproto.OpPong, s.out.pong.B)
	}
	s.out.settle()
}

// SendShared implements [Channel].
func (s *DialedSocket) SendShared(m *Shared) {
	for _, msg := range m.Messages {
		s.SendFrame(&wsproto.Frame{Op: msg.Op, Fin: true, Len: int64(len(msg.Payload)), Data: msg.Payload})
	}
}

// Close implements [Channel]; inside a frame as [WebSocket.Close] says.
func (s *DialedSocket) Close(code wsproto.Code, reason string) {
	switch {
	case s.shake != nil:
		s.t.Abort()
	case s.state == stateOpen && s.out.open:
		s.state = stateEnded
		s.t.Close()
	case s.state == stateOpen:
		s.writeClose(code, []byte(reason))
		s.state = stateClosing
		s.t.SetTimeout(s.w.shape.CloseTimeout)
		s.t.Resume()
	}
}

// Timeout implements [Handler].
func (s *DialedSocket) Timeout() {
	limit := s.dialing.Inactivity
	switch {
	case s.shake != nil || s.state != stateOpen:
		s.t.Abort()
		return
	case limit <= 0:
		return
	}
	switch s.inactive.due(s.w, limit) {
	case silenceEnds:
		if s.out.ping && !s.t.Over() && s.dec.Idle() {
			s.inactive.heard(s.w)
			break
		}
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Close()
		return
	case silencePings:
		if s.out.open {
			s.out.ping = true
		} else {
			s.control(wsproto.OpPing, nil)
		}
	}
	s.t.SetTimeout(s.inactive.next(s.w, limit))
}

// EOF implements [Handler].
func (s *DialedSocket) EOF() {
	s.finish(wsproto.CodeAbnormal, nil)
	s.t.Close()
}

// Drained implements [Handler].
func (s *DialedSocket) Drained() {
	if s.out.ping {
		s.inactive.heard(s.w)
	}
	if !s.finished {
		s.recv.Drained(s)
	}
}

// Closed implements [Handler].
func (s *DialedSocket) Closed(error) {
	s.finish(wsproto.CodeAbnormal, nil)
	s.release()
	s.out.settle()
}

func (s *DialedSocket) finish(code wsproto.Code, reason []byte) {
	s.state = stateEnded
	if !s.finished {
		s.finished = true
		s.recv.Closed(s, code, reason)
	}
}

func (s *DialedSocket) release() {
	if s.held != nil {
		bytebufferpool.Put(s.held)
		s.held = nil
	}
}

// Abort implements [Channel].
func (s *DialedSocket) Abort() { s.t.Abort() }

// Pause implements [Channel].
func (s *DialedSocket) Pause() {
	s.inactive.pause()
	s.t.Pause()
}

// Resume implements [Channel].
func (s *DialedSocket) Resume() {
	s.inactive.resume(s.w)
	s.t.Resume()
}

// Pending implements [Channel].
func (s *DialedSocket) Pending() int { return s.t.Pending() }

// Over implements [Channel].
func (s *DialedSocket) Over() bool { return s.t.Over() }

// SetHighWater implements [Channel].
func (s *DialedSocket) SetHighWater(n int) { s.t.SetHighWater(n) }

// Worker implements [Channel].
func (s *DialedSocket) Worker() *Worker { return s.w }

// RemoteAddr implements [Channel].
func (s *DialedSocket) RemoteAddr() netip.AddrPort { return s.t.RemoteAddr() }
