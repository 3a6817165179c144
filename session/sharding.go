package session

import (
	"crypto/rand"

	"github.com/kzfast/kzfast/wsproto/wse"
)

// Sessions that outlive a connection are found again by an id that stands in
// a URL. The id alone says which loop has its session: it is drawn at random
// until its hash names the loop that draws it, which tells nobody anything
// about other ids. A request that arrives on another loop is moved there with
// its connection.

// newID draws an id for a session of this loop.
func (w *Worker) newID() wse.ID {
	var random [wse.RandomLen]byte
	for {
		rand.Read(random[:])
		if id, ok := wse.MakeID(random[:]); ok && w.loopOf(&id) == w.Index {
			return id
		}
	}
}

// loopOf is the index of the loop that has the session, if there is one.
func (w *Worker) loopOf(id *wse.ID) int {
	if w.Loops <= 1 {
		return w.Index
	}
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return int((h >> 32) % uint64(w.Loops))
}

// elsewhere reports whether the request is for a session of another loop.
func (x *exchange) elsewhere(c *call) (loop int, ok bool) {
	switch {
	case c.place == placeWSE && (c.wse.Kind == wse.Upstream || c.wse.Kind == wse.Downstream):
		loop = x.w.loopOf(&c.wse.ID)
	case c.place == placeEvents && c.events.Session:
		loop = x.w.loopOf(&c.events.ID)
	default:
		return 0, false
	}
	return loop, loop != x.w.Index && x.w.MoveTo != nil && c.route.Balancer == nil
}

// moveTo goes on with the connection, whose unserved bytes are p, on another
// loop.
func (x *exchange) moveTo(loop int, p []byte) int {
	x.w.MoveTo(x.t, x.port, loop, p)
	x.leave()
	return -1
}
