package session

import (
	"sync/atomic"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
)

// A Port is one listening address and the routes behind it. Its fields are
// set before the first connection; Routes may be replaced at any time.
type Port struct {
	Secure bool // the clients' side is TLS, here or in front of us
	Routes atomic.Pointer[Routes]
	// Head bounds request heads; the zero value is [Shape.Head].
	Head wsproto.HeadLimits
	// Idle bounds the wait for the first byte of a connection; 0 is
	// [Shape.IdleTimeout].
	Idle time.Duration
	// Serve takes over a connection whose next request is plain HTTP for a
	// route with Route.HTTP. It is called on the loop and must not block.
	Serve func(c HandedConn)
}

// head is Head, or what holds for all.
func (p *Port) head(all *wsproto.HeadLimits) wsproto.HeadLimits {
	if p.Head == (wsproto.HeadLimits{}) {
		return *all
	}
	return p.Head
}

// Routes is what can be reached through one port. It is immutable.
type Routes struct {
	Router
	Bridge *Route // of the vendor's bridge pages, a route for net/http; nil has none
	// Policies are the access policy files by authority.
	Policies map[string]AccessPolicy
}

// A Router finds what serves a request.
type Router interface {
	// Route looks up the authority, lower-cased as in the Host header, and
	// the decoded path (spec/config.md §6.3). rest is what of the path lies
	// behind the route's own. A nil route means that nothing is bound.
	Route(authority, path []byte, kind Kind) (r *Route, rest []byte)
}

// A Kind is what a request asks for.
type Kind uint8

const (
	KindHTTP      Kind = iota // plain HTTP
	KindWebSocket             // an upgrade request of RFC 6455
)

// A Route is one bound accept URI. All but its counters is immutable.
type Route struct {
	Accept   string // canonical accept URI, as the cluster knows it
	Name     string // service name
	Type     string // service type
	Path     string // path of the accept URI
	Service  Service
	Balancer Balancer       // instead of Service
	HTTP     bool           // instead of both: requests go to net/http
	Events   bool           // Service gets event streams
	Sibling  string         // the same service over TLS as an https URL; empty for none
	Guard    Guard          // nil admits everybody
	Origins  *origin.Policy // which pages may use it; never nil
	Options  Options

	Sessions atomic.Int64 // conversations now; safe for any goroutine
	Draining atomic.Bool  // no new conversations: 503; safe for any goroutine
	Unbound  atomic.Bool  // as if it were not there: 404; safe for any goroutine
}

// Options are the accept options of a route that concern its sessions.
type Options struct {
	Limits       wsproto.Limits // message size, UTF-8 check
	Inactivity   time.Duration  // ws.inactivity.timeout; 0 is off
	KeepAlive    time.Duration  // http.keepalive.timeout
	PendingLimit int            // bytes queued for one client; 0 is the engine's
	Protocols    []string       // subprotocols of the service itself
	PassProtocol bool           // the back end speaks the client's subprotocol
	Compression  bool           // permessage-deflate is negotiated
	Strict       bool           // emulated WebSockets to the letter of their specification
	NoCookieAPI  bool           // there is no cookie helper
	NoServer     bool           // answers carry no Server header
	// Tune sets options of the socket of each conversation; nil for none. What
	// it cannot set stays as it is.
	Tune func(fd int) error
}

// A Guard decides who may open a conversation.
type Guard interface {
	// Check judges the value of an Authorization header, nil for none.
	// status is 0 when it admits somebody, else 401 or 403; challenge is
	// the WWW-Authenticate value of a 401.
	Check(authorization []byte) (principal string, status int, challenge string)
	// Native reports whether a client without the vendor's library can
	// answer the challenge.
	Native() bool
}
