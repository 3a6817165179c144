package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/cluster"
)

// dumpDelay gathers the balancer changes of a moment into one report.
const dumpDelay = 250 * time.Millisecond

// standaloneID is the member id of a gateway without a cluster.
const standaloneID = "tcp://standalone:0"

func (g *Gateway) memberID() string {
	if g.cluster == nil {
		return standaloneID
	}
	return g.cluster.Self().ID
}

// join starts the membership; it does not wait for other members.
func (g *Gateway) join(ctx context.Context) error {
	c := g.cfg.Cluster
	if c == nil {
		return nil
	}
	o, err := g.clusterOptions()
	if err != nil {
		return err
	}
	m := &membership{g: g, lives: make(map[string]uint64)}
	o.Events = m.onEvent
	g.cluster, err = cluster.Start(ctx, o)
	defer close(g.joined)
	if err != nil {
		g.log.Error(fmt.Sprintf("Unable to initialize cluster due to an exception: %v", err))
		return clusterFault(c.Pos, err)
	}
	self := g.cluster.Self()
	m.greet(g.cluster.Members())
	g.say("Cluster Member started: IP Address: %s; Port: %d; id: %s", self.Addr.Addr(), self.Addr.Port(), self.ID)
	return nil
}

// A membership follows the events of the cluster, one at a time and in order.
// It is set up by join; after that onEvent alone touches it.
type membership struct {
	g *Gateway
	// banner are the members of the first banner until the events have come
	// that far; then nil.
	banner []cluster.Member
	lives  map[string]uint64 // instance seen last under each member id
}

// maxLives bounds the member ids remembered.
const maxLives = 4096

// greet prints the first banner. Members in it are no news any more.
func (m *membership) greet(members []cluster.Member) {
	m.g.reportMembers(members)
	if len(members) > 1 {
		m.banner = members
	}
}

// news reports whether a coming or going is not in the first banner already.
func (m *membership) news(e cluster.Event) bool {
	if m.banner == nil {
		return true
	}
	same := len(e.Members) == len(m.banner)
	for _, x := range e.Members {
		same = same && slices.ContainsFunc(m.banner, func(y cluster.Member) bool { return x.ID == y.ID && x.Instance == y.Instance })
	}
	if same {
		m.banner = nil
	}
	return false
}

func (m *membership) onEvent(e cluster.Event) {
	g := m.g
	<-g.joined
	if g.cluster == nil {
		return
	}
	switch id := e.Member.ID; e.Kind {
	case cluster.Online:
		m.online(e)
	case cluster.Gone:
		m.gone(e)
	case cluster.Changed:
		g.onAdvert(id, e.Advert)
	case cluster.Load:
		g.onLoad(id, e.Advert)
	case cluster.LinkDown:
		g.table.SetLink(id, false)
		g.log.Debug("member link down", "member", id)
	case cluster.LinkUp:
		g.table.SetLink(id, true)
		g.log.Debug("member link up", "member", id)
	case cluster.Conflict:
		g.log.Error("member conflict", "member", id, "addr", e.Member.Addr.String())
	}
}

func (m *membership) online(e cluster.Event) {
	g, id := m.g, e.Member.ID
	before, known := m.lives[id]
	if !known && len(m.lives) >= maxLives {
		clear(m.lives)
	}
	m.lives[id] = e.Member.Instance
	if !m.news(e) {
		return
	}
	g.reportMembers(e.Members)
	g.say("Cluster member %s is now online", id)
	if known && before != e.Member.Instance {
		g.detail("Cluster member %s restarted", id)
	}
	g.detail("Firing member added for : %s", id)
	g.say("Member Added")
	g.reportState()
}

func (m *membership) gone(e cluster.Event) {
	g, id := m.g, e.Member.ID
	g.table.Drop(id)
	last := g.others[id]
	delete(g.others, id)
	if !m.news(e) {
		return
	}
	g.reportMembers(e.Members)
	g.say("Cluster member %s has gone down", id)
	if e.Left {
		g.detail("Cluster member %s has left", id)
	}
	g.say("Cluster member %s is down", id)
	g.reportCleanup(id, last)
	g.detail("Firing member removed for: %s", id)
	g.say("Member Removed")
	g.reportState()
}

// onAdvert takes over what a member says about itself.
func (g *Gateway) onAdvert(id string, b []byte) {
	a, err := balance.DecodeAdvert(b)
	if err != nil {
		g.log.Warn("advert refused", "member", id, "err", err)
		return
	}
	was := g.others[id]
	g.others[id] = a
	g.table.Set(id, a)
	if a.State == balance.Draining && (was == nil || was.State != balance.Draining) {
		g.say("Cluster member %s is draining", id)
	}
	g.dumps.call()
}

func (g *Gateway) leave(ctx context.Context) {
	if err := g.cluster.Leave(ctx); err != nil {
		g.log.Debug("leave not confirmed", "err", err)
	}
	g.cluster.Shutdown()
	g.table.Drop(g.cluster.Self().ID)
	g.say("Member Removed")
	g.reportState()
}

var profiles = map[string]cluster.Profile{"fast": cluster.Fast, "lan": cluster.LAN, "wan": cluster.WAN}

// clusterOptions translates the cluster element.
func (g *Gateway) clusterOptions() (cluster.Options, error) {
	c := g.cfg.Cluster
	bind, err := clusterAddr(c.Accepts[0].Host, c.Accepts[0].Iface, c.Accepts[0].Port)
	if err != nil {
		return cluster.Options{}, fmt.Errorf("%s: cluster accept %s: %w", c.Pos, c.Accepts[0], err)
	}
	o := cluster.Options{
		Name: c.Name, Bind: bind, Interface: c.MulticastInterface, TTL: c.MulticastTTL,
		Keys: c.Keys, Profile: profiles[c.Profile], Product: g.version,
		Logger: g.log,
	}
	for _, u := range c.Accepts[1:] {
		a, err := clusterAddr(u.Host, u.Iface, u.Port)
		if err != nil {
			return o, fmt.Errorf("%s: cluster accept %s: %w", c.Pos, u, err)
		}
		o.Extra = append(o.Extra, a.Addr())
	}
	if c.Advertise != "" {
		if o.Advertise, err = advertised(c.Advertise, bind.Port()); err != nil {
			return o, fmt.Errorf("%s: kz:advertise %s: %w", c.Pos, c.Advertise, err)
		}
	}
	for _, u := range c.Connects {
		if u.Scheme != "udp" {
			o.Seeds = append(o.Seeds, u.Authority())
			continue
		}
		group, err := clusterAddr(u.Host, u.Iface, u.Port)
		if err != nil {
			return o, fmt.Errorf("%s: cluster connect %s: %w", c.Pos, u, err)
		}
		if group.Addr().IsMulticast() {
			o.Multicast = group
		} else {
			o.Seeds = append(o.Seeds, u.Authority())
		}
	}
	return o, nil
}

// advertised reads host or host:port, where host may be a name.
func advertised(text string, port uint16) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(a, port), nil
	}
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return netip.AddrPort{}, err
		}
		host, port = h, uint16(n)
	}
	return clusterAddr(host, "", int(port))
}

// clusterAddr resolves a cluster URI's host: the first IPv4 address.
func clusterAddr(host, iface string, port int) (netip.AddrPort, error) {
	if iface != "" {
		list, err := interfaceAddresses(iface, uint16(port))
		for _, a := range list {
			if a.Addr().Is4() {
				return a, err
			}
		}
		return netip.AddrPort{}, fmt.Errorf("interface %q has no IPv4 address: %v", iface, err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(ip, uint16(port)), nil
	}
	ips, err := lookup(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot resolve %s: %w", host, err)
	}
	return netip.AddrPortFrom(ips[0], uint16(port)), nil
}
