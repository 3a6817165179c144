package proxy

import (
	"net/netip"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A pair is one client with its back-end connection, and the receiver of
// both. It belongs to the loop of both.
type pair struct {
	s        *Service
	w        *session.Worker
	near     session.Channel            // the client; nil once it ended
	far      session.Channel            // the back end; nil before and after
	early    *bytebufferpool.ByteBuffer // what the client sent before far was connected
	protocol string
	try      []netip.AddrPort // the address being dialled, then those not yet tried
	target   int              // of try
	up       bool             // far is connected
	nearHeld bool             // near is paused
	farHeld  bool             // far is paused
	ending   bool             // near was told to end
	bye      *farewell        // near ended while early waits
}

// A farewell is what a client ended with before its back end was connected.
type farewell struct {
	code   wsproto.Code
	reason string
}

// dial connects to the next address of the next target. Without any left the
// client is closed.
func (p *pair) dial() {
	for len(p.try) == 0 {
		if p.target == len(p.s.o.Targets) {
			p.end(wsproto.CodeNormal, "")
			return
		}
		p.try = p.s.o.Targets[p.target].Addrs()
		p.target++
	}
	addr := p.try[0]
	t := &p.s.o.Targets[p.target-1]
	w := p.w
	if t.WebSocket != nil {
		p.far = session.DialWebSocket(w, addr, p.s.o.DialTimeout, t.WebSocket, p.protocol, p)
	} else {
		p.far = session.DialStream(w, addr, p.s.o.DialTimeout, p)
	}
	p.far.SetHighWater(p.s.o.MaxPending)
}

// Connected implements [session.Connecter] for the back end.
func (p *pair) Connected(session.Channel) {
	p.up = true
	p.try = nil
	if p.early != nil {
		p.forwardEarly()
	}
	if p.bye != nil {
		p.far.Close(p.bye.code, p.bye.reason)
		return
	}
	if p.near == nil {
		p.far.Close(wsproto.CodeNormal, "")
		return
	}
	if !p.far.Over() {
		p.near.Resume()
		p.nearHeld = false
	}
}

// adopt makes a prepared connection the back end. What it has said already is
// what the client hears first.
func (p *pair) adopt(r *spare) {
	p.far, p.up = r.ch, true
	r.ch.SetHighWater(p.s.o.MaxPending)
	r.ch.SetReceiver(p)
	if n := len(r.greeting); n > 0 {
		p.Frame(r.ch, &wsproto.Frame{Op: wsproto.OpBinary, Fin: true, Len: int64(n), Data: r.greeting})
	}
	if !p.farHeld {
		r.ch.Resume()
	}
}

// Frame implements [session.Receiver] for both sides.
func (p *pair) Frame(ch session.Channel, f *wsproto.Frame) {
	if ch == p.near {
		p.fromClient(f)
		return
	}
	if p.near == nil {
		return
	}
	p.near.SendFrame(f)
	if !p.farHeld && p.near.Over() {
		p.farHeld = true
		p.far.Pause()
	}
}

func (p *pair) fromClient(f *wsproto.Frame) {
	if p.ending {
		return
	}
	if !p.up {
		p.keep(f)
		return
	}
	p.far.SendFrame(f)
	if !p.nearHeld && p.far.Over() {
		p.nearHeld = true
		p.near.Pause()
	}
}

// maxEarly bounds what is held for a back end that is not connected: one read,
// which compression may have made more of.
const maxEarly = 1 << 20

// keep holds what comes before the back end is connected. Reading stops at
// once, so this is at most one read.
func (p *pair) keep(f *wsproto.Frame) {
	if p.early == nil {
		p.early = bytebufferpool.Get()
	}
	if len(p.early.B)+len(f.Data) > maxEarly {
		p.end(wsproto.CodeTooBig, "")
		return
	}
	p.early.B = appendRecord(p.early.B, f)
	if !p.nearHeld {
		p.nearHeld = true
		p.near.Pause()
	}
	if p.far == nil && p.target == 0 {
		p.dial()
	}
}

func (p *pair) forwardEarly() {
	eachRecord(p.early.B, func(f *wsproto.Frame) { p.far.SendFrame(f) })
	p.dropEarly()
}

func (p *pair) dropEarly() {
	if p.early != nil {
		bytebufferpool.Put(p.early)
		p.early = nil
	}
}

// Drained implements [session.Receiver]: one side's queue is short again.
func (p *pair) Drained(ch session.Channel) {
	if ch == p.near {
		if p.farHeld && p.far != nil {
			p.farHeld = false
			p.far.Resume()
		}
		return
	}
	if p.nearHeld && p.up && p.near != nil {
		p.nearHeld = false
		p.near.Resume()
	}
}

// Closed implements [session.Receiver].
func (p *pair) Closed(ch session.Channel, code wsproto.Code, reason []byte) {
	if ch == p.near {
		p.near = nil
		p.nearClosed(code, reason)
		return
	}
	p.far = nil
	if p.up {
		p.end(closeCode(code), string(reason))
		return
	}
	if !p.ending && (p.near != nil || p.early != nil) {
		p.s.failed(p.try[0])
		p.try = p.try[1:]
		p.dial()
	}
}

// nearClosed ends the back end's side. What the client sent before the back
// end was connected is flushed as what is queued for it would be
// (spec/protocol.md §8.5): the connect goes on, and its end is near's.
func (p *pair) nearClosed(code wsproto.Code, reason []byte) {
	switch {
	case p.far == nil:
	case p.up:
		p.far.Close(closeCode(code), string(reason))
	case p.early != nil:
		p.bye = &farewell{closeCode(code), string(reason)}
	default:
		p.far.Abort()
	}
}

// end closes the client; what it sent that nobody took is dropped.
func (p *pair) end(code wsproto.Code, reason string) {
	p.ending = true
	p.dropEarly()
	if p.near != nil {
		p.near.Resume()
		p.near.Close(code, reason)
	}
}
