package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/engine"
	"github.com/kzfast/kzfast/session"
)

// A socket is one listening address. A wildcard address also carries the
// routes of accepts bound to single addresses of the same port; which of them
// a connection may use is decided by the address it came to.
type socket struct {
	addr      netip.AddrPort
	reusePort bool
	ports     map[netip.Addr]*port // key: local address; the zero Addr for all others
	owner     *conf.Service        // the first service bound here, for error texts
	accept    *conf.Accept
	raw       *session.Route // a tcp accept has the socket to itself
	listener  *engine.Listener
}

// A port is the session side of a socket address with the routes of one
// generation.
type port struct {
	session.Port
	routes *routes
	web    *web
}

func newPort(g *Gateway, secure bool) *port {
	p := &port{routes: newRoutes()}
	p.Secure = secure
	p.Routes.Store(&session.Routes{Router: p.routes})
	p.web = newWeb(g, p)
	p.Serve = p.web.take
	return p
}

// addresses resolves where an accept is bound (spec/config.md §5.3, §6.1). A
// bind option gives one address; without one every address of the public host
// is opened.
func addresses(a *conf.Accept) ([]netip.AddrPort, error) {
	b := a.Bind
	port := uint16(b.Port)
	if b.Iface != "" {
		return interfaceAddresses(b.Iface, port)
	}
	if b.Host == "" {
		return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), port)}, nil
	}
	if ip, err := netip.ParseAddr(b.Host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip, port)}, nil
	}
	ips, err := lookup(b.Host)
	if err != nil {
		return nil, fmt.Errorf("unable to resolve %s of %s: %w; set ws.bind or tcp.bind to a local address", b.Host, a.URI, err)
	}
	if b.Option != "" {
		ips = ips[:1]
	}
	list := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		list[i] = netip.AddrPortFrom(ip, port)
	}
	return list, nil
}

// lookup gives the addresses of a host, IPv4 first, without repetitions.
func lookup(host string) ([]netip.Addr, error) {
	ips, err := net.LookupIP(host)
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip); ok && !slices.Contains(list, a.Unmap()) {
			list = append(list, a.Unmap())
		}
	}
	slices.SortStableFunc(list, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
	return list, nil
}

func interfaceAddresses(name string, port uint16) ([]netip.AddrPort, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, i := range all {
		known = append(known, i.Name)
		if !strings.EqualFold(i.Name, name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		var list []netip.AddrPort
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
				list = append(list, netip.AddrPortFrom(p.Addr(), port))
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("interface %q does not exist; known interfaces: %s", name, strings.Join(known, ", "))
}

// plan groups the accepts of all services by socket.
func (g *Gateway) plan() error {
	for _, s := range g.cfg.Services {
		if s.Tolerated != "" {
			continue
		}
		for _, a := range s.Accepts {
			addrs, err := addresses(a)
			if err != nil {
				return fmt.Errorf("%s: service %q: %w", a.Pos, s.Name, err)
			}
			for _, addr := range addrs {
				if err := g.place(s, a, addr); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// place adds one accept to the socket of addr, which may be a wildcard one of
// the same port.
func (g *Gateway) place(s *conf.Service, a *conf.Accept, addr netip.AddrPort) error {
	sock, local := g.socketFor(addr)
	if sock == nil {
		sock = &socket{addr: addr, ports: make(map[netip.Addr]*port), owner: s, accept: a}
		g.sockets = append(g.sockets, sock)
		if addr.Addr().IsUnspecified() {
			g.swallow(sock)
		}
	}
	sock.reusePort = sock.reusePort || s.AcceptOptions.ReusePort
	if a.URI.Scheme == "tcp" {
		r, err := g.routeFor(s, a)
		sock.raw = r
		return err
	}
	p := sock.ports[local]
	if p == nil {
		p = newPort(g, a.TLS || a.URI.Secure())
		sock.ports[local] = p
	}
	return g.bindAccept(p, s, a)
}

// socketFor finds the socket that addr belongs to and the local address its
// routes are kept under.
func (g *Gateway) socketFor(addr netip.AddrPort) (*socket, netip.Addr) {
	for _, k := range g.sockets {
		if k.addr == addr {
			return k, netip.Addr{}
		}
		if k.addr.Port() == addr.Port() && k.addr.Addr().IsUnspecified() {
			return k, addr.Addr()
		}
	}
	return nil, netip.Addr{}
}

// swallow moves the routes of single addresses under a new wildcard socket of
// the same port: the two cannot both listen.
func (g *Gateway) swallow(wild *socket) {
	g.sockets = slices.DeleteFunc(g.sockets, func(k *socket) bool {
		if k == wild || k.addr.Port() != wild.addr.Port() || k.addr.Addr().Is4() != wild.addr.Addr().Is4() {
			return false
		}
		wild.ports[k.addr.Addr()] = k.ports[netip.Addr{}]
		wild.reusePort = wild.reusePort || k.reusePort
		return true
	})
}

// portOf finds the routes for a connection that came to local.
func (k *socket) portOf(local netip.AddrPort) *port {
	if len(k.ports) > 1 || k.ports[netip.Addr{}] == nil {
		if p := k.ports[local.Addr().Unmap()]; p != nil {
			return p
		}
	}
	return k.ports[netip.Addr{}]
}
