package echo

import (
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A repeater sends each message back more than once. It has to wait for the
// end of a message that comes in pieces, which the accept option for the
// largest message bounds. It belongs to one conversation.
type repeater struct {
	times   int
	op      wsproto.Opcode
	message []byte
}

// Frame implements [session.Receiver].
func (r *repeater) Frame(ch session.Channel, f *wsproto.Frame) {
	if f.Op != wsproto.OpContinuation && f.Start() {
		r.op = f.Op
	}
	if f.Whole() && f.Fin && len(r.message) == 0 {
		r.send(ch, f.Data)
		return
	}
	r.message = append(r.message, f.Data...)
	if f.Last() {
		r.send(ch, r.message)
		r.message = nil
	}
}

func (r *repeater) send(ch session.Channel, payload []byte) {
	f := wsproto.Frame{Op: r.op, Fin: true, Len: int64(len(payload)), Data: payload}
	for range r.times {
		ch.SendFrame(&f)
	}
	if ch.Over() {
		ch.Pause()
	}
}

// Drained implements [session.Receiver].
func (r *repeater) Drained(ch session.Channel) { ch.Resume() }

// Closed implements [session.Receiver].
func (r *repeater) Closed(session.Channel, wsproto.Code, []byte) {}
