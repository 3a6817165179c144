package balance

import (
	"slices"
	"sync/atomic"
)

// A table is one immutable answer to every Pick until the next change.
type table struct {
	pools map[string]*pool
}

// A pool holds the targets of one balancer URI.
type pool struct {
	groups [2 * numClasses]group
	all    []listed
}

// A group holds the targets one client may be sent to: same class, same
// security, the best tier that is not empty. Targets of one member stand side
// by side.
type group struct {
	tier    tier
	targets []*Target
	sums    []uint64       // running weights; nil when all are equal
	next    *atomic.Uint32 // round-robin position
}

type listed struct {
	target *Target
	tier   tier
}

// A tier orders members by how much a new client may trust them.
type tier uint8

const (
	trusted tier = iota
	doubted
	unlinked
)

func (m *member) tier() tier {
	switch {
	case m.linkDown:
		return unlinked
	case m.suspect:
		return doubted
	}
	return trusted
}

func groupIndex(c Class, secure bool) int {
	i := int(c) * 2
	if secure {
		i++
	}
	return i
}

func (t *table) group(q *Query) *group {
	p := t.pools[q.Balancer]
	if p == nil || q.Class >= numClasses {
		return nil
	}
	g := &p.groups[groupIndex(q.Class, q.Secure)]
	if len(g.targets) == 0 {
		return nil
	}
	return g
}

// swap builds the table of the present state and publishes it. Held lock: mu.
func (d *Directory) swap() {
	t := &table{pools: make(map[string]*pool, len(d.table.Load().pools))}
	var seen map[reference]tier
	if d.shared > 0 {
		seen = make(map[reference]tier)
	}
	for _, id := range d.order {
		m := d.members[id]
		if m.advert == nil || m.advert.State != Up {
			continue
		}
		tier := m.tier()
		for _, tg := range m.targets {
			if seen != nil {
				ref := reference{tg.Balancer, tg.URI}
				if best, ok := seen[ref]; ok && best <= tier {
					continue
				}
				seen[ref] = tier
			}
			t.add(d, tg, tier)
		}
	}
	for _, p := range t.pools {
		p.finish()
	}
	d.table.Store(t)
}

func (t *table) add(d *Directory, tg *Target, tr tier) {
	p := t.pools[tg.Balancer]
	if p == nil {
		p = new(pool)
		p.all = make([]listed, 0, len(d.order))
		t.pools[tg.Balancer] = p
		position := d.position(tg.Balancer)
		for i := range p.groups {
			p.groups[i].next = position
		}
	}
	p.all = append(p.all, listed{tg, tr})
	if !tg.exact {
		return
	}
	g := &p.groups[groupIndex(tg.Class, tg.Secure)]
	switch {
	case g.targets == nil:
		g.tier = tr
		g.targets = make([]*Target, 0, len(d.order))
	case tr > g.tier:
		return
	case tr < g.tier:
		g.tier = tr
		g.targets = g.targets[:0]
	}
	g.targets = append(g.targets, tg)
}

func (d *Directory) position(balancer string) *atomic.Uint32 {
	n := d.next[balancer]
	if n == nil {
		n = new(atomic.Uint32)
		d.next[balancer] = n
	}
	return n
}

func (p *pool) finish() {
	for i := range p.groups {
		g := &p.groups[i]
		if !slices.ContainsFunc(g.targets, func(t *Target) bool { return t.Weight != g.targets[0].Weight }) {
			continue
		}
		g.sums = make([]uint64, len(g.targets))
		var sum uint64
		for i, t := range g.targets {
			sum += uint64(t.Weight)
			g.sums[i] = sum
		}
	}
}
