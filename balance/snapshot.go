package balance

import (
	"maps"
	"slices"
	"strings"
)

// A Mapping is one balancer URI with its targets, for logs and the command center.
type Mapping struct {
	Balancer string
	Targets  []TargetStatus // sorted by URI
}

// A TargetStatus is a target with what the balancer thinks of its member now.
type TargetStatus struct {
	URI, Member, Service, Type, Zone string
	Weight                           uint16
	Suspect, LinkDown                bool   // LinkDown hides Suspect
	Conns                            uint32 // of the service, as advertised
	MemberConns, Capacity            uint32 // of the whole member, as advertised
	Handed                           uint64 // clients sent to the member since that advert
}

// String is the line of the predecessor's balancer map dump
// (cluster-management.md §1.11), leading blanks included.
func (m Mapping) String() string {
	uris := make([]string, len(m.Targets))
	for i, t := range m.Targets {
		uris[i] = t.URI
	}
	return "     balance URI: " + m.Balancer + "    target list: [" + strings.Join(uris, ", ") + "]"
}

// Snapshot returns the balancer map: every balancer URI some member that is up
// offers targets for, sorted. It is safe for any goroutine and never waits.
func (d *Directory) Snapshot() []Mapping {
	t := d.table.Load()
	ms := make([]Mapping, 0, len(t.pools))
	for _, uri := range slices.Sorted(maps.Keys(t.pools)) {
		m := Mapping{Balancer: uri}
		for _, l := range t.pools[uri].all {
			m.Targets = append(m.Targets, l.status())
		}
		slices.SortStableFunc(m.Targets, func(a, b TargetStatus) int { return strings.Compare(a.URI, b.URI) })
		m.Targets = slices.CompactFunc(m.Targets, func(a, b TargetStatus) bool { return a.URI == b.URI })
		ms = append(ms, m)
	}
	return ms
}

func (l *listed) status() TargetStatus {
	t := l.target
	return TargetStatus{
		URI: t.URI, Member: t.Member, Service: t.Service, Type: t.Type, Zone: t.Zone,
		Weight: t.Weight, Suspect: l.tier == doubted, LinkDown: l.tier == unlinked,
		Conns: t.conns.Load(), MemberConns: t.load.conns.Load(), Capacity: t.load.capacity.Load(),
		Handed: t.load.handed.Load(),
	}
}
