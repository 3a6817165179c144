package broadcast

import (
	"slices"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A gatherer makes one burst of all messages of one turn of a loop, or several
// when there is much, and holds its speakers when the hubs are behind. It
// belongs to that loop.
type gatherer struct {
	flow     flow
	s        *Service
	w        *session.Worker
	gathered session.Gathering // not yet published
	posted   bool              // flush is to come
	held     []session.Channel // paused speakers
}

// begin says on which loop g is. It is called before any add.
func (g *gatherer) begin(s *Service, w *session.Worker) {
	g.s, g.w = s, w
	g.flow.wake = func() { w.Loop.Post(g.release) }
}

// add takes a message of the speaker ch.
func (g *gatherer) add(ch session.Channel, op wsproto.Opcode, payload []byte) {
	if !g.s.heard() {
		return
	}
	if g.gathered.Footprint()+len(payload) > burstSize {
		g.publish()
	}
	if len(payload) >= burstSize {
		p := new(parcel)
		p.Add(op, payload)
		g.s.publish(p, &g.flow)
	} else {
		g.gathered.Add(op, payload)
	}
	if !g.posted && !g.gathered.Empty() {
		g.posted = true
		g.w.Loop.Post(g.flush)
	}
	if g.flow.full() && !slices.Contains(g.held, ch) {
		g.held = append(g.held, ch)
		ch.Pause()
	}
}

// flush ends the turn.
func (g *gatherer) flush() {
	g.posted = false
	g.publish()
}

func (g *gatherer) publish() {
	if g.gathered.Empty() {
		return
	}
	p := new(parcel)
	g.gathered.Move(&p.Shared)
	g.s.publish(p, &g.flow)
}

// release hears the speakers again: the hubs have caught up.
func (g *gatherer) release() {
	for _, ch := range g.held {
		ch.Resume()
	}
	clear(g.held)
	g.held = g.held[:0]
}

// gone forgets a speaker that has ended.
func (g *gatherer) gone(ch session.Channel) {
	if i := slices.Index(g.held, ch); i >= 0 {
		g.held = slices.Delete(g.held, i, i+1)
	}
}
