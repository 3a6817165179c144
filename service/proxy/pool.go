package proxy

import (
	"net/netip"
	"slices"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A pool holds back-end connections that were made before their client came
// (strategy prepared). It belongs to one loop.
type pool struct {
	ready   []*spare
	dialing int
	retry   bool // a refill is scheduled
	stopped bool // nothing is prepared any more
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
		r := q.ready[n-1]
		q.ready[n-1] = nil
		q.ready = q.ready[:n-1]
		p.adopt(r)
	} else {
		p.dial()
	}
	s.refill(w)
}

// share is that loop's part of the prepared connections, at least one.
func (s *Service) share(loop int) int {
	loops := 1
	if s.o.Workers != nil {
		loops = max(len(s.o.Workers()), 1)
	}
	n := s.o.Prepared / loops
	if loop < s.o.Prepared%loops {
		n++
	}
	return max(n, 1)
}

func (s *Service) refill(w *session.Worker) {
	q := &s.pools[w.Index]
	want := s.share(w.Index)
	if q.stopped || s.o.Targets[0].WebSocket != nil {
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

// empty closes the loop's prepared connections for good.
func (s *Service) empty(w *session.Worker) {
	q := &s.pools[w.Index]
	list := q.ready
	q.ready, q.stopped = nil, true
	for _, r := range list {
		r.ch.Close(wsproto.CodeNormal, "")
	}
}

// A spare waits with one prepared connection for its client.
type spare struct {
	s        *Service
	w        *session.Worker
	addr     netip.AddrPort
	ch       *session.Stream
	greeting []byte // what the back end said before the client came
	up       bool
}

// Connected implements [session.Connecter]. The connection is read from, so
// that its end is noticed before a client gets it.
func (r *spare) Connected(ch session.Channel) {
	q := &r.s.pools[r.w.Index]
	r.up = true
	q.dialing--
	if q.stopped {
		ch.Close(wsproto.CodeNormal, "")
		return
	}
	r.ch = ch.(*session.Stream)
	q.ready = append(q.ready, r)
}

// Frame implements [session.Receiver]. A back end that speaks first is not
// read from again until the client is there: this is at most one read.
func (r *spare) Frame(ch session.Channel, f *wsproto.Frame) {
	r.greeting = append(r.greeting, f.Data...)
	ch.Pause()
}

// Drained implements [session.Receiver].
func (r *spare) Drained(session.Channel) {}

// Closed implements [session.Receiver]: the connection ended unused.
func (r *spare) Closed(_ session.Channel, _ wsproto.Code, _ []byte) {
	q := &r.s.pools[r.w.Index]
	if !r.up {
		q.dialing--
		r.s.failed(r.addr)
	}
	if i := slices.Index(q.ready, r); i >= 0 {
		q.ready = slices.Delete(q.ready, i, i+1)
	}
	if !q.retry && !q.stopped {
		q.retry = true
		r.w.Loop.After(refillDelay, func() {
			q.retry = false
			r.s.refill(r.w)
		})
	}
}
