//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"sync/atomic"
	"time"
)

// Stats are sums over all loops since New, except for the gauges.
type Stats struct {
	Conns        int   // gauge: conns at present, connecting ones included
	ConnsPerLoop []int // gauge: the same by loop
	Pending      int64 // gauge: bytes queued behind slow peers

	Accepted      int64 // conns that listeners took
	Refused       int64 // clients turned away by MaxConns or for want of fds
	AcceptErrors  int64 // times that accept met EMFILE, ENFILE, ENOMEM and the like
	Dialed        int64 // Dial calls
	Attached      int64 // conns taken over by Attach
	Detached      int64 // conns given away by Detach
	BytesIn       int64
	BytesOut      int64
	SlowConsumers int64 // conns reset by Limit or MaxPending
	Panics        int64 // panics of handlers and posted functions
	Handshakes    int64 // TLS handshakes completed
	HandshakeErrs int64 // TLS handshakes failed
}

// counters are a loop's own, plain integers.
type counters struct {
	conns, accepted, refused, acceptErrors, dialed, attached, detached,
	turns, bytesIn, bytesOut, slowConsumers, panics, handshakes, handshakeErrs int64
}

// published is the last snapshot of a loop's counters.
type published struct {
	atomic.Pointer[counters]
}

func (l *Loop) publish() {
	n := l.count
	l.published.Store(&n)
}

// statsPatience is how long Stats waits for all loops.
const statsPatience = 100 * time.Millisecond

// Stats asks every loop for its counters and sums them. A loop that does not
// answer within 100 ms, because a handler blocks it, is counted as it last was. The
// hot paths share nothing for it.
func (e *Engine) Stats() Stats {
	done := make(chan struct{}, len(e.loop))
	asked := 0
	for _, l := range e.loop {
		if l.Post(func() { l.publish(); done <- struct{}{} }) {
			asked++
		}
	}
	patience := time.NewTimer(statsPatience)
	defer patience.Stop()
wait:
	for range asked {
		select {
		case <-done:
		case <-patience.C:
			break wait
		}
	}
	s := Stats{Conns: int(e.live.Load()), Pending: e.pending.Load(), ConnsPerLoop: make([]int, len(e.loop))}
	for i, l := range e.loop {
		if n := l.published.Load(); n != nil {
			s.ConnsPerLoop[i] = int(n.conns)
			s.add(n)
		}
	}
	return s
}

func (s *Stats) add(n *counters) {
	s.Accepted += n.accepted
	s.Refused += n.refused
	s.AcceptErrors += n.acceptErrors
	s.Dialed += n.dialed
	s.Attached += n.attached
	s.Detached += n.detached
	s.BytesIn += n.bytesIn
	s.BytesOut += n.bytesOut
	s.SlowConsumers += n.slowConsumers
	s.Panics += n.panics
	s.Handshakes += n.handshakes
	s.HandshakeErrs += n.handshakeErrs
}
