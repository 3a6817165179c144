package session

import (
	"errors"

	"github.com/kzfast/kzfast/wsproto"
)

// onControl answers a control frame that has arrived whole (RFC 6455 §5.5).
func (s *WebSocket) onControl(f *wsproto.Frame) {
	switch f.Op {
	case wsproto.OpPing:
		s.pong(f)
	case wsproto.OpClose:
		s.onClose(f.Data)
	}
}

// pong answers a Ping. A peer that does not read its pongs gets no more of
// them until it does: only the latest need be answered (RFC 6455 §5.5.3). A
// Pong waits for the end of the frame under way.
func (s *WebSocket) pong(f *wsproto.Frame) {
	switch {
	case s.state != stateOpen || s.t.Over():
	case s.out.open:
		s.out.owePong(f.Data)
	default:
		f.Op = wsproto.OpPong
		if !s.w.reply.put(s, f) {
			s.queueFrame(f)
		}
	}
}

// payControl sends the control frames that waited for the end of a frame. Who
// was to be pinged has all the time to answer from now on.
func (s *WebSocket) payControl() {
	s.w.out = s.w.out[:0]
	if s.out.ping {
		s.w.out = append(s.w.out, 0x89, 0)
		s.inactive.asked(s.w)
	}
	if s.out.pong != nil {
		s.w.out = wsproto.AppendFrame(s.w.out, wsproto.OpPong, s.out.pong.B)
	}
	s.out.settle()
	s.write(s.w.out)
}

func (s *WebSocket) onClose(payload []byte) {
	code, reason, err := wsproto.ParseClose(payload)
	if err != nil {
		s.fail(err)
		return
	}
	if s.state == stateOpen {
		s.writeClose(code, reason)
	}
	s.finish(code, reason)
	s.t.Close()
}

// Close implements [Channel]: our Close frame goes out after what is queued,
// and the peer's is awaited for the close timeout. Inside a frame there is no
// place for one: the connection ends as it is, which is 1006 for the client.
func (s *WebSocket) Close(code wsproto.Code, reason string) {
	if s.state != stateOpen {
		return
	}
	if s.out.open {
		s.sent()
		s.state = stateEnded
		s.t.Close()
		return
	}
	s.writeClose(code, []byte(reason))
	s.state, s.rate.count = stateClosing, 0
	s.t.SetTimeout(s.w.shape.CloseTimeout)
	s.t.Resume()
}

// fail ends the connection for a fault of the peer's (RFC 6455 §7.1.7).
func (s *WebSocket) fail(err error) {
	code := wsproto.CodeProtocolError
	var ce *wsproto.CloseError
	if errors.As(err, &ce) {
		code = ce.Code
	}
	if s.state == stateClosing {
		s.finish(wsproto.CodeAbnormal, nil)
		s.t.Close()
		return
	}
	s.writeClose(code, nil)
	s.finish(code, nil)
	s.t.Close()
}

// writeClose queues a Close frame, unless that would end up inside a frame;
// CodeNoStatus makes an empty one.
func (s *WebSocket) writeClose(code wsproto.Code, reason []byte) {
	if s.out.open {
		s.sent()
		return
	}
	s.w.out = wsproto.AppendClose(s.w.out[:0], code, reason)
	s.write(s.w.out)
}
