package conf

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// SystemResolver asks the operating system. Look-ups take at most 5 seconds.
type SystemResolver struct{}

// LookupHost implements [Resolver].
func (SystemResolver) LookupHost(host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Interfaces implements [Resolver].
func (SystemResolver) Interfaces() ([]Interface, error) {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []Interface
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", i.Name, err)
		}
		found := Interface{Name: i.Name}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				found.Addrs = append(found.Addrs, p.Addr().Unmap())
			}
		}
		out = append(out, found)
	}
	return out, nil
}

// Resolve gives the socket addresses to open (§5.3): all of an accept host,
// the first of a bind host, all of an interface, 0.0.0.0 for a port alone;
// IPv4 first, without repetitions. It may block on name servers.
func (b Bind) Resolve(r Resolver) ([]netip.AddrPort, error) {
	if b.Iface == "" && b.Host == "" {
		return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(b.Port))}, nil
	}
	addrs, err := resolve(r, b.Host, b.Iface)
	if err == nil && b.Option != "" && b.Iface == "" {
		addrs = addrs[:1]
	}
	return withPort(addrs, b.Port), err
}

// Resolve gives the addresses behind a connect URI, in the order to try them.
// It may block on name servers.
func (u URI) Resolve(r Resolver) ([]netip.AddrPort, error) {
	addrs, err := resolve(r, u.Host, u.Iface)
	return withPort(addrs, u.Port), err
}

func withPort(addrs []netip.Addr, port int) []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range addrs {
		out = append(out, netip.AddrPortFrom(a, uint16(port)))
	}
	return out
}

// An UnknownInterfaceError names the interface that is not there and those
// that are.
type UnknownInterfaceError struct {
	Name  string
	Known []string
}

func (e *UnknownInterfaceError) Error() string {
	return fmt.Sprintf("interface %q does not exist; this host has: %s", shown(e.Name), list(e.Known))
}

// resolve gives at least one address or an error.
func resolve(r Resolver, host, iface string) ([]netip.Addr, error) {
	var found []netip.Addr
	switch a, err := netip.ParseAddr(host); {
	case iface != "":
		if found, err = interfaceAddrs(r, iface); err != nil {
			return nil, err
		}
	case err == nil:
		found = []netip.Addr{a}
	default:
		if found, err = r.LookupHost(host); err != nil {
			return nil, fmt.Errorf("cannot resolve %s: %w", host, err)
		}
	}
	var out []netip.Addr
	for _, v4 := range []bool{true, false} {
		for _, a := range found {
			if a = a.Unmap(); a.Is4() == v4 && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no address", hostText(host, iface))
	}
	return out, nil
}

func interfaceAddrs(r Resolver, name string) ([]netip.Addr, error) {
	ifs, err := r.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("cannot list interfaces: %w", err)
	}
	unknown := &UnknownInterfaceError{Name: name}
	for _, i := range ifs {
		if strings.EqualFold(i.Name, name) {
			return i.Addrs, nil
		}
		unknown.Known = append(unknown.Known, i.Name)
	}
	return nil, unknown
}

// A host answers whether addresses are local.
type host struct {
	r     Resolver
	addrs []netip.Addr
}

// remembered asks for each name once: a name server that does not answer costs
// its time once.
type remembered struct {
	Resolver
	hosts map[string]answer
}

type answer struct {
	addrs []netip.Addr
	err   error
}

func (r remembered) LookupHost(name string) ([]netip.Addr, error) {
	a, ok := r.hosts[name]
	if !ok {
		a.addrs, a.err = r.Resolver.LookupHost(name)
		r.hosts[name] = a
	}
	return a.addrs, a.err
}

func newHost(r Resolver) (*host, error) {
	r = remembered{r, make(map[string]answer)}
	ifs, err := r.Interfaces()
	if err != nil {
		return nil, err
	}
	h := &host{r: r}
	for _, i := range ifs {
		h.addrs = append(h.addrs, i.Addrs...)
	}
	return h, nil
}

func (h *host) local(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLoopback() || slices.ContainsFunc(h.addrs, func(x netip.Addr) bool {
		return x.Unmap().WithZone("") == a.Unmap().WithZone("")
	})
}

func addrList(addrs []netip.Addr) string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return orNone(list(out))
}

// CheckHost holds the configuration against this host: names resolve,
// addresses are local, interfaces exist (B-4, B-5, B-6, C-7, C-11, C-12, H-9,
// O-2). It opens no socket and may block on name servers.
func (c *Config) CheckHost(r Resolver) Diagnostics {
	rep := report{file: c.File}
	h, err := newHost(r)
	if err != nil {
		rep.errorf(Pos{}, "B-5", "cannot list the interfaces of this host: %v", err)
		return rep.list
	}
	for _, s := range c.Services {
		if s.Tolerated != "" {
			continue
		}
		for _, a := range s.Accepts {
			h.checkAccept(&rep, s, a)
		}
	}
	if c.Cluster != nil {
		h.checkCluster(&rep, c.Cluster)
	}
	return rep.done()
}

func (h *host) checkAccept(rep *report, s *Service, a *Accept) {
	addrs, err := a.Bind.Resolve(h.r)
	_, unknown := err.(*UnknownInterfaceError)
	switch {
	case unknown && a.Bind.Option == "":
		rep.errorf(a.Pos, "B-5", "service %q: accept %s: %v", shown(s.Name), a.URI, err)
		return
	case err != nil && a.Bind.Option != "":
		rep.errorf(a.Pos, "O-2", "service %q: accept %s: %s %s: %v", shown(s.Name), a.URI, a.Bind.Option, a.Bind.Socket(), err)
		return
	case err != nil:
		rep.errorf(a.Pos, "B-6", "service %q: accept %s: %v; correct the host, or bind the accept to a local address with %s.bind", shown(s.Name), a.URI, err, a.URI.Scheme)
		return
	}
	for _, at := range addrs {
		switch {
		case h.local(at.Addr()) || at.Addr().IsMulticast() && a.URI.Scheme == "udp":
		case s.Type == "balancer" && a.Bind.Option == "":
			rep.warnf(a.Pos, "H-9", "balancer %q: %s resolves to %s, of which %s is not on this host; bind the accept to a local address with %s.bind", shown(s.Name), a.URI.Host, addrPorts(addrs), at.Addr(), nearestBind(a.URI))
		case at.Addr().Is4() || a.Bind.Option != "":
			rep.errorf(a.Pos, "B-4", "service %q: cannot open %s for %s: %s is not an address of this host; set %s to one of: %s", shown(s.Name), at, a.URI, at.Addr(), bindOption(a), addrList(h.addrs))
		default:
			rep.warnf(a.Pos, "B-4", "service %q: %s for %s is not an address of this host and is skipped; set %s", shown(s.Name), at, a.URI, bindOption(a))
		}
	}
}

func nearestBind(u URI) string { return bindLayers[u.Scheme][0] }

func bindOption(a *Accept) string {
	if a.Bind.Option != "" {
		return a.Bind.Option
	}
	if layers := bindLayers[a.URI.Scheme]; len(layers) > 0 {
		return layers[0] + ".bind"
	}
	return "the accept"
}

func addrPorts(addrs []netip.AddrPort) string {
	var out []netip.Addr
	for _, a := range addrs {
		out = append(out, a.Addr())
	}
	return addrList(out)
}

func (h *host) checkCluster(rep *report, c *Cluster) {
	for _, u := range c.Accepts {
		addrs, err := resolve(h.r, u.Host, u.Iface)
		if _, unknown := err.(*UnknownInterfaceError); unknown {
			rep.errorf(c.Pos, "B-5", "cluster accept %s: %v", u, err)
			continue
		}
		if err != nil {
			rep.errorf(c.Pos, "C-11", "cluster accept %s: %v; correct the host", u, err)
			continue
		}
		if a := addrs[0]; !h.local(a) {
			rep.errorf(c.Pos, "C-7", "cluster accept %s: %s is not an address of this host (local addresses: %s); accept on one of them", u, a, addrList(h.addrs))
		}
	}
	for _, u := range c.Connects {
		addrs, err := resolve(h.r, u.Host, u.Iface)
		if err != nil {
			rep.errorf(c.Pos, "C-11", "cluster connect %s: %v; correct the host", u, err)
			continue
		}
		group := 0
		for _, a := range addrs {
			if a.IsMulticast() {
				group++
			}
		}
		if _, literal := u.Addr(); u.Scheme == "udp" && addrs[0].IsMulticast() && !addrs[0].Is4() && !literal {
			rep.errorf(c.Pos, "C-12", "cluster connect %s: %s resolves to %s, and members do not meet in IPv6 groups; use a group of 224.0.0.0/4", u, u.Host, addrs[0])
		}
		if u.Scheme == "udp" && group > 0 && group < len(addrs) {
			rep.errorf(c.Pos, "C-12", "cluster connect %s: %s resolves to multicast and unicast addresses (%s); use a name for one kind", u, u.Host, addrList(addrs))
		}
	}
}
