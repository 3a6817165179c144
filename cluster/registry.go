package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	maxSlots      = 4096           // names remembered, tombstones included
	maxParked     = 64             // of them names memberlist never confirmed
	maxBytes      = 64 << 20       // of all records together
	parkedFor     = time.Minute    // how long an unconfirmed record waits
	rememberedFor = 24 * time.Hour // how long a member that is gone is known
)

var errStale = errors.New("stale incarnation")

// A slot is everything known of one name.
type slot struct {
	name   string
	member Member // the life last confirmed by memberlist
	meta   meta
	alive  bool // memberlist's word
	online bool // ours: Online was reported and Gone was not yet
	seen   time.Time

	rec       *record // best of any instance, nil = none
	shown     uint64  // hash of the advert last reported, 0 = none
	link      linkWord
	loadSeq   uint64
	wantAt    time.Time // when to ask for a record that gossip says exists, zero = nothing missing
	wantTimes int
}

// linkWord is what was reported last about a member's link.
type linkWord byte

const (
	linkUnsaid linkWord = iota
	linkIsUp
	linkIsDown
)

// A registry holds one slot per name and our own record. Its methods are safe
// for any goroutine and return what has to be reported; they call nobody.
type registry struct {
	mu        sync.Mutex
	self      Member
	own       *record
	ownMeta   meta
	slots     map[string]*slot
	bytes     int
	conflicts uint64
}

func newRegistry(self Member, m meta) *registry {
	r := &registry{self: self, ownMeta: m, slots: make(map[string]*slot)}
	r.set(stamp{self.Epoch, 1}, stateUp, nil)
	return r
}

func (r *registry) name() string { return r.own.name }

// set makes a new own record.
func (r *registry) set(at stamp, st state, advert []byte) {
	r.own = newRecord(nameOf(r.self.Addr), r.self.Instance, at, st, advert)
	r.self.Epoch, r.self.Started = at.epoch, time.UnixMilli(int64(at.epoch))
	r.ownMeta.stamp, r.ownMeta.hash = at, r.own.hash
}

// advertise replaces our advert.
func (r *registry) advertise(advert []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own.state != stateLeaving {
		r.set(stamp{r.own.stamp.epoch, r.own.stamp.version + 1}, stateUp, advert)
	}
}

// depart withdraws our advert for good.
func (r *registry) depart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own.state != stateLeaving {
		r.ownMeta.flags |= metaLeaving
		r.set(stamp{r.own.stamp.epoch, r.own.stamp.version + 1}, stateLeaving, nil)
	}
}

// outrank raises our epoch above that of a record or metadata of another life
// under our name (a clock that went back, a restart within a millisecond). It
// reports whether anything had to change.
func (r *registry) outrank(other uint64, seen stamp) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other == r.self.Instance && !r.own.stamp.less(seen) || seen.epoch < r.own.stamp.epoch || seen.epoch >= maxEpoch {
		return false
	}
	r.set(stamp{seen.epoch + 1, 1}, r.own.state, r.own.advert)
	return true
}

func (r *registry) current() (*record, meta, Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.own, r.ownMeta, r.self
}

// members lists the online members and ourselves.
func (r *registry) members() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	ms := []Member{r.self}
	for _, s := range r.slots {
		if s.online {
			ms = append(ms, s.member)
		}
	}
	sortMembers(ms)
	return ms
}

// admit judges an alive message before memberlist acts on it. It is called
// with memberlist's lock held.
func (r *registry) admit(name string, addr netip.AddrPort, m meta) error {
	at, ok := parseName(name)
	if !ok || at != addr {
		return fmt.Errorf("member name %q does not say its address %s", name, addr)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[name]
	if s == nil {
		if len(r.slots) >= maxSlots {
			return fmt.Errorf("%d members known, limit %d", len(r.slots), maxSlots)
		}
		return nil
	}
	if m.instance != s.meta.instance && m.stamp.epoch < s.meta.stamp.epoch {
		return fmt.Errorf("%w: epoch %d of instance %016x, known is %d of %016x",
			errStale, m.stamp.epoch, m.instance, s.meta.stamp.epoch, s.meta.instance)
	}
	return nil
}

// slotOf finds or makes a slot; nil when there is no room.
func (r *registry) slotOf(name string, now time.Time) *slot {
	s := r.slots[name]
	if s == nil {
		if len(r.slots) >= maxSlots {
			return nil
		}
		s = &slot{name: name}
		r.slots[name] = s
	}
	s.seen = now
	return s
}

// confirm takes memberlist's word that name is alive with this metadata. A
// life that replaces another is not online yet when confirm returns: gone
// reports the old one, and the caller confirms again.
func (r *registry) confirm(name string, addr netip.AddrPort, m meta, now time.Time) (events []Event, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slotOf(name, now)
	if s == nil {
		return nil, false
	}
	if s.online && m.instance != s.meta.instance {
		return r.offline(s, s.meta.leaving()), true
	}
	s.alive, s.meta = true, m
	s.member = Member{
		ID: idOf(name), Addr: addr, Instance: m.instance, Epoch: m.stamp.epoch,
		Started: time.UnixMilli(int64(m.stamp.epoch)), Product: m.product,
	}
	r.missing(s, now)
	return r.refresh(s), false
}

// lost takes memberlist's word that name is dead or has left.
func (r *registry) lost(name string, now time.Time) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[name]
	if s == nil {
		return nil
	}
	s.alive, s.seen, s.wantAt = false, now, time.Time{}
	if !s.online {
		return nil
	}
	return r.offline(s, s.leaving())
}

// leaving reports whether the confirmed life said that it leaves.
func (s *slot) leaving() bool {
	return s.meta.leaving() || s.rec != nil && s.rec.instance == s.meta.instance && s.rec.state == stateLeaving
}

func (r *registry) offline(s *slot, left bool) []Event {
	s.online, s.shown, s.link, s.loadSeq = false, 0, linkUnsaid, 0
	return []Event{{Kind: Gone, Member: s.member, Left: left}}
}

// refresh reports what became visible or invisible of a slot.
func (r *registry) refresh(s *slot) (events []Event) {
	if !s.alive {
		return nil
	}
	if s.leaving() {
		if s.online {
			return r.offline(s, true)
		}
		return nil
	}
	if !s.online {
		s.online = true
		events = append(events, Event{Kind: Online, Member: s.member})
	}
	if s.rec == nil || s.rec.instance != s.meta.instance || s.rec.state != stateUp {
		return events
	}
	var h uint64
	if len(s.rec.advert) > 0 {
		h = hashOf(s.rec.advert) | 1
	}
	if h != s.shown {
		s.shown = h
		events = append(events, Event{Kind: Changed, Member: s.member, Advert: s.rec.advert})
	}
	return events
}

// put offers a record. Ours is never replaced. stranger reports that the record
// was news and its member is not alive in memberlist's eyes.
func (r *registry) put(rec *record, now time.Time) (events []Event, stranger bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.name == r.name() {
		return nil, false
	}
	s := r.slots[rec.name]
	size := len(rec.raw)
	if s != nil && s.rec != nil {
		if !r.replaces(s, rec) {
			return nil, false
		}
		size -= len(s.rec.raw)
	}
	if r.bytes+size > maxBytes || s == nil && r.parked() >= maxParked {
		return nil, false
	}
	known := s != nil
	if s = r.slotOf(rec.name, now); s == nil {
		return nil, false
	}
	if !known {
		s.member.ID = idOf(rec.name)
	}
	s.rec = rec
	r.bytes += size
	r.missing(s, now)
	return r.refresh(s), !s.alive
}

// replaces decides between two records of one name. Two with one stamp come
// from two claims to one identity: metadata decides, else any rule that all
// members share.
func (r *registry) replaces(s *slot, rec *record) bool {
	if rec.stamp != s.rec.stamp {
		return s.rec.stamp.less(rec.stamp)
	}
	if rec.hash == s.rec.hash {
		return false
	}
	r.conflicts++
	if s.alive && s.meta.stamp == rec.stamp {
		return s.meta.hash == rec.hash
	}
	return rec.hash > s.rec.hash
}

// parked counts the names that only a record speaks of.
func (r *registry) parked() (n int) {
	for _, s := range r.slots {
		if s.rec != nil && s.meta.instance == 0 {
			n++
		}
	}
	return n
}

// report takes a link's word about one life of a member.
func (r *registry) report(name string, instance uint64, up bool) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[name]
	if s == nil || !s.online || s.meta.instance != instance {
		return nil
	}
	word, kind := linkIsDown, LinkDown
	if up {
		word, kind = linkIsUp, LinkUp
	}
	if s.link == word {
		return nil
	}
	s.link = word
	return []Event{{Kind: kind, Member: s.member}}
}

// sample takes a load sample.
func (r *registry) sample(m *message) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[m.from]
	if s == nil || !s.online || s.meta.instance != m.inst || m.seq <= s.loadSeq {
		return nil
	}
	s.loadSeq = m.seq
	return []Event{{Kind: Load, Member: s.member, Advert: m.payload}}
}

// expire forgets members gone for a day and records nobody confirmed.
func (r *registry) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, s := range r.slots {
		keep := rememberedFor
		if s.meta.instance == 0 {
			keep = parkedFor
		}
		if !s.alive && now.Sub(s.seen) > keep {
			if s.rec != nil {
				r.bytes -= len(s.rec.raw)
			}
			delete(r.slots, name)
		}
	}
}
