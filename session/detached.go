package session

import (
	"log/slog"
	"net/netip"
	"time"
)

// Sessions that have a response are bounded by their connections. Those without
// cost their client nothing, so their number has a bound of its own,
// [Shape.MaxDetached], and what happens at it must hurt who causes it: a
// newcomer is given the seat of a session whose client has more than its share
// of all seats, or else the oldest seat that nobody has come for. It is turned
// away when its own client is the one with too many, or when all that wait are
// between two responses.

// A seat is that of a session among those of its loop without a response.
type seat struct {
	of           Channel
	row          *row // nil while the session has a response
	older, newer *seat
}

// A row holds seats, oldest first.
type row struct{ oldest, newest *seat }

// A detached is what a worker knows of the sessions without a response.
type detached struct {
	fresh  row // nobody has come for them yet, or their client has left without a word
	kept   row // their client has been told to come back
	number int
	shares map[netip.Addr]int32 // seats by client, as clientOf tells them apart

	turning bool      // clients are being turned away
	turned  time.Time // the latest
}

const (
	// maxShare is the part of all seats that are one client's own, whoever
	// else wants one: an eighth.
	maxShare = 8
	// maxLook bounds the search for the seat to give away.
	maxLook = 256
	// calmAfter is the time without a client turned away that ends an episode.
	calmAfter = 10 * time.Second
)

// clientOf is what counts as one client: an IPv4 address, or the /64 that is
// given to one subscriber.
func clientOf(a netip.AddrPort) netip.Addr {
	ip := a.Addr().Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64)
		return p.Addr()
	}
	return ip
}

// sit gives ch, whose seat is s, the newest seat of r.
func (d *detached) sit(r *row, s *seat, ch Channel) {
	s.of, s.row, s.older = ch, r, r.newest
	if s.older != nil {
		s.older.newer = s
	} else {
		r.oldest = s
	}
	r.newest = s
	d.number++
	d.shares[clientOf(ch.RemoteAddr())]++
}

// rise takes the seat s away, if its session has it.
func (d *detached) rise(s *seat) {
	if s.row == nil {
		return
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		s.row.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		s.row.newest = s.older
	}
	client := clientOf(s.of.RemoteAddr())
	if d.shares[client]--; d.shares[client] == 0 {
		delete(d.shares, client)
	}
	d.number--
	*s = seat{}
}

// greedy is the oldest seat of a client with more than share.
func (d *detached) greedy(r *row, share int32) *seat {
	s := r.oldest
	for n := 0; s != nil && n < maxLook; n++ {
		if d.shares[clientOf(s.of.RemoteAddr())] > share {
			return s
		}
		s = s.newer
	}
	return nil
}

// room reports whether a session for the client at addr may begin, and makes
// room for it.
func (w *Worker) room(addr netip.AddrPort) bool {
	d := &w.detached
	if d.number < w.shape.MaxDetached {
		return true
	}
	share := int32(w.shape.MaxDetached / maxShare)
	s := d.greedy(&d.fresh, share)
	if s == nil && d.shares[clientOf(addr)] <= share {
		if s = d.greedy(&d.kept, share); s == nil {
			s = d.fresh.oldest
		}
	}
	if s == nil {
		w.turnAway()
		return false
	}
	ch := s.of
	d.rise(s)
	ch.Abort()
	return true
}

// turnAway logs the first client of an episode that is turned away.
func (w *Worker) turnAway() {
	d := &w.detached
	d.turned = w.Loop.Now()
	if d.turning {
		return
	}
	d.turning = true
	w.log().Warn("session refused", "component", "session", "loop", w.Index,
		"reason", "too many sessions without a response", "limit", w.shape.MaxDetached)
	w.Loop.After(calmAfter, w.calm)
}

// calm ends the episode once nobody has been turned away for a while.
func (w *Worker) calm() {
	d := &w.detached
	if w.Loop.Now().Sub(d.turned) < calmAfter {
		w.Loop.After(calmAfter, w.calm)
		return
	}
	d.turning = false
	w.log().Info("sessions accepted again", "component", "session", "loop", w.Index)
}

func (w *Worker) log() *slog.Logger {
	if w.shape.Logger != nil {
		return w.shape.Logger
	}
	return slog.Default()
}
