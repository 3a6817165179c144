package balance

import (
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a [Directory]. The zero value works.
type Options struct {
	// SelfID is the id under which this process calls Set; its targets are
	// marked Local and its link is never down.
	SelfID string
	// LoadTTL is the age at which a member's connection count is no longer
	// believed and the mean of the others takes its place; 0 means 5 s,
	// negative means never (for adverts sent only on change).
	LoadTTL time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand yields uniform 64-bit numbers and is called from any goroutine;
	// nil means math/rand/v2, which is seeded by the system.
	Rand func() uint64
	// Logger receives faults of other members' adverts; nil discards them.
	Logger *slog.Logger
}

// A Directory holds the adverts of all members and the table made from them.
// All methods are safe for any goroutine. Those that change it build a new
// table and swap the pointer before they return; they exclude one another and
// belong off the event loops. [Directory.Pick], [Directory.Local] and
// [Directory.Snapshot] never wait.
type Directory struct {
	o     Options
	table atomic.Pointer[table]

	mu      sync.Mutex
	members map[string]*member
	order   []string // ids, sorted
	bound   map[string]*Affinity
	next    map[string]*atomic.Uint32 // round-robin positions outlive tables
	refs    map[reference]int
	shared  int // references held more than once
	warned  map[reference]bool
	rivals  map[rivalry]bool // pairs of members said to share a name
}

// A reference is a target as the balancer map of the predecessor knew it.
type reference struct{ balancer, uri string }

// A member is the writer's record of one member. name is what affinity calls
// it, see rename.
type member struct {
	id, name string
	self     bool
	advert   *Advert // nil while only health is known
	suspect  bool
	linkDown bool
	load     *load
	targets  []*Target // sorted by balancer, class, URI
}

// New returns an empty directory.
func New(o Options) *Directory {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	if o.LoadTTL == 0 {
		o.LoadTTL = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Directory{
		o:       o,
		members: make(map[string]*member),
		bound:   make(map[string]*Affinity),
		next:    make(map[string]*atomic.Uint32),
		refs:    make(map[reference]int),
		warned:  make(map[reference]bool),
		rivals:  make(map[rivalry]bool),
	}
	d.table.Store(&table{})
	return d
}

// Set replaces what is known about a member by a, which is copied. A change of
// counts alone updates them in place; anything else builds a new table.
func (d *Directory) Set(id string, a *Advert) {
	d.mu.Lock()
	defer d.mu.Unlock()
	own := *a
	own.Entries = a.canonical()
	m := d.member(id)
	old := m.advert
	m.advert = &own
	m.load.sample(&own, d.o.Now().UnixNano())
	if old != nil && sameOffer(old, &own) {
		m.showCounts()
		return
	}
	d.rename()
	d.offer(m)
	d.swap()
}

// Drop forgets a member: it died or left.
func (d *Directory) Drop(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.members[id]
	if m == nil {
		return
	}
	d.release(m)
	delete(d.members, id)
	d.order = slices.Sorted(maps.Keys(d.members))
	d.rename()
	d.swap()
}

// SetSuspect says whether the failure detector doubts the member. A suspect
// receives clients only when no member free of doubt is left, and none by cookie.
func (d *Directory) SetSuspect(id string, suspect bool) {
	d.health(id, func(m *member) *bool { return &m.suspect }, suspect)
}

// SetLink says whether the direct link to the member stands. While it is down
// the member receives clients only as the last resort (cluster-management.md §2.7).
func (d *Directory) SetLink(id string, up bool) {
	d.health(id, func(m *member) *bool { return &m.linkDown }, !up && id != d.o.SelfID)
}

func (d *Directory) health(id string, flag func(*member) *bool, v bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := flag(d.member(id))
	if *p == v {
		return
	}
	*p = v
	d.swap()
}

// Bind gives the balancer URI the affinity of its service, nil for none.
// Without Bind a balancer URI works and has no affinity. Binding anew, with
// other keys for example, takes effect for picks from then on.
func (d *Directory) Bind(balancer string, aff *Affinity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bound[balancer] == aff {
		return
	}
	d.bound[balancer] = aff
	for _, m := range d.members {
		if m.advert != nil && slices.ContainsFunc(m.advert.Entries, func(e Entry) bool { return e.Balance == balancer }) {
			d.offer(m)
		}
	}
	d.swap()
}

// member returns the record of id, made on first mention.
func (d *Directory) member(id string) *member {
	m := d.members[id]
	if m == nil {
		m = &member{id: id, name: id, self: id == d.o.SelfID, load: new(load)}
		d.members[id] = m
		d.order = slices.Sorted(maps.Keys(d.members))
	}
	return m
}

// offer makes the member's targets from its advert.
func (d *Directory) offer(m *member) {
	d.release(m)
	m.targets = nil
	for i := range m.advert.Entries {
		e := &m.advert.Entries[i]
		for _, uri := range e.Targets {
			ref := reference{e.Balance, uri}
			t := newTarget(m, e, uri, d.bound[e.Balance])
			if t == nil {
				d.warn(ref, "advert target refused", m)
				continue
			}
			if d.refs[ref]++; d.refs[ref] == 2 {
				d.shared++
				d.warn(ref, "target advertised twice", m)
			}
			m.targets = append(m.targets, t)
		}
	}
	m.prefer()
}

func (d *Directory) release(m *member) {
	for _, t := range m.targets {
		ref := reference{t.Balancer, t.URI}
		switch d.refs[ref]--; d.refs[ref] {
		case 1:
			d.shared--
		case 0:
			delete(d.refs, ref)
		}
	}
}

func (d *Directory) warn(ref reference, what string, m *member) {
	if d.warned[ref] || len(d.warned) >= 4*MaxEntries {
		return
	}
	d.warned[ref] = true
	d.o.Logger.Warn(what, "component", "balance", "member", m.id, "balancer", ref.balancer, "balancee", ref.uri)
}

// prefer unmarks what is not to be picked: of a member's targets under one
// balancer, class and security, those with the balancer's port and path hide
// the others (protocol.md §4.2).
func (m *member) prefer() {
	type group struct {
		balancer string
		class    Class
		secure   bool
	}
	exact := make(map[group]bool)
	for _, t := range m.targets {
		if t.exact {
			exact[group{t.Balancer, t.Class, t.Secure}] = true
		}
	}
	for _, t := range m.targets {
		t.exact = t.exact || !exact[group{t.Balancer, t.Class, t.Secure}]
	}
}

// showCounts copies the entries' connection counts for display.
func (m *member) showCounts() {
	counts := make(map[reference]uint32)
	for i := range m.advert.Entries {
		e := &m.advert.Entries[i]
		for _, uri := range e.Targets {
			counts[reference{e.Balance, uri}] = e.Conns
		}
	}
	for _, t := range m.targets {
		t.conns.Store(counts[reference{t.Balancer, t.URI}])
	}
}

// sameOffer reports whether two adverts differ in counts only.
func sameOffer(a, b *Advert) bool {
	return a.State == b.State && a.Name == b.Name && a.Zone == b.Zone && a.Version == b.Version &&
		slices.EqualFunc(a.Entries, b.Entries, func(x, y Entry) bool {
			x.Conns, y.Conns = 0, 0
			return compareEntries(x, y) == 0
		})
}
