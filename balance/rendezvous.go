package balance

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
)

// rendezvous returns the target whose member scores highest for the client's
// network prefix, passing over members that hold more than 1.25 times their
// even share (protocol.md §4.6): one NAT must not overload a member. nil when
// the balancer has no keys.
func (d *Directory) rendezvous(g *group, q *Query) *Target {
	var buf [16]byte
	prefix := appendPrefix(buf[:0], q.Client)
	stale := d.staleBefore()
	bound := g.bound(stale)
	var best *Target
	var top [sha256.Size]byte
	for pass := 0; pass < 2 && best == nil; pass++ {
		for i, t := range g.targets {
			again := i > 0 && g.targets[i-1].Member == t.Member
			if again || t.ids.aff == nil || t.Member == q.Avoid && len(g.targets) > 1 {
				continue
			}
			// The second pass answers when every member allowed is over the bound.
			if pass == 0 && g.loadOf(t, stale) >= bound {
				continue
			}
			if s := t.ids.aff.score(t.Name, prefix); best == nil || bytes.Compare(s[:], top[:]) > 0 {
				best, top = t, s
			}
		}
	}
	return best
}

// bound is the load no member may pass: 1.25 times the mean over members,
// the client at hand included, rounded up.
func (g *group) bound(stale int64) uint64 {
	var sum, n uint64
	for i, t := range g.targets {
		if i > 0 && g.targets[i-1].Member == t.Member {
			continue
		}
		sum += g.loadOf(t, stale)
		n++
	}
	return ((sum+1)*5 + 4*n - 1) / (4 * n)
}

// appendPrefix appends the bytes of the client's prefix: all of an IPv4
// address, the first 64 bits of an IPv6 address.
func appendPrefix(dst []byte, a netip.Addr) []byte {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return append(dst, b[:]...)
	}
	b := a.As16()
	return append(dst, b[:8]...)
}
