package session

import "github.com/kzfast/kzfast/wsproto"

// SendFrame implements [Channel]. The frame at hand goes back inside the read
// buffer when it can; its Data then moves with it and stays readable.
func (s *WebSocket) SendFrame(f *wsproto.Frame) {
	if s.state != stateOpen || s.w.reply.put(s, f) {
		return
	}
	s.flushReply()
	if f.Off == 0 {
		s.w.out = wsproto.AppendHeader(s.w.out[:0], f.Op, f.Fin, f.RSV1, f.Len)
		s.t.Write(s.w.out)
	}
	if len(f.Data) > 0 {
		s.t.Write(f.Data)
	}
}

// SendShared implements [Channel].
func (s *WebSocket) SendShared(m *Shared) {
	if s.state == stateOpen {
		s.flushReply()
		s.t.Send(m.frames)
	}
}

// flushReply keeps the order between the reply and what is written past it.
func (s *WebSocket) flushReply() {
	if s.w.reply.ws == s {
		s.w.reply.flush()
	}
}
