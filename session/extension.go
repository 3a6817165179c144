package session

import (
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// An extension is what an extended handshake agreed on for one session
// (spec/protocol.md §3.6, §3.7): ping and pong as text messages that a script
// can see, and a promise never to be silent for long.
type extension struct {
	granted   wsx.Extensions
	in        wsx.Receiver
	out       wsx.Sender
	lastWrite uint32 // ticks
	owedPing  bool   // to be sent when the message under way has ended
	owedPong  bool
}

// emulates reports whether control frames travel as text messages.
func (s *WebSocket) emulates() bool { return s.ext != nil && s.ext.granted.PingPong }

// receive takes emulated control frames and escapes out of f and delivers
// what is left of it.
func (e *extension) receive(s *WebSocket, f *wsproto.Frame) {
	var out [2]wsproto.Frame
	n, signal, err := e.in.Next(f, &out)
	if err != nil {
		s.fail(err)
		return
	}
	if signal == wsx.Ping {
		e.owe(s, wsx.Pong)
	}
	for i := range out[:n] {
		s.recv.Frame(s, &out[i])
		if s.state != stateOpen {
			return
		}
	}
}

// send escapes f.
func (e *extension) send(s *WebSocket, f *wsproto.Frame) {
	var out [2]wsproto.Frame
	n, escape := e.out.Next(f, &out)
	if escape {
		s.w.out = wsx.AppendEscape(s.w.out[:0])
		s.write(s.w.out)
	}
	for i := range out[:n] {
		s.writeFrame(&out[i])
	}
	if e.owedPing || e.owedPong {
		e.pay(s)
	}
}

// owe sends an emulated control frame now, or after the message under way.
func (e *extension) owe(s *WebSocket, signal wsx.Signal) {
	if signal == wsx.Ping {
		e.owedPing = true
	} else {
		e.owedPong = true
	}
	e.pay(s)
}

func (e *extension) pay(s *WebSocket) {
	if !e.out.Ready() || s.t.Over() {
		return
	}
	s.w.out = s.w.out[:0]
	if e.owedPing {
		s.w.out = wsx.AppendPing(s.w.out)
	}
	if e.owedPong {
		s.w.out = wsx.AppendPong(s.w.out)
	}
	e.owedPing, e.owedPong = false, false
	s.write(s.w.out)
}
