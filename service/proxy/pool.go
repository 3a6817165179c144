package proxy

import (
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A pool holds back-end connections that were made before their client came
// (strategy prepared). It belongs to one loop.
type pool struct {
	ready   []*session.Stream
	dialing int
	retry   bool // a refill is scheduled
}

// refillDelay is the pause before a pool tries a back end again that refused.
const refillDelay = time.Second

// take gives p a prepared connection, or dials when there is none; then it
// fills the pool up again. Only plain TCP connections are prepared: a
// WebSocket's handshake names its client's subprotocol.
func (s *Service) take(p *pair) {
	w := p.near.Worker()
	q := &s.pools[w.Index]
	if n := len(q.ready); n > 0 {
		c := q.ready[n-1]
		q.ready = q.ready[:n-1]
		p.far, p.up = c, true
		c.SetReceiver(p)
		c.Resume()
	} else {
		p.dial()
	}
	s.refill(w)
}

// ready is each loop's share of the prepared connections, at least one.
func (s *Service) ready() int {
	loops := 1
	if s.o.Workers != nil {
		loops = max(len(s.o.Workers()), 1)
	}
	return max((s.o.Prepared+loops-1)/loops, 1)
}

func (s *Service) refill(w *session.Worker) {
	q := &s.pools[w.Index]
	want := s.ready()
	if s.o.Targets[0].WebSocket != nil {
		return
	}
	for len(q.ready)+q.dialing < want {
		addrs := s.o.Targets[0].Addrs()
		if len(addrs) == 0 {
			return
		}
		q.dialing++
		session.DialStream(w, addrs[0], s.o.DialTimeout, &spare{s: s, w: w, addr: addrs[0]})
	}
}

// A spare waits with one prepared connection for its client.
type spare struct {
	s    *Service
	w    *session.Worker
	addr netip.AddrPort
	up   bool
}

// Connected implements [session.Connecter]. A back end that speaks first is
// not read from until the client is there.
func (r *spare) Connected(ch session.Channel) {
	q := &r.s.pools[r.w.Index]
	r.up = true
	q.dialing--
	ch.Pause()
	q.ready = append(q.ready, ch.(*session.Stream))
}

// Frame implements [session.Receiver].
func (r *spare) Frame(session.Channel, *wsproto.Frame) {}

// Drained implements [session.Receiver].
func (r *spare) Drained(session.Channel) {}

// Closed implements [session.Receiver]: the connection ended unused.
func (r *spare) Closed(ch session.Channel, _ wsproto.Code, _ []byte) {
	q := &r.s.pools[r.w.Index]
	if !r.up {
		q.dialing--
		r.s.failed(r.addr)
	}
	for i, c := range q.ready {
		if session.Channel(c) == ch {
			q.ready = append(q.ready[:i], q.ready[i+1:]...)
			break
		}
	}
	if !q.retry {
		q.retry = true
		r.w.Loop.After(refillDelay, func() {
			q.retry = false
			r.s.refill(r.w)
		})
	}
}
