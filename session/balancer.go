package session

import (
	"net/netip"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// A Balancer answers for a balancer URI.
type Balancer interface {
	// Balance fills a from q. It takes no lock and keeps nothing of either.
	Balance(q *Query, a *Answer)
}

// A Query is what a balancer is asked.
type Query struct {
	Request   *wsproto.Request
	Client    ClientKind
	Secure    bool
	Suffix    []byte                                   // path behind the balancer's own, from "/;e/" on
	Transport interface{ RemoteAddr() netip.AddrPort } // the client's address, when it is needed
}

// A ClientKind is how a client takes a redirect (spec/protocol.md §4.3).
type ClientKind uint8

const (
	ClientPlain     ClientKind = iota // P: 302 on the upgrade
	ClientDirective                   // L and X with .kl=Y: in-band
	ClientInner                       // X without .kl=Y: 302 inside
	ClientEmulated                    // E: 302 on a WSE create
	ClientHTTP                        // S and H: 302
)

// An Action is what is done with a balanced request.
type Action uint8

const (
	ActionNone     Action = iota // no member is available
	ActionRedirect               // send the client to Location
	ActionServe                  // serve here, by Local
	ActionRelay                  // tunnel to Member
)

// An Answer is a balancer's decision. The slices are scratch: Balance appends
// to them after truncating, and they are valid until the next Balance with
// the same Answer.
type Answer struct {
	Action     Action
	Location   []byte // Location value or R-URI
	SetCookie  []byte // Set-Cookie value; empty for none
	Local      *Route
	Dial       netip.AddrPort // relay: where the member listens
	Authority  string         // relay: Host of the member's accept URI
	Path       string         // relay: path of the member's accept URI
	NoneStatus int            // status of a refusal: 503, 404 or 400
}

// balance answers an upgrade request at a balancer URI (spec/protocol.md
// §4.3). No session comes into being unless this member serves the client
// itself.
func (x *exchange) balance(route *Route, r *wsproto.Request, cors []wsproto.Field, p []byte, n int) int {
	if err := wsproto.CheckUpgrade(r); err != nil {
		return x.reject(err, nil)
	}
	if r.HasToken("Sec-WebSocket-Protocol", wsx.Subprotocol) {
		kind := ClientInner
		if v, _ := r.QueryParam(".kl"); string(v) == "Y" {
			kind = ClientDirective
		}
		return x.extend(route, r, cors, x.ask(route, r, kind, nil), p[n:])
	}
	kind := ClientPlain
	if v, _ := r.QueryParam(".kl"); string(v) == "Y" {
		kind = ClientDirective
	}
	a := x.ask(route, r, kind, nil)
	switch {
	case a.Action == ActionServe:
		return x.serveHere(a, r, p[n:])
	case a.Action == ActionRelay:
		return x.relay(route, a, r, p, n)
	case kind == ClientDirective:
		return x.directive(a, r, cors)
	case a.Action == ActionRedirect:
		return x.redirect(nameInUpgrade, a, cors, false)
	}
	return x.none(a)
}

// serveHere starts the session on this member, as if the client had come to
// the service's own accept: that one's rules hold.
func (x *exchange) serveHere(a *Answer, r *wsproto.Request, early []byte) int {
	if a.Local.Unbound.Load() {
		return x.reject(errDraining, retryAfter)
	}
	cors, ok := x.origin(a.Local, r)
	if !ok {
		return x.deny(errOrigin, nil)
	}
	x.w.speakFor(a.Local)
	return x.accept(a.Local, r, cors, a.SetCookie, early)
}

// balancePlain answers a plain HTTP request at a balancer URI, in the way it
// came. suffix is what of its path may be sent on.
func (x *exchange) balancePlain(c *call, kind ClientKind, suffix []byte, next int) int {
	if c.place != placeWSE || c.wse.Kind != wse.Cookies {
		var ok bool
		if _, next, ok = x.authorize(c, next); !ok {
			return next
		}
	}
	a := x.ask(c.route, c.r, kind, suffix)
	r := x.w.signed(&x.w.res)
	if a.Action != ActionRedirect {
		status := a.NoneStatus
		if status != 404 {
			r.Add(retryAfter[0].Name, retryAfter[0].Value)
			status = 503
		}
		return x.fail(&c.manner, status, "", next)
	}
	r.Status = 302
	r.Add(nameInHTTP, a.Location)
	if len(a.SetCookie) > 0 {
		r.Cookies = append(r.Cookies, a.SetCookie)
	}
	return x.respond(&c.manner, next)
}

func (x *exchange) ask(route *Route, r *wsproto.Request, kind ClientKind, suffix []byte) *Answer {
	w := x.w
	w.query = Query{Request: r, Client: kind, Secure: x.port.Secure, Suffix: suffix, Transport: x.t}
	route.Balancer.Balance(&w.query, &w.answer)
	return &w.answer
}

// The header's name as the predecessor writes it (spec/protocol.md §4.4).
var (
	nameInUpgrade = []byte("location")
	nameInHTTP    = []byte("Location")
)

// redirect sends a 302 and closes unless keep says that the connection goes
// on. A client that came for a redirect has no further use for it.
func (x *exchange) redirect(name []byte, a *Answer, cors []wsproto.Field, keep bool) int {
	w := x.w
	w.fields = append(w.fields[:0], cors...)
	w.fields = append(w.fields, wsproto.Field{Name: name, Value: a.Location})
	w.out = wsproto.AppendStatus(w.out[:0], 302, "Found", w.fields, a.SetCookie, w.serverName, w.Date())
	x.t.Send(w.out)
	if keep {
		return 0
	}
	x.done = true
	x.release()
	x.t.CloseFast()
	return -1
}

// none says that no member is available.
func (x *exchange) none(a *Answer) int {
	status := a.NoneStatus
	if status == 404 {
		return x.reject(errNotFound, nil)
	}
	if status == 400 {
		return x.reject(&wsproto.StatusError{Status: 400, Reason: "Bad Request"}, nil)
	}
	return x.reject(errDraining, retryAfter)
}

// directive lets the handshake succeed and sends the client on inside the
// WebSocket (spec/protocol.md §3.2); without a member the URI is empty.
func (x *exchange) directive(a *Answer, r *wsproto.Request, cors []wsproto.Field) int {
	w := x.w
	if a.Action != ActionRedirect {
		a.Location, a.SetCookie = a.Location[:0], a.SetCookie[:0]
	}
	answer := wsproto.Answer{Headers: cors, SetCookie: a.SetCookie, Server: w.serverName, Date: w.Date()}
	w.out = answer.Append(w.out[:0], r)
	w.out = wsx.AppendRedirect(w.out, a.Location)
	w.out = wsproto.AppendClose(w.out, wsproto.CodeNormal, nil)
	x.t.Send(w.out)
	return x.end()
}
