package gateway

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/echo"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
)

// A service is one running service element.
type service struct {
	conf      *conf.Service
	ws        session.Service                            // nil for balancers and HTTP services
	http      func(a *conf.Accept) (http.Handler, error) // the handler of one accept; nil for others
	protocols []string                                   // subprotocols of the service itself
	pass      bool                                       // the back end is told the client's subprotocol
	routes    []*session.Route
	byAccept  map[*conf.Accept]*session.Route
	rosters   []*roster   // of its raw accepts
	withdrawn atomic.Bool // its back end is gone: not advertised
	shut      []*socket   // those that were closed meanwhile; guarded by Gateway.binding
	run       runner      // nil when there is nothing to start
}

// A runner is a service that does something of its own besides answering.
type runner interface {
	Start()
	Stop()
}

func (s *service) start() {
	if s.run != nil {
		s.run.Start()
	}
}

func (s *service) stop() {
	if s.run != nil {
		s.run.Stop()
	}
}

func (s *service) sessions() int {
	n := int64(0)
	for _, r := range s.routes {
		n += r.Sessions.Load()
	}
	return int(n)
}

// unbind closes the service's accepts to new conversations, or opens them.
func (s *service) unbind(closed bool) {
	for _, r := range s.routes {
		r.Unbound.Store(closed)
	}
}

// makers builds each service type that is served here. A type that is not in
// the table was refused or tolerated by conf.
var makers = map[string]func(g *Gateway, s *service) error{
	"balancer":      func(*Gateway, *service) error { return nil },
	"echo":          makeEcho,
	"proxy":         makeProxy,
	"amqp.proxy":    makeProxy,
	"broadcast":     makeBroadcast,
	"directory":     makeDirectory,
	"http.proxy":    makeHTTPProxy,
	"http.redirect": makeRedirect,
}

func makeEcho(_ *Gateway, s *service) error {
	s.ws = echo.New(echo.Options{Repeat: s.conf.Echo.Repeat})
	return nil
}

// buildServices makes every service of the configuration.
func (g *Gateway) buildServices() error {
	for _, c := range g.cfg.Services {
		if c.Tolerated != "" {
			g.log.Warn("service not started", "service", c.Name, "type", c.Type, "reason", c.Tolerated)
			continue
		}
		s := &service{conf: c, byAccept: make(map[*conf.Accept]*session.Route)}
		mk := makers[c.Type]
		if mk == nil {
			return fmt.Errorf("%s: service %q: type %q is not served", c.Pos, c.Name, c.Type)
		}
		if err := mk(g, s); err != nil {
			return fmt.Errorf("%s: service %q: %w", c.Pos, c.Name, err)
		}
		g.services = append(g.services, s)
		g.byConf[c] = s
	}
	return nil
}

// bindAccept adds the route of one accept URI to a port.
func (g *Gateway) bindAccept(p *port, c *conf.Service, a *conf.Accept) error {
	r, err := g.routeFor(c, a)
	if err != nil {
		return err
	}
	kind := session.KindHTTP
	if classes[a.URI.Scheme] == balance.WS && !r.HTTP {
		kind = session.KindWebSocket
	}
	p.widen(&c.AcceptOptions, r.HTTP)
	p.routes.add(a.URI.Authority(), binding{path: a.URI.Path, kind: kind, route: r}, p.Secure)
	p.policies.add(a.URI.Authority(), origin.Access{Path: a.URI.Path, Constraints: r.Origins.Constraints}, p.Secure)
	return nil
}

// routeFor is the one route of an accept URI of a service, on however many
// sockets. When several services have the URI, its target is the first's.
func (g *Gateway) routeFor(c *conf.Service, a *conf.Accept) (*session.Route, error) {
	s := g.byConf[c]
	if r := s.byAccept[a]; r != nil {
		return r, nil
	}
	r, err := g.newRoute(s, a)
	if err != nil {
		return nil, fmt.Errorf("%s: service %q: %w", c.Pos, c.Name, err)
	}
	if g.routeOf[r.Accept] == nil {
		g.routeOf[r.Accept] = r
	}
	s.byAccept[a] = r
	s.routes = append(s.routes, r)
	return r, nil
}

func (g *Gateway) newRoute(s *service, a *conf.Accept) (_ *session.Route, err error) {
	c := s.conf
	o := c.AcceptOptions
	r := &session.Route{
		Accept: a.URI.String(), Name: c.Name, Type: c.Type, Path: a.URI.Path,
		Service: govern(s.ws, c), HTTP: s.http != nil,
		Events: s.ws != nil && classes[a.URI.Scheme] == balance.SSE, Sibling: sibling(c, a),
		Options: session.Options{
			Limits:       wsproto.Limits{MaxMessage: o.MaximumMessageSize, NoUTF8: !o.UTF8},
			Inactivity:   o.InactivityTimeout,
			KeepAlive:    o.KeepaliveTimeout,
			PendingLimit: int(o.MaximumPendingBytes),
			Protocols:    s.protocols,
			PassProtocol: s.pass,
			Compression:  o.Compression,
			Strict:       o.WSEStrict,
			NoCookieAPI:  !o.CookieAPI,
			NoServer:     !o.ServerHeader,
		},
	}
	if rate := limited(o.MaximumOutboundRate); rate > 0 {
		r.Options.Tune = pace(rate)
	}
	if c.Type == "balancer" {
		r.Balancer = g.newBalancer(c, a)
	}
	r.Origins = newPolicy(c, a)
	if raw(a.URI) {
		members := newRoster(r)
		r.Service, s.rosters = members, append(s.rosters, members)
	}
	gd, err := newGuard(c)
	if err != nil {
		return nil, err
	}
	if gd != nil {
		r.Guard = gd
	}
	if s.http == nil {
		return r, nil
	}
	h, err := s.http(a)
	if err != nil {
		return nil, err
	}
	g.handlers[r] = &access{
		route: r, guard: gd, secure: a.URI.Secure(), anonymous: !o.ServerHeader, rate: limited(o.MaximumOutboundRate), next: h,
	}
	return r, nil
}

// raw reports whether an accept has its socket to itself.
func raw(u conf.URI) bool { return u.Scheme == "tcp" || u.Scheme == "ssl" || u.Scheme == "udp" }

// sibling is the https URL under which a service is also reached by the host
// and path of its plain accept a; empty when it is not.
func sibling(c *conf.Service, a *conf.Accept) string {
	for _, b := range c.Accepts {
		if !a.URI.Secure() && b.URI.Secure() && b.URI.Host == a.URI.Host && b.URI.Path == a.URI.Path &&
			classes[b.URI.Scheme] == classes[a.URI.Scheme] {
			return b.URI.HTTP().String()
		}
	}
	return ""
}
