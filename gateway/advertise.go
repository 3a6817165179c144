package gateway

import (
	"sync"

	"github.com/kzfast/kzfast/balance"
)

// An advertiser builds this member's own advert: one entry per balance URI of
// each service that takes clients. It is read by the member itself and, in a
// cluster, by all others.
type advertiser struct {
	mu    sync.Mutex
	state balance.State
	last  *balance.Advert
	told  map[string]bool // what was left out of it
}

// publish sets the member's state and tells everybody.
func (g *Gateway) publish(state balance.State) {
	g.advert.mu.Lock()
	defer g.advert.mu.Unlock()
	g.advert.state = state
	g.advertise()
}

// republish tells everybody after a service became available or ceased to be.
func (g *Gateway) republish() {
	g.advert.mu.Lock()
	defer g.advert.mu.Unlock()
	if g.advert.state == balance.Up || g.advert.state == balance.Draining {
		g.advertise()
	}
}

// foresee puts our own targets into our own table before a balancer of ours
// listens: one that is asked first of all must not know of nobody.
func (g *Gateway) foresee() {
	g.advert.mu.Lock()
	defer g.advert.mu.Unlock()
	a := g.offer(balance.Up)
	a.Fit()
	g.table.Set(g.memberID(), a)
}

// offer is what we offer in a state.
func (g *Gateway) offer(state balance.State) *balance.Advert {
	a := &balance.Advert{State: state, Name: g.memberName(), Version: g.version}
	for _, s := range g.services {
		if len(s.conf.Balances) == 0 || s.withdrawn.Load() {
			continue
		}
		var targets []string
		for _, t := range s.conf.Accepts {
			targets = append(targets, t.URI.String())
		}
		conns := s.sessions()
		a.Conns += uint32(conns)
		for _, b := range s.conf.Balances {
			a.Entries = append(a.Entries, balance.Entry{
				Balance: b.String(), Service: s.conf.Name, Type: s.conf.Type, Targets: targets,
				Weight: uint16(s.conf.Weight), Conns: uint32(conns),
			})
		}
	}
	return a
}

func (g *Gateway) advertise() {
	a := g.offer(g.advert.state)
	for _, err := range a.Fit() {
		g.complainOnce(err)
	}
	before := g.advert.last
	g.advert.last = a
	g.table.Set(g.memberID(), a)
	g.reportOffer(before, a)
	if g.cluster != nil {
		g.cluster.Advertise(a.Append(nil))
	}
}

// complainOnce says what is left out of the advert, not at each change of it.
// Held lock: advert.mu.
func (g *Gateway) complainOnce(err error) {
	if text := err.Error(); !g.advert.told[text] {
		if g.advert.told == nil {
			g.advert.told = make(map[string]bool)
		}
		g.advert.told[text] = true
		g.log.Error("advert shortened", "err", err)
	}
}

// memberName is stable over restarts; affinity cookies are bound to it.
func (g *Gateway) memberName() string {
	if g.cluster == nil {
		return standaloneID
	}
	if n := g.cfg.Cluster.MemberName; n != "" {
		return n
	}
	return g.cluster.Self().ID
}
