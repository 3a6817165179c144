package gateway

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/echo"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A service is one running service element.
type service struct {
	conf      *conf.Service
	ws        session.Service // nil for balancers and HTTP services
	http      http.Handler    // nil for others
	routes    []*session.Route
	withdrawn atomic.Bool // its back end is gone: not advertised
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
		s := &service{conf: c}
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
	s := g.byConf[c]
	r, err := g.routeFor(c, a)
	if err != nil {
		return err
	}
	kind := session.KindWebSocket
	if r.HTTP || a.URI.Scheme == "http" || a.URI.Scheme == "https" {
		kind = session.KindHTTP
	}
	if r.HTTP {
		g.handlers[r] = s.http
	}
	p.routes.add(a.URI.Authority(), binding{path: a.URI.Path, kind: kind, route: r}, p.Secure)
	return nil
}

// routeFor is the one route of an accept URI, on however many sockets.
func (g *Gateway) routeFor(c *conf.Service, a *conf.Accept) (*session.Route, error) {
	uri := a.URI.String()
	if r := g.routeOf[uri]; r != nil {
		return r, nil
	}
	s := g.byConf[c]
	r, err := g.newRoute(s, a)
	if err != nil {
		return nil, fmt.Errorf("%s: service %q: %w", c.Pos, c.Name, err)
	}
	g.routeOf[uri] = r
	s.routes = append(s.routes, r)
	return r, nil
}

func (g *Gateway) newRoute(s *service, a *conf.Accept) (_ *session.Route, err error) {
	c := s.conf
	o := c.AcceptOptions
	r := &session.Route{
		Accept: a.URI.String(), Name: c.Name, Type: c.Type, Path: a.URI.Path,
		Service: s.ws, HTTP: s.http != nil,
		Options: session.Options{
			Limits:       wsproto.Limits{MaxMessage: o.MaximumMessageSize, NoUTF8: !o.UTF8},
			Inactivity:   o.InactivityTimeout,
			KeepAlive:    o.KeepaliveTimeout,
			PendingLimit: int(o.MaximumPendingBytes),
			Compression:  o.Compression,
		},
	}
	if c.Type == "balancer" {
		r.Balancer = g.newBalancer(c, a)
	}
	r.Origins = newPolicy(c, a)
	r.Guard, err = newGuard(c)
	return r, err
}
