package gateway

import (
	"fmt"
	"net/netip"
	"slices"
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
	g.names.prime(u.Host)
	return func() []netip.AddrPort {
		var list []netip.AddrPort
		for _, ip := range g.names.all(u.Host) {
			list = append(list, netip.AddrPortFrom(ip, port))
		}
		return list
	}
}

// dialing says how to speak to a ws back end; nil for others. A wss one gets
// here only when its TLS is somebody else's (ssl.encryption disabled).
func dialing(u conf.URI, o conf.ConnectOptions) *session.Dialing {
	if u.Scheme != "ws" && u.Scheme != "wss" {
		return nil
	}
	target := u.Path
	if u.Query != "" {
		target += "?" + u.Query
	}
	return &session.Dialing{Host: u.Authority(), Target: target, Inactivity: o.InactivityTimeout}
}

// encrypted refuses back ends that loops cannot speak to.
func encrypted(c *conf.Service) error {
	for _, u := range c.Connects {
		if u.Secure() && c.ConnectOptions.TLS.Encryption {
			return fmt.Errorf("connect %s: TLS back ends are not served yet", u)
		}
	}
	return nil
}

var strategies = map[string]proxy.Strategy{
	"immediate": proxy.Immediate, "prepared": proxy.Prepared, "deferred": proxy.Deferred,
}

func makeProxy(g *Gateway, s *service) error {
	c := s.conf
	o := proxy.Options{
		Workers:    func() []*session.Worker { return g.workers },
		MaxPending: int(c.Proxy.MaximumPendingBytes), Recovery: c.Proxy.MaximumRecoveryInterval,
		Strategy: strategies[c.Proxy.ConnectStrategy], Prepared: c.Proxy.PreparedConnections,
		Logger:    g.log.With("service", c.Name),
		Available: func(up bool) { g.available(s, up) },
	}
	if err := encrypted(c); err != nil {
		return err
	}
	for _, u := range c.Connects {
		t := proxy.Target{Addrs: g.addrsOf(u), WebSocket: dialing(u, c.ConnectOptions)}
		o.Targets = append(o.Targets, t)
		s.pass = s.pass || t.WebSocket != nil
	}
	if c.Type == "amqp.proxy" {
		s.protocols = []string{amqpProtocol, ""}
	}
	p := proxy.New(o)
	s.ws, s.run = p, p
	return nil
}

// amqpProtocol is what AMQP clients in a browser ask for (spec/protocol.md
// §1.7).
const amqpProtocol = "amqp/0.9.1"

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
		g.listenAgain(s)
	}
	s.withdrawn.Store(!up)
	g.republish()
	if !up {
		s.unbind(true)
		g.shut(s)
	}
	for range s.conf.Balances {
		g.say("Cluster member %s: service %s %s", g.memberID(), s.conf.Type, state)
	}
}

// shut closes the sockets that are the service's own, so that connections are
// refused (spec/protocol.md §8.5). Conversations go on.
func (g *Gateway) shut(s *service) {
	g.binding.Lock()
	defer g.binding.Unlock()
	for _, k := range g.sockets {
		if k.raw == nil || !slices.Contains(s.routes, k.raw) || k.listener == nil && k.datagrams == nil {
			continue
		}
		if k.listener != nil {
			k.listener.Close()
			k.listener = nil
		}
		if k.datagrams != nil {
			k.datagrams.leave()
		}
		if !slices.Contains(s.shut, k) {
			s.shut = append(s.shut, k)
		}
	}
}

// listenDelay is the pause before an address that was lost to somebody else
// is tried again.
const listenDelay = time.Second

// listenAgain undoes shut. An address that somebody has taken meanwhile is
// tried until it is free.
func (g *Gateway) listenAgain(s *service) {
	g.binding.Lock()
	defer g.binding.Unlock()
	for _, k := range s.shut {
		if err := g.reopen(k); err != nil {
			g.log.Error("listener not bound", "uri", k.accept.URI.String(), "addr", k.addr.String(), "err", err, "again", listenDelay.String())
			g.helpers.Go(func() { g.insist(k) })
		}
	}
}

// insist is the goroutine of a socket that could not be opened again. It ends
// when it is open, not wanted any more, or with the gateway.
func (g *Gateway) insist(k *socket) {
	for wanted := true; wanted; {
		pause(g.ctx, listenDelay)
		g.binding.Lock()
		wanted = g.reopen(k) != nil && !k.raw.Unbound.Load()
		g.binding.Unlock()
	}
}

// reopen opens k unless it is open, or to be closed. binding is held.
func (g *Gateway) reopen(k *socket) error {
	switch {
	case g.closed || k.raw.Unbound.Load() || k.listener != nil:
		return nil
	case k.datagrams != nil && k.datagrams.stay():
		return nil
	}
	return g.open(k)
}

func makeBroadcast(g *Gateway, s *service) error {
	c := s.conf
	if err := encrypted(c); err != nil {
		return err
	}
	o := broadcast.Options{
		Workers:   func() []*session.Worker { return g.workers },
		Interface: c.ConnectOptions.UDPInterface,
		// A delay of 0 is the next turn of the clock, not the default.
		ReconnectDelay: max(c.Broadcast.ReconnectDelay, time.Millisecond), DialTimeout: 5 * time.Second,
		EchoClients: c.Broadcast.EchoClients, MaxPending: int(c.Broadcast.MaximumPendingBytes),
		DropOldest: c.Broadcast.DropOldest, Logger: g.log.With("service", c.Name),
	}
	for _, u := range c.Connects {
		o.BackEnds = append(o.BackEnds, broadcast.BackEnd{
			Addrs: g.addrsOf(u), WebSocket: dialing(u, c.ConnectOptions), UDP: u.Scheme == "udp",
		})
	}
	b := broadcast.New(o)
	s.ws, s.run = b, b
	return nil
}
