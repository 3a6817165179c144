package conf

import (
	"bytes"
	"net/netip"
	"slices"
)

// CheckMembers holds the files of several members of one cluster against one
// another, M-1 to M-15 of spec/config.md §15; M-5, M-8, M-13, M-14 and M-16
// concern one file and are found by [Load]. It asks nothing of the host.
func CheckMembers(cfgs []*Config) Diagnostics { return CheckMembersOn(cfgs, nil) }

// CheckMembersOn is CheckMembers with M-10 as well: r says where the balancer
// hosts lead.
func CheckMembersOn(cfgs []*Config, r Resolver) Diagnostics {
	m := members{cfgs: cfgs}
	for _, c := range cfgs {
		m.single(c)
	}
	if len(cfgs) > 1 {
		m.names()
		m.discovery()
		m.balancers()
		m.nodes()
		m.clusterAccepts()
		m.keys()
	}
	if r != nil {
		m.balancerHosts(r)
	}
	return m.done()
}

type members struct {
	report
	cfgs []*Config
}

// at is the cluster element of a file, or the file.
func at(c *Config) Pos {
	if c.Cluster != nil {
		return c.Cluster.Pos
	}
	return Pos{File: c.File}
}

// single is M-1, M-6 and M-15.
func (m *members) single(c *Config) {
	if c.Cluster != nil && c.Cluster.Name == "kzha" {
		m.add(at(c), "M-1", Info, "cluster name kzha was required in 3.x; any name that is the same on all members will do now")
	}
	for _, s := range c.Services {
		for _, a := range s.Accepts {
			if s.Type == "balancer" && a.Bind.Option == "" && !s.AcceptOptions.ReusePort && len(m.cfgs) > 1 {
				m.warnf(a.Pos, "M-6", "balancer %q: accept %s has no bind option, so every member opens the addresses of %s; bind it to the member's own address with %s.bind", shown(s.Name), a.URI, a.URI.Host, nearestBind(a.URI))
			}
		}
	}
	if c.Namespace < NS201409 {
		m.add(Pos{File: c.File}, "M-15", Info, "namespace %s is older than 2014/09; %s is the current one", c.Namespace, NS201606.URI())
		var open []string
		for _, s := range c.Services {
			if s.RealmName != "" && !s.Protected {
				open = append(open, s.Name)
			}
		}
		if len(open) > 0 {
			m.warnf(Pos{File: c.File}, "M-15", "under 2016/06 the realms of these services would be enforced: %s; remove <realm-name> there to keep them open", shown(list(open)))
		}
	}
}

// names is M-2.
func (m *members) names() {
	var first *Config
	for _, c := range m.cfgs {
		switch {
		case c.Cluster == nil:
			m.errorf(at(c), "M-2", "this file has no cluster element, so it is not a member of anything; add one")
		case first == nil:
			first = c
		case c.Cluster.Name != first.Cluster.Name:
			m.errorf(at(c), "M-2", "cluster name %q differs from %q in %s; members with different names never join: make them equal", shown(c.Cluster.Name), shown(first.Cluster.Name), first.File)
		}
	}
}

func (m *members) clustered() []*Config {
	var out []*Config
	for _, c := range m.cfgs {
		if c.Cluster != nil {
			out = append(out, c)
		}
	}
	return out
}

func kind(c *Config) string {
	if len(c.Cluster.Connects) == 0 {
		return "none"
	}
	return c.Cluster.Connects[0].Scheme
}

// discovery is M-3 and M-4.
func (m *members) discovery() {
	cs := m.clustered()
	if len(cs) < 2 {
		return
	}
	kinds := make(map[string]*Config)
	for _, c := range cs {
		kinds[kind(c)] = c
	}
	udp, tcp := kinds["udp"], kinds["tcp"]
	switch {
	case udp != nil && tcp != nil:
		m.errorf(at(tcp), "M-3", "this member looks for others by tcp, %s by multicast; use one kind in all members", udp.File)
	case udp != nil:
		for _, c := range cs {
			if kind(c) == "udp" && c.Cluster.Connects[0] != udp.Cluster.Connects[0] {
				m.errorf(at(c), "M-4", "multicast connect %s differs from %s in %s; members on different groups never meet: make them equal", c.Cluster.Connects[0], udp.Cluster.Connects[0], udp.File)
			}
			if kind(c) == "none" {
				m.errorf(at(c), "M-3", "this member has no connect while others use %s; add it", udp.Cluster.Connects[0])
			}
		}
	default:
		m.connected(cs)
	}
}

// connected walks connects to accepts, in both directions.
func (m *members) connected(cs []*Config) {
	linked := func(a, b *Config) bool {
		return slices.ContainsFunc(a.Cluster.Connects, func(u URI) bool {
			return slices.ContainsFunc(b.Cluster.Accepts, func(v URI) bool { return u == v || floating(v) && u.Port == v.Port })
		})
	}
	seen := []*Config{cs[0]}
	for i := 0; i < len(seen); i++ {
		for _, c := range cs {
			if !slices.Contains(seen, c) && (linked(seen[i], c) || linked(c, seen[i])) {
				seen = append(seen, c)
			}
		}
	}
	for _, c := range cs {
		if !slices.Contains(seen, c) {
			m.warnf(at(c), "M-4", "no connect leads from this member to those around %s or back; list one of %s, unless a name already does", cs[0].File, uris(cs[0].Cluster.Accepts))
		}
	}
}

// balancers is M-7 and M-9: every balancer stands in every member, with the
// same accepts and binds of its own.
func (m *members) balancers() {
	names := make(map[string]*Config)
	for _, c := range m.cfgs {
		for _, s := range c.Services {
			if s.Type == "balancer" && names[s.Name] == nil {
				names[s.Name] = c
			}
		}
	}
	for _, name := range sortedKeys(names) {
		first := names[name]
		one := first.Service(name)
		for _, c := range m.cfgs {
			other := c.Service(name)
			switch {
			case c == first:
			case other == nil || other.Type != "balancer":
				m.errorf(Pos{File: c.File}, "M-9", "balancer %q of %s is missing here; every member needs it, with the same accepts", shown(name), first.File)
			default:
				m.compare(first, one, other)
			}
		}
	}
}

func (m *members) compare(first *Config, one, other *Service) {
	a, b := acceptURIs(one), acceptURIs(other)
	if !slices.Equal(sorted(a), sorted(b)) {
		m.errorf(other.Pos, "M-7", "balancer %q accepts %s here but %s in %s; clients use one public URI: make them equal", shown(other.Name), orNone(uris(b)), orNone(uris(a)), first.File)
	}
	for _, x := range one.Accepts {
		for _, y := range other.Accepts {
			shared := one.AcceptOptions.ReusePort && other.AcceptOptions.ReusePort
			if x.URI == y.URI && y.Bind.Option != "" && !y.Bind.Any() && y.Bind.Iface == "" && x.Bind.Socket() == y.Bind.Socket() && !shared {
				m.errorf(y.Pos, "M-7", "balancer %q is bound to %s here and in %s; bind it to each member's own address", shown(other.Name), y.Bind, first.File)
			}
		}
	}
}

func acceptURIs(s *Service) []URI {
	var out []URI
	for _, a := range s.Accepts {
		out = append(out, a.URI)
	}
	return out
}

func sorted(us []URI) []string {
	var out []string
	for _, u := range us {
		out = append(out, u.String())
	}
	slices.Sort(out)
	return out
}

// nodes is M-11.
func (m *members) nodes() {
	first := make(map[URI]*Config)
	for _, c := range m.cfgs {
		for _, s := range c.Services {
			for _, a := range s.Accepts {
				if len(s.Balances) == 0 {
					continue
				}
				if other := first[a.URI]; other != nil && other != c {
					m.warnf(a.Pos, "M-11", "service %q: accept %s is also that of a member in %s; a redirect cannot tell them apart: use this member's own host name", shown(s.Name), a.URI, other.File)
				}
				first[a.URI] = c
			}
		}
	}
}

// floating reports whether a cluster accept is another address on each host:
// an interface or the wildcard.
func floating(u URI) bool {
	a, ok := u.Addr()
	return u.Iface != "" || ok && a.IsUnspecified()
}

// clusterAccepts is M-12, and the same for our member names. Equal texts need
// not be equal addresses: floating ones say nothing, and localhost is a name
// of every host.
func (m *members) clusterAccepts() {
	accepts, names := make(map[URI]*Config), make(map[string]*Config)
	for _, c := range m.clustered() {
		clash := false
		for _, u := range c.Cluster.Accepts {
			switch other := accepts[u]; {
			case other == nil || other == c || floating(u):
			case u.Host == "localhost":
				m.warnf(at(c), "M-12", "cluster accept %s is also that of %s; on one host give each member its own port, on several accept on a network address", u, other.File)
				clash = true
			default:
				m.errorf(at(c), "M-12", "cluster accept %s is also that of %s; give each member its own address or port", u, other.File)
				clash = true
			}
			accepts[u] = c
		}
		if c.Cluster.MemberName == "" {
			continue // made of the address it finds at start
		}
		if other := names[c.Cluster.MemberName]; other != nil && !clash {
			m.errorf(at(c), "KZ-16", "member name %q is also that of %s; names are unique: change <kz:name>", shown(c.Cluster.MemberName), other.File)
		}
		names[c.Cluster.MemberName] = c
	}
}

// keys: members need a gossip key in common, and should sign alike.
func (m *members) keys() {
	cs := m.clustered()
	for _, c := range cs[min(1, len(cs)):] {
		a, b := cs[0].Cluster, c.Cluster
		if (len(a.Keys) > 0) != (len(b.Keys) > 0) {
			m.errorf(at(c), "KZ-15", "gossip is encrypted in one of this file and %s but not in the other; give all members the same <kz:key-file>", cs[0].File)
		} else if len(a.Keys) > 0 && !slices.ContainsFunc(b.Keys, func(k []byte) bool { return bytes.Equal(k, a.Keys[0]) }) {
			m.errorf(at(c), "KZ-15", "the key file does not hold the primary gossip key of %s; give all members the same keys", cs[0].File)
		}
		same := func(x, y ByteKey) bool { return x.ID == y.ID && bytes.Equal(x.Key, y.Key) }
		if !slices.EqualFunc(a.AffinityKeys, b.AffinityKeys, same) {
			m.warnf(at(c), "KZ-15", "the affinity keys differ from those of %s; a cookie of one member counts for nothing at the other: use the same <kz:affinity.key-file>", cs[0].File)
		}
	}
}

// balancerHosts is M-10.
func (m *members) balancerHosts(r Resolver) {
	for _, c := range m.cfgs {
		for _, s := range c.Services {
			for _, a := range s.Accepts {
				if s.Type == "balancer" {
					m.leadsHere(r, s, a)
				}
			}
		}
	}
}

func (m *members) leadsHere(r Resolver, s *Service, a *Accept) {
	host, err := resolve(r, a.URI.Host, a.URI.Iface)
	if err != nil {
		m.warnf(a.Pos, "M-10", "balancer %q: accept %s: %v; clients need a name that leads to every member", shown(s.Name), a.URI, err)
		return
	}
	bound, err := a.Bind.Resolve(r)
	if err != nil || a.Bind.Any() || a.Bind.Option == "" {
		return
	}
	if !slices.ContainsFunc(bound, func(p netip.AddrPort) bool { return slices.Contains(host, p.Addr()) }) {
		m.warnf(a.Pos, "M-10", "balancer %q: %s resolves to %s, which does not include this member's %s; add it to the name", shown(s.Name), a.URI.Host, addrList(host), a.Bind.Socket())
	}
}
