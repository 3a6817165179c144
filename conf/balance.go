package conf

import (
	"fmt"
	"reflect"
	"slices"
)

// checkBalance is H-1 to H-5, H-8 and H-10 (§14.3), for files of every
// namespace. Tolerated services count: they have the URIs even if nothing
// answers there.
func (l *loader) checkBalance() {
	var balancerURIs []URI
	accepted := make(map[URI]bool)
	balanced := make(map[URI]*Service)
	for _, s := range l.cfg.Services {
		for _, a := range s.Accepts {
			if s.Type == "balancer" {
				balancerURIs = append(balancerURIs, a.URI)
				accepted[a.URI] = true
			}
		}
	}
	for _, s := range l.cfg.Services {
		for _, u := range s.Balances {
			at := l.balancePos(s, u)
			if !accepted[u] && !l.unsure {
				l.errorf(at, "H-1", "service %q: balance URI: %s does not point to a balancer service's accept URI in the configuration file, unable to launch the Gateway; nothing balances it, add a balancer that accepts %s (balancers accept: %s)", shown(s.Name), u, u, orNone(uris(balancerURIs)))
			}
			l.checkSame(s, balanced[u], u, at)
			balanced[u] = s
		}
		l.checkPairs(s)
		if len(s.Balances) > 0 && l.cfg.Cluster == nil && l.root.one("cluster") == nil {
			l.warnf(l.balancePos(s, s.Balances[0]), "H-8", "service %q has balance URIs but there is no cluster element; it will only be balanced inside this process: add a cluster to balance over members", shown(s.Name))
		}
	}
	for _, s := range l.cfg.Services {
		for _, a := range s.Accepts {
			if s.Type == "balancer" && balanced[a.URI] == nil && !l.unsure {
				l.errorf(a.Pos, "H-2", "balancer %q: Detected orphaned balancer accept URI: %s, no balance URIs in the configuration file point to this balancer service.  Unable to launch the Gateway.; it leads nowhere, add <balance>%s</balance> to a service or remove the accept", shown(s.Name), a.URI, a.URI)
			}
		}
	}
	l.checkBalancers()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// balancePos is where a service names a balance URI.
func (l *loader) balancePos(s *Service, u URI) Pos { return l.balances[use{s, u}] }

// A use is a URI in a service.
type use struct {
	s *Service
	u URI
}

// checkPairs is H-3, H-4 and H-5 of one service. Every accept is published
// under every balance URI, so each pair of one scheme is looked at.
func (l *loader) checkPairs(s *Service) {
	for _, b := range s.Balances {
		at := l.balancePos(s, b)
		matched := false
		for _, a := range s.Accepts {
			if l.full() {
				return
			}
			switch diff := difference(a.URI, b); {
			case a.URI == b:
				l.errorf(at, "H-5", "service %q: balance %s is also its own accept and would redirect to itself; clients would be redirected in a circle: accept on the member's own host name", shown(s.Name), b)
			case a.URI.Scheme == b.Scheme && diff != "" && !l.cfg.Gateway.PortMapping:
				l.errorf(at, "H-3", "service %q: Accept URI: %s does not match balance URI: %s in all but hostname. Unable to launch Gateway.; they differ in %s, only the host name may differ", shown(s.Name), a.URI, b, diff)
			}
			matched = matched || a.URI.Scheme == b.Scheme
		}
		if !matched && len(s.Accepts) > 0 && !l.unsure && !l.cfg.Gateway.PortMapping {
			l.errorf(at, "H-4", "service %q: balance %s has no accept with scheme %s; add one", shown(s.Name), b, b.Scheme)
		}
	}
	if len(s.Balances) == 0 || l.unsure || l.cfg.Gateway.PortMapping {
		return
	}
	for _, a := range s.Accepts {
		if !slices.Contains([]string{"ws", "wss", "http", "https"}, a.URI.Scheme) {
			continue
		}
		if !slices.ContainsFunc(s.Balances, func(b URI) bool { return b.Scheme == a.URI.Scheme }) {
			l.errorf(a.Pos, "H-4", "service %q: accept %s has no balance with scheme %s; add one, or move the accept to a service of its own", shown(s.Name), a.URI, a.URI.Scheme)
		}
	}
}

// difference names what but the host tells two URIs apart.
func difference(a, b URI) string {
	switch {
	case a.Port != b.Port && a.Path != b.Path:
		return "port and path"
	case a.Port != b.Port:
		return "port"
	case a.Path != b.Path:
		return "path"
	}
	return ""
}

// checkSame warns when two services share a balance URI but not their ways.
func (l *loader) checkSame(s, before *Service, u URI, at Pos) {
	if before == nil || before == s {
		return
	}
	if what := unlike(before, s); what != "" {
		l.warnf(at, "H-10", "services %q and %q both balance %s but differ in %s; clients will meet either: make them alike", shown(before.Name), shown(s.Name), u, what)
	}
}

func unlike(a, b *Service) string {
	switch {
	case a.Type != b.Type:
		return "type"
	case a.Protected != b.Protected || a.RealmName != b.RealmName || !slices.Equal(a.RequireRoles, b.RequireRoles):
		return "realm or roles"
	}
	properties := func(s *Service) []any {
		return []any{s.Echo, s.Proxy, s.HTTPProxy, s.Directory, s.Broadcast, s.Redirect}
	}
	if !reflect.DeepEqual(properties(a), properties(b)) {
		return "properties"
	}
	return ""
}

// checkBalancers warns of a URI that several balancers accept. On one socket
// this is B-1.
func (l *loader) checkBalancers() {
	first := make(map[URI]*Service)
	for _, s := range l.cfg.Services {
		for _, a := range s.Accepts {
			if s.Type != "balancer" {
				continue
			}
			if other := first[a.URI]; other != nil && other != s {
				l.warnf(a.Pos, "H-10", "%s", fmt.Sprintf("balancers %q and %q both accept %s; keep one, with both binds", shown(other.Name), shown(s.Name), a.URI))
			}
			first[a.URI] = s
		}
	}
}
