package broadcast

import (
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// An assembly makes messages of the frames and chunks of one speaker.
type assembly struct {
	message []byte // unfinished
	op      wsproto.Opcode
	unheard bool // it began without a subscriber: its rest is not kept
}

// maxKept bounds in bytes the memory kept for the next message.
const maxKept = 64 << 10

// frame takes the next frame or chunk of ch; a complete message goes to g.
func (a *assembly) frame(g *gatherer, ch session.Channel, f *wsproto.Frame) {
	if f.Op != wsproto.OpContinuation && f.Start() {
		a.op, a.unheard = f.Op, !g.s.heard()
	}
	if a.unheard {
		return
	}
	if f.Whole() && f.Fin && len(a.message) == 0 {
		g.add(ch, a.op, f.Data)
		return
	}
	a.message = append(a.message, f.Data...)
	if !f.Last() {
		return
	}
	g.add(ch, a.op, a.message)
	a.message = a.message[:0]
	if cap(a.message) > maxKept {
		a.message = nil
	}
}
