package balance

import (
	"math/bits"
	"net/netip"
	"sort"
)

// Policy is how a client without affinity gets its target.
type Policy uint8

// The policies of option balancer.policy.
const (
	Random           Policy = iota // uniform over targets, as the predecessor
	RoundRobin                     // one after the other, counted by this balancer
	LeastConnections               // the less loaded of two random choices
	Weighted                       // random in proportion to the entries' weights
)

// AffinityMode is option balancer.affinity.
type AffinityMode uint8

// The affinity modes.
const (
	ByCookie          AffinityMode = iota // default
	NoAffinity                            // every request on its own
	ByCookieOrAddress                     // cookie, else rendezvous hash of the client's prefix
)

// A Query is what a balancer knows about one client. It is only read, may be
// reused, and need not outlive the call.
type Query struct {
	Balancer string // the matched accept URI of the balancer
	Secure   bool   // the client speaks TLS
	Class    Class
	Policy   Policy
	Affinity AffinityMode
	Cookie   Cookie     // what [Affinity.Read] found
	Client   netip.Addr // for ByCookieOrAddress; the zero value means unknown
	Avoid    string     // member to pass over while there is another, "" for none
}

// Pick chooses a target, or reports false when no live member offers one.
// Members that are not up are never chosen; suspect ones only when no other is
// left, and those without link only when there is nothing else at all. It does
// not lock or allocate and is safe for any goroutine.
func (d *Directory) Pick(q *Query) (t *Target, ok bool) {
	g := d.table.Load().group(q)
	if g == nil {
		return nil, false
	}
	if t = d.sticky(g, q); t == nil {
		t = d.draw(g, q)
	}
	t.load.handed.Add(1)
	return t, true
}

// Local returns a target of this very member that Pick might choose, so that
// a client that cannot follow redirects can be served here.
func (d *Directory) Local(q *Query) (t *Target, ok bool) {
	g := d.table.Load().group(q)
	if g == nil {
		return nil, false
	}
	for _, t := range g.targets {
		if t.Local {
			return t, true
		}
	}
	return nil, false
}

// sticky returns the target affinity asks for, nil if it asks for none.
func (d *Directory) sticky(g *group, q *Query) *Target {
	if q.Affinity == NoAffinity {
		return nil
	}
	// A member in doubt is not eligible through a cookie (protocol.md §4.6).
	if g.tier == trusted {
		for i := range q.Cookie.n {
			lo, hi := g.find(&q.Cookie.found[i])
			if lo == hi || g.targets[lo].Member == q.Avoid {
				continue
			}
			return g.targets[lo+d.intn(hi-lo)]
		}
	}
	if q.Affinity == ByCookieOrAddress && q.Client.IsValid() {
		return d.rendezvous(g, q)
	}
	return nil
}

// find returns the range of targets of the member with the given cookie id.
func (g *group) find(id *cookieID) (lo, hi int) {
	for lo < len(g.targets) && !g.targets[lo].ids.has(id) {
		lo++
	}
	for hi = lo; hi < len(g.targets) && g.targets[hi].ids.has(id); {
		hi++
	}
	return lo, hi
}

// draw applies the policy. A policy that keeps coming back with the member to
// avoid loses its say.
func (d *Directory) draw(g *group, q *Query) *Target {
	const tries = 8
	n := len(g.targets)
	for range tries {
		if t := d.once(g, q.Policy); n == 1 || t.Member != q.Avoid {
			return t
		}
	}
	first := d.intn(n)
	for i := range n {
		if t := g.targets[(first+i)%n]; t.Member != q.Avoid {
			return t
		}
	}
	return g.targets[first]
}

func (d *Directory) once(g *group, p Policy) *Target {
	n := len(g.targets)
	switch {
	case p == RoundRobin:
		return g.targets[(g.next.Add(1)-1)%uint32(n)]
	case p == LeastConnections && n > 1:
		i := d.intn(n)
		j := (i + 1 + d.intn(n-1)) % n
		return d.lighter(g, g.targets[i], g.targets[j])
	case p == Weighted && g.sums != nil:
		at := uint64(d.intn(int(g.sums[n-1])))
		return g.targets[sort.Search(n, func(i int) bool { return g.sums[i] > at })]
	}
	return g.targets[d.intn(n)]
}

// lighter returns a unless b has less load for its capacity.
func (d *Directory) lighter(g *group, a, b *Target) *Target {
	stale := d.staleBefore()
	la, lb := g.loadOf(a, stale), g.loadOf(b, stale)
	ca, cb := uint64(a.load.capacity.Load()), uint64(b.load.capacity.Load())
	if ca != 0 && cb != 0 {
		la, lb = la*cb, lb*ca
	}
	if lb < la {
		return b
	}
	return a
}

// staleBefore is the Unix time in nanoseconds before which samples are not believed.
func (d *Directory) staleBefore() int64 {
	if d.o.LoadTTL < 0 {
		return -1 << 63
	}
	return d.o.Now().Add(-d.o.LoadTTL).UnixNano()
}

// loadOf is the member's sampled count, or the mean of the believable ones when
// its own is stale, plus the clients sent there since.
func (g *group) loadOf(t *Target, stale int64) uint64 {
	n := uint64(t.load.conns.Load())
	if t.load.sampled.Load() < stale {
		n = g.mean(stale)
	}
	// Bounded so that the product with a capacity fits.
	return min(n+t.load.handed.Load(), 1<<32-1)
}

func (g *group) mean(stale int64) uint64 {
	var sum, n uint64
	for _, t := range g.targets {
		if t.load.sampled.Load() >= stale {
			sum += uint64(t.load.conns.Load())
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// intn returns a uniform number in [0, n): the high word of a product, whose
// bias for these n is below 2^-32.
func (d *Directory) intn(n int) int {
	hi, _ := bits.Mul64(d.o.Rand(), uint64(n))
	return int(hi)
}
