package cluster

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// memberlist forgets the dead and then never finds them again, so whoever is
// missing is tried for ever (spec cluster-management.md §2.10). The pace is set
// by reliability.md F11: whole again 5 s after the network is.
const (
	healEvery  = 3 * time.Second  // per missing address, ± 20 %
	lookEvery  = 10 * time.Second // between DNS rounds while somebody is online, else healEvery
	healSlow   = 10 * time.Second // once missing for slowAfter
	slowAfter  = 2 * time.Hour
	healTick   = 250 * time.Millisecond
	maxJoins   = 4 // at the same time
	perRound   = 3 // addresses begun per healRound
	healRound  = 1 * time.Second
	satisfied  = time.Minute // a seed behind address translation counts as met that long
	beaconGap  = 2 * time.Second
	beaconSlow = 30 * time.Second
	maxHeard   = 64 // addresses known from beacons only
)

// fastLane is when a member that just failed is tried again.
var fastLane = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second}

// eager are the pauses after the first tries of an address never met: members
// that start together refuse each other's first call.
var eager = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1500 * time.Millisecond}

// A candidate is an address that may be a member.
type candidate struct {
	addr    netip.AddrPort
	seed    bool      // configured, or what a configured name stands for now
	heard   bool      // only a beacon speaks of it: tried when it does, not by itself
	seen    time.Time // last online, or first heard of
	lost    time.Time // when it went missing, for the fast lane
	lane    int       // fast lane tries used
	tries   int       // all tries so far
	due     time.Time
	tried   time.Time
	fails   int
	met     time.Time // last join that worked
	member  bool      // was online under this very address
	joining bool
}

// A healer looks for missing members until it is closed.
type healer struct {
	own    func(netip.AddrPort) bool
	join   func(addr netip.AddrPort) error
	dns    resolver
	log    *slog.Logger
	told   *onceAMinute
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	seeds   []seed
	known   map[netip.AddrPort]*candidate
	online  map[netip.AddrPort]bool
	joins   int
	begun   []time.Time // recent joins, for perRound
	looking bool        // a DNS round runs
	lookAt  time.Time   // when the next one is due
	looked  bool        // the first one is over
	wake    chan struct{}
	first   chan struct{} // closed when the first other member was met
	joined  bool
}

func newHealer(seeds []seed, dns resolver) *healer {
	h := &healer{
		seeds: seeds, dns: dns, known: make(map[netip.AddrPort]*candidate), online: make(map[netip.AddrPort]bool),
		wake: make(chan struct{}, 1), first: make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

func (h *healer) start() {
	h.wg.Add(1)
	go h.run()
}

// close stops looking. Joins under way end with the transport.
func (h *healer) close() { h.cancel() }

func (h *healer) run() {
	defer h.wg.Done()
	tick := time.NewTicker(healTick)
	defer tick.Stop()
	for {
		now := time.Now()
		h.look(now)
		h.round(now)
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		case <-h.wake:
		}
	}
}

func jitter(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }

func (h *healer) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// look resolves the seeds anew. Names are asked for on a goroutine of their
// own, so a slow DNS delays nothing else.
func (h *healer) look(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.looking || now.Before(h.lookAt) {
		return
	}
	h.lookAt = now.Add(jitter(lookEvery))
	if len(h.online) == 0 {
		h.lookAt = now.Add(jitter(healEvery))
	}
	var names []seed
	for _, s := range h.seeds {
		if s.addr.IsValid() {
			h.seedAt(netip.AddrPortFrom(s.addr, s.port))
		} else {
			names = append(names, s)
		}
	}
	if len(names) == 0 {
		h.looked = true
		return
	}
	h.looking = true
	h.wg.Add(1)
	go h.resolve(names)
}

func (h *healer) resolve(names []seed) {
	defer h.wg.Done()
	var found []netip.AddrPort
	complete := true
	for _, s := range names {
		addrs, err := s.resolve(h.ctx, h.dns)
		if err != nil {
			complete = false
			if h.ctx.Err() == nil && h.told.first("dns "+s.text, time.Now()) {
				h.log.Warn("cluster seed not resolved", "seed", s.text, "err", err)
			}
		}
		found = append(found, addrs...)
	}
	h.mu.Lock()
	if complete {
		// An address the names no longer give is an ordinary one from now on,
		// kept for a day at most.
		for _, c := range h.known {
			c.seed = c.seed && h.literal(c.addr)
		}
	}
	for _, a := range found {
		h.seedAt(a)
	}
	h.looking, h.looked = false, true
	h.mu.Unlock()
	h.nudge()
}

func (h *healer) literal(a netip.AddrPort) bool {
	return slices.ContainsFunc(h.seeds, func(s seed) bool { return s.addr == a.Addr() && s.port == a.Port() })
}

// seedAt makes a candidate of a seed's address. The caller holds mu.
func (h *healer) seedAt(a netip.AddrPort) {
	if h.own(a) {
		return
	}
	c := h.candidate(a)
	c.seed, c.heard = true, false
}

func (h *healer) candidate(a netip.AddrPort) *candidate {
	c := h.known[a]
	if c == nil {
		c = &candidate{addr: a, seen: time.Now()}
		h.known[a] = c
	}
	return c
}

// setSeeds replaces the configured seeds.
func (h *healer) setSeeds(seeds []seed) {
	h.mu.Lock()
	h.seeds, h.lookAt = seeds, time.Time{}
	for _, c := range h.known {
		c.seed = c.seed && h.literal(c.addr)
	}
	h.mu.Unlock()
	h.nudge()
}

// up notes that a member is online.
func (h *healer) up(a netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.online[a] = true
	h.meet()
	c := h.candidate(a)
	c.heard, c.member, c.fails, c.lane, c.lost, c.seen = false, true, 0, 0, time.Time{}, time.Now()
}

// meet ends the wait for a first member. The caller holds mu.
func (h *healer) meet() {
	if !h.joined {
		h.joined = true
		close(h.first)
	}
}

// down notes that a member is gone. One that left is not looked for.
func (h *healer) down(a netip.AddrPort, left bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.online, a)
	c := h.candidate(a)
	now := time.Now()
	c.seen, c.met = now, time.Time{}
	switch {
	case !left:
		c.lost, c.lane, c.due = now, 0, now.Add(fastLane[0])
	case c.seed:
		c.due = now.Add(jitter(healEvery))
	default:
		delete(h.known, a)
	}
}

// hear notes a beacon of a member that may be missing.
func (h *healer) hear(a netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.online[a] || h.own(a) {
		return
	}
	now := time.Now()
	c := h.known[a]
	if c == nil {
		h.makeRoom()
		c = h.candidate(a)
		c.heard = true
	}
	gap := min(beaconGap<<min(c.fails, 4), beaconSlow)
	if now.Sub(c.tried) >= gap {
		c.due = now
		if c.heard {
			c.seen = now
		}
		h.nudge()
	}
}

// makeRoom forgets the address that no beacon spoke of for the longest time,
// when there are too many that only beacons speak of.
func (h *healer) makeRoom() {
	var oldest *candidate
	n := 0
	for _, c := range h.known {
		if c.heard {
			n++
			if oldest == nil || c.seen.Before(oldest.seen) {
				oldest = c
			}
		}
	}
	if n >= maxHeard {
		delete(h.known, oldest.addr)
	}
}

// bye notes a beacon of a member that leaves.
func (h *healer) bye(a netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.known[a]; c != nil && !c.seed && !h.online[a] {
		delete(h.known, a)
	}
}

// round begins the joins that are due.
func (h *healer) round(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var due []*candidate
	for a, c := range h.known {
		switch {
		case h.online[a] || c.joining:
		case !c.seed && now.Sub(c.seen) > rememberedFor, c.heard && now.Sub(c.seen) > time.Minute:
			delete(h.known, a)
		case c.heard && c.due.IsZero():
		case now.Before(c.due):
		case !c.member && len(h.online) > 0 && now.Sub(c.met) < satisfied:
		default:
			due = append(due, c)
		}
	}
	slices.SortFunc(due, func(a, b *candidate) int {
		if a.seed != b.seed && a.tried.IsZero() == b.tried.IsZero() {
			if a.seed {
				return -1
			}
			return 1
		}
		return a.tried.Compare(b.tried)
	})
	h.begun = slices.DeleteFunc(h.begun, func(t time.Time) bool { return now.Sub(t) >= healRound })
	for _, c := range due {
		if h.joins >= maxJoins || len(h.begun) >= perRound || h.ctx.Err() != nil {
			return
		}
		h.begun = append(h.begun, now)
		h.joins++
		c.joining, c.tried = true, now
		c.tries++
		h.wg.Add(1)
		go h.attempt(c.addr)
	}
}

// attempt joins one address.
func (h *healer) attempt(a netip.AddrPort) {
	defer h.wg.Done()
	err := h.join(a)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.joins--
	defer h.nudge()
	if err == nil {
		h.meet()
	}
	c := h.known[a]
	if c == nil {
		return
	}
	c.joining = false
	now := time.Now()
	if err == nil {
		c.met, c.fails = now, 0
	} else {
		c.fails++
	}
	c.due = c.next(now)
}

// next is when to try again.
func (c *candidate) next(now time.Time) time.Time {
	if c.heard {
		return time.Time{}
	}
	if c.tries <= len(eager) && !c.member && c.met.IsZero() {
		return now.Add(jitter(eager[c.tries-1]))
	}
	if c.lane++; !c.lost.IsZero() && c.lane < len(fastLane) {
		if at := c.lost.Add(fastLane[c.lane]); at.After(now) {
			return at
		}
	}
	if !c.seed && now.Sub(c.seen) > slowAfter {
		return now.Add(jitter(healSlow))
	}
	return now.Add(jitter(healEvery))
}

// exhausted reports that every seed was tried and none answered.
func (h *healer) exhausted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.looked || h.looking || h.joins > 0 {
		return false
	}
	for _, c := range h.known {
		if c.seed && c.tried.IsZero() {
			return false
		}
	}
	return true
}
