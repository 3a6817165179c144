package gateway

import (
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/broadcast"
	"github.com/kzfast/kzfast/service/proxy"
	"github.com/kzfast/kzfast/session"
)

// addrsOf gives the addresses of a connect URI, for use on event loops: a
// literal at once, a name from the cache.
func (g *Gateway) addrsOf(u conf.URI) func() []netip.AddrPort {
	port := uint16(u.Port)
	if ip, ok := u.Addr(); ok {
		fixed := []netip.AddrPort{netip.AddrPortFrom(ip, port)}
		return func() []netip.AddrPort { return fixed }
	}
	g.names.all(u.Host)
	return func() []netip.AddrPort {
		var list []netip.AddrPort
		for _, ip := range g.names.all(u.Host) {
			list = append(list, netip.AddrPortFrom(ip, port))
		}
		return list
	}
}

// dialing says how to speak to a ws back end; nil for others.
func dialing(u conf.URI, o conf.ConnectOptions) *session.Dialing {
	if u.Scheme != "ws" {
		return nil
	}
	target := u.Path
	if u.Query != "" {
		target += "?" + u.Query
	}
	return &session.Dialing{Host: u.Authority(), Target: target, Inactivity: o.InactivityTimeout}
}

var strategies = map[string]proxy.Strategy{
	"immediate": proxy.Immediate, "prepared": proxy.Prepared, "deferred": proxy.Deferred,
}

func makeProxy(g *Gateway, s *service) error {
	c := s.conf
	o := proxy.Options{
		MaxPending: int(c.Proxy.MaximumPendingBytes), Recovery: c.Proxy.MaximumRecoveryInterval,
		Strategy: strategies[c.Proxy.ConnectStrategy], Prepared: c.Proxy.PreparedConnections,
		Logger:    g.log.With("service", c.Name),
		Available: func(up bool) { g.available(s, up) },
	}
	for _, u := range c.Connects {
		o.Targets = append(o.Targets, proxy.Target{Addrs: g.addrsOf(u), WebSocket: dialing(u, c.ConnectOptions)})
	}
	p := proxy.New(o)
	s.ws, s.run = p, p
	return nil
}

// available withdraws a service whose back end is gone, or brings it back:
// first the others are told, then its accepts are closed.
func (g *Gateway) available(s *service, up bool) {
	state := "unbound"
	if up {
		state = "bound"
	}
	g.log.Warn("back end changed", "service", s.conf.Name, "up", up)
	if up {
		s.unbind(false)
	}
	s.withdrawn.Store(!up)
	g.republish()
	if !up {
		s.unbind(true)
	}
	for range s.conf.Balances {
		g.say("Cluster member %s: service %s %s", g.memberID(), s.conf.Type, state)
	}
}

func makeBroadcast(g *Gateway, s *service) error {
	c := s.conf
	u := c.Connects[0]
	b := broadcast.New(broadcast.Options{
		Workers: func() []*session.Worker { return g.workers },
		Addrs:   g.addrsOf(u), WebSocket: dialing(u, c.ConnectOptions),
		UDP: u.Scheme == "udp", Interface: c.ConnectOptions.UDPInterface,
		ReconnectDelay: c.Broadcast.ReconnectDelay, DialTimeout: 5 * time.Second,
		EchoClients: c.Broadcast.EchoClients, MaxPending: int(c.Broadcast.MaximumPendingBytes),
		DropOldest: c.Broadcast.DropOldest, Logger: g.log.With("service", c.Name),
	})
	s.ws, s.run = b, b
	return nil
}
