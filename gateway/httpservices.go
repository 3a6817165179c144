package gateway

import (
	"net/http"
	"net/url"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/httpproxy"
	"github.com/kzfast/kzfast/service/httpredirect"
)

var forwarded = map[string]httpproxy.Forwarded{
	"ignore": httpproxy.Ignore, "exclude": httpproxy.Exclude, "inject": httpproxy.Inject,
}

func makeHTTPProxy(g *Gateway, s *service) error {
	c, p := s.conf, s.conf.HTTPProxy
	o := httpproxy.Options{
		Forwarded:    forwarded[p.UseForwarded],
		KeepLocation: !p.RewriteLocation, LocationMappings: mappings(p.Locations),
		RewriteCookieDomain: p.RewriteCookieDomain, CookieDomainMappings: mappings(p.CookieDomains),
		RewriteCookiePath: p.RewriteCookiePath, CookiePathMappings: mappings(p.CookiePaths),
		CompatErrors: p.CompatErrors, ConnectTimeout: p.ConnectTimeout, ResponseTimeout: p.ResponseTimeout,
		NoKeepAlive: !c.ConnectOptions.Keepalive, KeepAliveTimeout: c.ConnectOptions.KeepaliveTimeout,
		KeepAliveConnections: c.ConnectOptions.KeepaliveConnections,
		Logger:               g.log.With("service", c.Name),
	}
	var err error
	if o.Connect, err = url.Parse(c.Connects[0].String()); err != nil {
		return err
	}
	switch plain := !c.ConnectOptions.TLS.Encryption; {
	case o.Connect.Scheme == "https" && plain:
		o.Connect.Scheme = "http"
	case o.Connect.Scheme == "https":
		if o.TLS, err = g.backEndTLS(c); err != nil {
			return err
		}
	}
	for _, a := range c.Accepts {
		u, err := url.Parse(a.URI.String())
		if err != nil {
			return err
		}
		o.Accepts = append(o.Accepts, u)
	}
	h, err := httpproxy.New(o)
	if err != nil {
		return err
	}
	s.http, s.run = always(h), tunnels{h}
	return nil
}

// always is one handler for all accepts of a service.
func always(h http.Handler) func(*conf.Accept) (http.Handler, error) {
	return func(*conf.Accept) (http.Handler, error) { return h, nil }
}

// tunnels ends a proxy's upgraded connections with the gateway.
type tunnels struct{ h *httpproxy.Handler }

func (tunnels) Start()  {}
func (t tunnels) Stop() { t.h.Close() }

func mappings(list []conf.Mapping) []httpproxy.Mapping {
	var out []httpproxy.Mapping
	for _, m := range list {
		out = append(out, httpproxy.Mapping{From: m.From, To: m.To})
	}
	return out
}

func makeRedirect(_ *Gateway, s *service) error {
	p := s.conf.Redirect
	h, err := httpredirect.New(httpredirect.Options{Location: p.Location, Status: p.Status, CacheControl: p.CacheControl})
	s.http = always(h)
	return err
}
