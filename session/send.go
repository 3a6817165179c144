package session

import "github.com/kzfast/kzfast/wsproto"

// SendFrame implements [Channel]. The frame at hand goes back inside the read
// buffer when it can; its Data then moves with it and stays readable.
func (s *WebSocket) SendFrame(f *wsproto.Frame) {
	switch {
	case s.state != stateOpen:
	case s.emulates():
		s.ext.send(s, f)
	case s.deflate != nil:
		s.deflate.send(s, f)
	case !s.follow(f):
	case s.w.reply.put(s, f):
	default:
		s.queueFrame(f)
	}
	if s.out.due() {
		s.payControl()
	}
}

// follow takes note that f is sent next. A service that begins a frame inside
// another loses the connection: the client could not read on.
func (s *WebSocket) follow(f *wsproto.Frame) bool {
	if s.out.follow(f) {
		return true
	}
	s.state = stateEnded
	s.t.Abort()
	return false
}

// writeFrame queues a copy of the data frame f.
func (s *WebSocket) writeFrame(f *wsproto.Frame) {
	if s.state == stateOpen && s.follow(f) {
		s.queueFrame(f)
	}
}

func (s *WebSocket) queueFrame(f *wsproto.Frame) {
	if f.Off == 0 {
		s.w.out = wsproto.AppendHeader(s.w.out[:0], f.Op, f.Fin, f.RSV1, f.Len)
		s.write(s.w.out)
	}
	if len(f.Data) > 0 {
		s.write(f.Data)
	}
}

// SendShared implements [Channel].
func (s *WebSocket) SendShared(m *Shared) {
	switch {
	case s.state != stateOpen:
	case s.emulates():
		for i := range m.Messages {
			p := m.Messages[i].Payload
			s.ext.send(s, &wsproto.Frame{Op: m.Messages[i].Op, Fin: true, Len: int64(len(p)), Data: p})
		}
	case s.out.open:
		s.state = stateEnded
		s.t.Abort()
	default:
		s.sent()
		s.t.Send(m.frames)
	}
}

// write queues a copy of p behind all that was sent before.
func (s *WebSocket) write(p []byte) {
	s.sent()
	s.t.Write(p)
}

// sent keeps the order between the reply and what is written past it, and
// notes that the client hears from us.
func (s *WebSocket) sent() {
	if s.w.reply.ws == s {
		s.w.reply.flush()
	}
	if s.ext != nil {
		s.ext.lastWrite = s.w.ticks()
	}
}
