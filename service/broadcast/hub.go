package broadcast

import (
	"sync/atomic"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A hub is the subscribers of one loop. It belongs to that loop, but for
// count.
type hub struct {
	subs  []*subscriber // nil where one ended during the delivery under way
	from  gatherer      // what its clients say, when that is broadcast
	count atomic.Int32  // of subs; safe for any goroutine

	delivering bool
	gaps       bool // subs has nils
}

func (h *hub) add(s *subscriber) {
	s.index = len(h.subs)
	h.subs = append(h.subs, s)
	h.count.Add(1)
	s.s.subscribers.Add(1)
}

func (h *hub) remove(s *subscriber) {
	h.count.Add(-1)
	s.s.subscribers.Add(-1)
	if h.delivering {
		h.subs[s.index] = nil
		h.gaps = true
		return
	}
	last := len(h.subs) - 1
	h.subs[s.index] = h.subs[last]
	h.subs[s.index].index = s.index
	h.subs[last] = nil
	h.subs = h.subs[:last]
}

func (h *hub) deliver(m *session.Shared) {
	h.delivering = true
	defer h.delivered()
	for i, n := 0, len(h.subs); i < n; i++ {
		if s := h.subs[i]; s != nil {
			s.deliver(m)
		}
	}
}

func (h *hub) delivered() {
	h.delivering = false
	if h.gaps {
		h.compact()
	}
}

// compact closes the gaps that a delivery has left.
func (h *hub) compact() {
	kept := h.subs[:0]
	for _, s := range h.subs {
		if s != nil {
			s.index = len(kept)
			kept = append(kept, s)
		}
	}
	clear(h.subs[len(kept):])
	h.subs, h.gaps = kept, false
}

// A subscriber is one client. It belongs to its loop.
type subscriber struct {
	s       *Service
	ch      session.Channel
	index   int
	backlog []*session.Shared // bursts kept back while the client is slow
	size    int               // their bytes
	said    assembly          // what the client says, when that is broadcast
	cut     bool              // its end is on the way
}

// deliver sends a burst, unless the client has too much to read already.
func (s *subscriber) deliver(m *session.Shared) {
	o := &s.s.o
	if !o.DropOldest {
		if s.cut {
			return
		}
		if s.ch.Pending() > o.MaxPending {
			s.cut = true
			s.s.cut.Add(1)
			o.Logger.Info("subscriber cut", "addr", s.ch.RemoteAddr().String(), "bytes", s.ch.Pending())
			s.ch.Abort()
			return
		}
		s.ch.SendShared(m)
		return
	}
	if len(s.backlog) > 0 {
		// The response that owed a Drained may have ended without it.
		s.Drained(s.ch)
	}
	if len(s.backlog) == 0 && !s.ch.Over() {
		s.ch.SendShared(m)
		return
	}
	s.backlog = append(s.backlog, m)
	s.size += m.Len()
	for s.size > o.MaxPending && len(s.backlog) > 1 {
		s.size -= s.backlog[0].Len()
		s.backlog[0] = nil
		s.backlog = s.backlog[1:]
		s.s.dropped.Add(1)
	}
}

// Drained implements [session.Receiver]: the client has caught up so far that
// what was kept back may follow.
func (s *subscriber) Drained(session.Channel) {
	for len(s.backlog) > 0 && !s.ch.Over() {
		m := s.backlog[0]
		s.backlog[0] = nil
		s.backlog = s.backlog[1:]
		s.size -= m.Len()
		s.ch.SendShared(m)
	}
	if len(s.backlog) == 0 {
		s.backlog = nil
	}
}

// Frame implements [session.Receiver].
func (s *subscriber) Frame(ch session.Channel, f *wsproto.Frame) {
	if !s.s.o.EchoClients {
		return
	}
	from := &s.s.hubs[ch.Worker().Index].from
	s.said.frame(from, ch, f)
}

// Closed implements [session.Receiver].
func (s *subscriber) Closed(ch session.Channel, _ wsproto.Code, _ []byte) {
	h := &s.s.hubs[ch.Worker().Index]
	h.from.gone(ch)
	h.remove(s)
}
