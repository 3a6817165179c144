package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A balancer answers for one accept URI of a balancer service. It is
// immutable but for the rate limit of its complaint.
type balancer struct {
	g        *Gateway
	uri      string // canonical, the key of the table
	class    balance.Class
	mode     string
	policy   balance.Policy
	affinity balance.AffinityMode
	cookies  *balance.Affinity // nil without affinity
	form     balance.Form
	keep     bool
	secure   string
	none     int

	complained atomic.Int64 // Unix seconds of the last complaint
}

var (
	policies = map[string]balance.Policy{
		"random": balance.Random, "round-robin": balance.RoundRobin,
		"least-connections": balance.LeastConnections, "weighted": balance.Weighted,
	}
	affinities = map[string]balance.AffinityMode{
		"cookie": balance.ByCookie, "none": balance.NoAffinity, "cookie+ip": balance.ByCookieOrAddress,
	}
	forms = map[string]balance.Form{
		"auto": balance.FormAuto, "http": balance.FormHTTP, "ws": balance.FormWS, "relative": balance.FormRelative,
	}
	sameSites = map[string]balance.SameSite{
		"none": balance.SameSiteNone, "lax": balance.SameSiteLax, "strict": balance.SameSiteStrict,
	}
	classes = map[string]balance.Class{
		"ws": balance.WS, "wss": balance.WS, "http": balance.HTTP, "https": balance.HTTP,
		"sse": balance.SSE, "sse+ssl": balance.SSE,
	}
)

// buildTable makes the balancer table and the affinity of each balancer.
func (g *Gateway) buildTable() error {
	g.table = balance.New(balance.Options{SelfID: g.plannedID(), Logger: g.log})
	for _, s := range g.cfg.Services {
		if s.Type != "balancer" || s.Balancer.Affinity == "none" {
			continue
		}
		aff, err := g.affinityOf(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Pos, err)
		}
		if len(g.cookies) == 0 {
			g.warnOfDerivedKey()
		}
		for _, a := range s.Accepts {
			g.table.Bind(a.URI.String(), aff)
		}
		g.cookies[s.Name] = aff
	}
	return nil
}

// plannedID is the member id before the cluster has started.
func (g *Gateway) plannedID() string {
	if g.cfg.Cluster == nil {
		return standaloneID
	}
	o, err := g.clusterOptions()
	if err != nil {
		return standaloneID
	}
	id, err := o.MemberID()
	if err != nil {
		return standaloneID
	}
	return id
}

// warnOfDerivedKey says once that affinity cookies can be forged: whoever
// knows the name of the cluster knows the key that is made of it. Between
// members of one machine nobody is to be kept out.
func (g *Gateway) warnOfDerivedKey() {
	c := g.cfg.Cluster
	if c == nil || len(c.AffinityKeys) > 0 {
		return
	}
	for _, u := range slices.Concat(c.Accepts, c.Connects) {
		if a, ok := u.Addr(); u.Host != "localhost" && !(ok && (a.IsLoopback() || a.IsMulticast())) {
			g.log.Warn("affinity key derived", "uri", u.String(),
				"reason", "the key of affinity cookies is derived from the cluster's name and can be guessed; give all members one kz:affinity.key-file")
			return
		}
	}
}

func (g *Gateway) affinityOf(s *conf.Service) (*balance.Affinity, error) {
	p := s.Balancer
	keys := []balance.Key{balance.DeriveKey(standaloneID)}
	if c := g.cfg.Cluster; c != nil {
		keys = []balance.Key{balance.DeriveKey(c.Name)}
		if len(c.AffinityKeys) > 0 {
			keys = keys[:0]
			for _, k := range c.AffinityKeys {
				id, err := strconv.ParseUint(k.ID, 16, 8)
				if err != nil {
					return nil, fmt.Errorf("affinity key id %q: %w", k.ID, err)
				}
				keys = append(keys, balance.Key{ID: byte(id), Secret: k.Key})
			}
		}
	}
	return balance.NewAffinity(balance.AffinityOptions{
		Service: s.Name, Keys: keys, TTL: p.AffinityTTL, Session: p.AffinityTTL == 0,
		SameSite: sameSites[p.AffinitySameSite], Domain: p.AffinityDomain,
	})
}

func (g *Gateway) newBalancer(s *conf.Service, a *conf.Accept) *balancer {
	p := s.Balancer
	return &balancer{
		g: g, uri: a.URI.String(), class: classes[a.URI.Scheme], mode: p.Mode,
		policy: policies[p.Policy], affinity: affinities[p.Affinity], cookies: g.cookies[s.Name],
		form: forms[p.Location], keep: p.KeepQuery, secure: p.Secure, none: p.None,
	}
}

var kinds = map[session.ClientKind]balance.Kind{
	session.ClientPlain: balance.KindP, session.ClientDirective: balance.KindL,
	session.ClientInner: balance.KindX, session.ClientEmulated: balance.KindE, session.ClientHTTP: balance.KindH,
}

// Balance implements [session.Balancer].
func (b *balancer) Balance(sq *session.Query, a *session.Answer) {
	r := sq.Request
	now := time.Now()
	secure := b.secure == "true" || b.secure == "auto" && sq.Secure
	q := balance.Query{Balancer: b.uri, Secure: secure, Class: b.class, Policy: b.policy, Affinity: b.affinity}
	if b.cookies != nil {
		r.Each("Cookie", func(v []byte) bool {
			b.cookies.Read(&q.Cookie, v, secure, now)
			return true
		})
	}
	if b.affinity == balance.ByCookieOrAddress {
		q.Client = sq.Transport.RemoteAddr().Addr()
	}
	a.Location, a.SetCookie, a.Action, a.NoneStatus = a.Location[:0], a.SetCookie[:0], session.ActionNone, b.none

	t, ok := b.choose(&q, sq, a)
	if !ok {
		b.complain(sq, now)
		return
	}
	if b.cookies != nil && b.cookies.Due(&q.Cookie, t, now) {
		a.SetCookie = b.cookies.AppendSetCookie(a.SetCookie, t, secure, now)
	}
	if a.Action != session.ActionNone {
		return
	}
	ua, _ := r.Header("User-Agent")
	redirect := balance.Redirect{Kind: kinds[sq.Client], Form: b.form.For(ua), KeepQuery: b.keep, Path: sq.Suffix, Query: r.RawQuery}
	if a.Location, ok = t.AppendURI(a.Location, &redirect); ok {
		a.Action = session.ActionRedirect
	} else {
		a.NoneStatus = 404
	}
}

// choose picks the target and, for a client that cannot follow a redirect,
// the way it is served instead: here when this member hosts the service and
// the client has no other member to return to, else through a tunnel.
func (b *balancer) choose(q *balance.Query, sq *session.Query, a *session.Answer) (*balance.Target, bool) {
	if sq.Client != session.ClientPlain || !b.relays(sq.Request) {
		return b.g.table.Pick(q)
	}
	t, ok := b.g.table.Local(q)
	if !ok || q.Cookie.Present() || b.mode == "relay" {
		if t, ok = b.g.table.Pick(q); !ok {
			return nil, false
		}
	}
	if t.Local {
		if route := b.g.routeOf[t.URI]; route != nil {
			a.Action, a.Local = session.ActionServe, route
		}
		return t, true
	}
	if addr, host, path, ok := b.g.dialable(t); ok {
		a.Action, a.Dial, a.Authority, a.Path = session.ActionRelay, addr, host, path
	}
	return t, true
}

// relays reports whether the client is to be tunnelled: by configuration, or
// because it is a browser's own WebSocket, which never follows a redirect
// (spec/protocol.md §4.7, §4.8).
func (b *balancer) relays(r *wsproto.Request) bool {
	switch b.mode {
	case "relay":
		return true
	case "redirect":
		return false
	}
	if v, ok := r.Header("Sec-Fetch-Mode"); ok && string(v) == "websocket" {
		return true
	}
	_, origin := r.Header("Origin")
	if !origin || r.HasToken("Sec-WebSocket-Protocol", "x-kaazing-handshake") {
		return false
	}
	return true
}

// complain says at most once a second that clients are turned away.
func (b *balancer) complain(q *session.Query, now time.Time) {
	last := b.complained.Load()
	if now.Unix() > last && b.complained.CompareAndSwap(last, now.Unix()) {
		kind := "WebSocket"
		if q.Client == session.ClientHTTP {
			kind = "HTTP"
		}
		b.g.log.Warn(fmt.Sprintf("Rejected %s request for URI %q on session %s: no available balancee URI was found", kind, b.uri, q.Transport.RemoteAddr()))
	}
}

// dialable gives the address of a target's accept URI with what its request
// needs. A host name that is not yet known is looked up off the loop; until
// then the client is redirected.
func (g *Gateway) dialable(t *balance.Target) (addr netip.AddrPort, authority, path string, ok bool) {
	u, err := conf.ParseURI(t.URI)
	if err != nil {
		return addr, "", "", false
	}
	ip, literal := u.Addr()
	if !literal {
		if ip, ok = g.names.get(u.Host); !ok {
			return addr, "", "", false
		}
	}
	return netip.AddrPortFrom(ip, uint16(u.Port)), net.JoinHostPort(u.Host, strconv.Itoa(u.Port)), u.Path, true
}
