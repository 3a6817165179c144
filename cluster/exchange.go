package cluster

import "time"

const (
	wantAfter = 300 * time.Millisecond // the record itself is usually on its way
	wantEvery = time.Second
)

// missing notes whether gossip speaks of a record that is not here.
func (r *registry) missing(s *slot, now time.Time) {
	have := s.rec != nil && s.rec.instance == s.meta.instance && !s.rec.stamp.less(s.meta.stamp)
	switch {
	case have || !s.alive:
		s.wantAt, s.wantTimes = time.Time{}, 0
	case s.wantAt.IsZero():
		s.wantAt = now.Add(wantAfter)
	}
}

// A want is a record to ask for.
type want struct {
	name  string
	have  stamp
	times int // how often it was asked for before
}

// wants gives what should be asked for now.
func (r *registry) wants(now time.Time) (ws []want) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slots {
		if s.wantAt.IsZero() || now.Before(s.wantAt) {
			continue
		}
		w := want{name: s.name, times: s.wantTimes}
		if s.rec != nil {
			w.have = s.rec.stamp
		}
		s.wantAt = now.Add(wantEvery)
		s.wantTimes++
		ws = append(ws, w)
	}
	return ws
}

// newer gives the names of a digest that we know less of than its sender.
func (r *registry) newer(digest []known) (ws []want) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range digest {
		s := r.slots[k.name]
		if s == nil || k.name == r.name() {
			continue
		}
		if s.rec == nil || s.rec.stamp.less(k.stamp) {
			w := want{name: k.name}
			if s.rec != nil {
				w.have = s.rec.stamp
			}
			ws = append(ws, w)
		}
	}
	return ws
}

// find gives the record of a name when it is newer than have.
func (r *registry) find(name string, have stamp) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.own
	if name != rec.name {
		s := r.slots[name]
		if s == nil || s.rec == nil {
			return nil
		}
		rec = s.rec
	}
	if !have.less(rec.stamp) {
		return nil
	}
	return rec
}

// state encodes what a push/pull exchange carries: everything when it is
// little or the exchange is a join, else our own record and a digest.
func (r *registry) state(join bool) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := appendState(nil, appendRecord(nil, r.own))
	limit := wholeState
	if join {
		limit = maxState
	}
	if r.bytes+len(out)+8*len(r.slots) <= limit {
		for _, s := range r.slots {
			if s.rec != nil && s.meta.instance != 0 {
				out = appendState(out, appendRecord(nil, s.rec))
			}
		}
		return out
	}
	ks := make([]known, 0, len(r.slots))
	for _, s := range r.slots {
		if s.rec != nil && s.meta.instance != 0 && len(ks) < maxDigest {
			ks = append(ks, known{s.name, s.rec.stamp})
		}
	}
	return appendState(out, appendDigest(nil, r.name(), ks))
}
