package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

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
	raw       *session.Route // a tcp or udp accept has the socket to itself
	udp       bool
	listener  *engine.Listener
	datagrams *datagrams // instead, for udp
}

// A port is the session side of a socket address with the routes of one
// generation.
type port struct {
	session.Port
	routes   *routes
	policies policyFiles
	web      *web
	placed   []placed
	keep     time.Duration // the longest http.keepalive.timeout of its HTTP services
}

// widen makes room for the requests of one more service. Whose request it is
// shows only when its head has been read, so the most generous one counts.
func (p *port) widen(o *conf.AcceptOptions, http bool) {
	p.Head.MaxBytes = max(p.Head.MaxBytes, int(o.HeaderMax))
	p.Head.ObsFold = p.Head.ObsFold || o.ObsFold
	p.web.server.MaxHeaderBytes = p.Head.MaxBytes
	if p.web.g.cfg.Gateway.HandshakeTimeout == 0 {
		p.Idle = max(p.Idle, o.KeepaliveTimeout)
	}
	if http {
		p.keep = max(p.keep, o.KeepaliveTimeout)
		p.web.server.IdleTimeout = p.keep
	}
}

// placed is an accept on a port.
type placed struct {
	service *conf.Service
	accept  *conf.Accept
}

func newPort(g *Gateway, secure bool) *port {
	p := &port{routes: newRoutes(), policies: newPolicyFiles()}
	p.Secure = secure
	p.Routes.Store(&session.Routes{Router: p.routes, Policies: p.policies.files, Bridge: g.bridge})
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
				if err := g.place(placed{s, a}, addr); err != nil {
					return err
				}
			}
		}
	}
	return g.spread()
}

// place adds one accept to the socket of addr, which may be a wildcard one of
// the same port.
func (g *Gateway) place(x placed, addr netip.AddrPort) error {
	s, a := x.service, x.accept
	udp := a.URI.Scheme == "udp"
	sock, local := g.socketFor(addr, udp)
	if sock == nil {
		sock = &socket{addr: addr, udp: udp, ports: make(map[netip.Addr]*port), owner: s, accept: a}
		if err := g.swallow(sock); err != nil {
			return err
		}
		g.sockets = append(g.sockets, sock)
	}
	sock.reusePort = sock.reusePort || s.AcceptOptions.ReusePort
	if raw(a.URI) {
		r, err := g.routeFor(s, a)
		if err == nil && (sock.raw != nil && sock.raw != r || len(sock.ports) > 0) {
			err = sock.taken(x)
		}
		sock.raw = r
		return err
	}
	if sock.raw != nil {
		return sock.taken(x)
	}
	secure := a.TLS || a.URI.Secure()
	p := sock.ports[local]
	if p == nil {
		p = newPort(g, secure)
		sock.ports[local] = p
	}
	if p.Secure != secure {
		return fmt.Errorf("%s: service %q: %s carries plain traffic for one service and TLS for another; use different ports", a.Pos, s.Name, addr)
	}
	return g.bindTo(p, x)
}

func (g *Gateway) bindTo(p *port, x placed) error {
	if slices.Contains(p.placed, x) {
		return nil
	}
	p.placed = append(p.placed, x)
	return g.bindAccept(p, x.service, x.accept)
}

// taken is the fault of two accepts that cannot share a socket. conf finds it
// first, unless one address is written in two ways.
func (k *socket) taken(x placed) error {
	return fmt.Errorf("%s: service %q: %s is on %s, which %s of service %q has or needs for itself; use different ports",
		x.accept.Pos, x.service.Name, x.accept.URI, k.addr, k.accept.URI, k.owner.Name)
}

// socketFor finds the socket that addr belongs to and the local address its
// routes are kept under.
func (g *Gateway) socketFor(addr netip.AddrPort, udp bool) (*socket, netip.Addr) {
	for _, k := range g.sockets {
		switch {
		case k.udp != udp || k.addr.Port() != addr.Port():
		case k.addr == addr:
			return k, netip.Addr{}
		case k.addr.Addr().IsUnspecified() && addr.Addr().IsUnspecified():
			// One of the two is that of IPv6, which hears both.
			k.addr = netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port())
			return k, netip.Addr{}
		case covers(k.addr, addr):
			return k, addr.Addr()
		}
	}
	return nil, netip.Addr{}
}

// covers reports whether a wildcard address hears what comes to addr too.
func covers(wild, addr netip.AddrPort) bool {
	return wild.Port() == addr.Port() && wild.Addr().IsUnspecified() && (wild.Addr().Is6() || addr.Addr().Is4())
}

// swallow moves the routes of single addresses under a new wildcard socket of
// the same port: the two cannot both listen.
func (g *Gateway) swallow(wild *socket) (err error) {
	g.sockets = slices.DeleteFunc(g.sockets, func(k *socket) bool {
		if k.udp != wild.udp || !covers(wild.addr, k.addr) {
			return false
		}
		if k.raw != nil || raw(wild.accept.URI) {
			err = k.taken(placed{wild.owner, wild.accept})
		}
		wild.ports[k.addr.Addr()] = k.ports[netip.Addr{}]
		wild.reusePort = wild.reusePort || k.reusePort
		return true
	})
	return err
}

// spread binds what is on all addresses of a port to those as well that have
// routes of their own.
func (g *Gateway) spread() error {
	for _, k := range g.sockets {
		all := k.ports[netip.Addr{}]
		if all == nil {
			continue
		}
		for _, p := range k.ports {
			for _, x := range all.placed {
				if err := g.bindTo(p, x); err != nil {
					return err
				}
			}
		}
	}
	return nil
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
