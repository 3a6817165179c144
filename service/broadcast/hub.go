package broadcast

import (
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A hub is the subscribers of one loop. It belongs to that loop.
type hub struct {
	subs []*subscriber
	from gatherer // what its clients say, when that is broadcast
}

func (h *hub) add(s *subscriber) {
	h.from.s = s.s
	s.index = len(h.subs)
	h.subs = append(h.subs, s)
}

func (h *hub) remove(s *subscriber) {
	last := len(h.subs) - 1
	h.subs[s.index] = h.subs[last]
	h.subs[s.index].index = s.index
	h.subs[last] = nil
	h.subs = h.subs[:last]
}

func (h *hub) deliver(m *session.Shared) {
	for _, s := range h.subs {
		s.deliver(m)
	}
}

// A subscriber is one client. It belongs to its loop.
type subscriber struct {
	s       *Service
	ch      session.Channel
	index   int
	backlog []*session.Shared // bursts kept back while the client is slow
	size    int               // their bytes
	message []byte            // an unfinished message of the client
	op      wsproto.Opcode
}

// deliver sends a burst, unless the client has too much to read already.
func (s *subscriber) deliver(m *session.Shared) {
	o := &s.s.o
	if !o.DropOldest {
		if s.ch.Pending() > o.MaxPending {
			s.s.cut.Add(1)
			o.Logger.Info("subscriber cut", "addr", s.ch.RemoteAddr().String(), "bytes", s.ch.Pending())
			s.ch.Abort()
			return
		}
		s.ch.SendShared(m)
		return
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
	if f.Op != wsproto.OpContinuation && f.Start() {
		s.op = f.Op
	}
	from := &s.s.hubs[ch.Worker().Index].from
	if f.Whole() && f.Fin && len(s.message) == 0 {
		from.add(ch.Worker(), s.op, f.Data)
		return
	}
	s.message = append(s.message, f.Data...)
	if f.Last() {
		from.add(ch.Worker(), s.op, s.message)
		s.message = nil
	}
}

// Closed implements [session.Receiver].
func (s *subscriber) Closed(ch session.Channel, _ wsproto.Code, _ []byte) {
	s.s.hubs[ch.Worker().Index].remove(s)
}
