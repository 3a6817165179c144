package session

import (
	"bytes"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// upgrade answers an upgrade request for a WebSocket route, with the checks
// of spec/protocol.md §1.7 in their order. The head is p[:n].
func (x *exchange) upgrade(route *Route, rest []byte, r *wsproto.Request, p []byte, n int) int {
	if route.HTTP {
		return x.handOver(p)
	}
	if route.Events {
		return x.notFound()
	}
	x.w.speakFor(route)
	if len(rest) > 0 && !(len(rest) == 1 && rest[0] == '/') {
		return x.reject(errPath, nil)
	}
	if route.Unbound.Load() {
		return x.notFound()
	}
	cors, ok := x.origin(route, r)
	if !ok {
		return x.deny(errOrigin, nil)
	}
	extended := r.HasToken("Sec-WebSocket-Protocol", wsx.Subprotocol)
	if route.Balancer != nil {
		if !extended {
			if _, ok := x.admit(route, r); !ok {
				return -1
			}
		}
		return x.balance(route, r, cors, p, n)
	}
	if extended {
		if err := wsproto.CheckUpgrade(r); err != nil {
			return x.reject(err, nil)
		}
		if route.Draining.Load() {
			return x.reject(errDraining, retryAfter)
		}
		return x.extend(route, r, cors, nil, p[n:])
	}
	return x.accept(route, r, cors, nil, p[n:])
}

var (
	errPath     = &wsproto.StatusError{Status: 404, Reason: "WebSocket Upgrade Failure"}
	errProtocol = &wsproto.StatusError{Status: 404, Reason: "WebSocket SubProtocol Not Found"}
	errNotFound = &wsproto.StatusError{Status: 404, Reason: "Not Found"}
	errOrigin   = &wsproto.StatusError{Status: 403, Reason: "Forbidden"}
	errDraining = &wsproto.StatusError{Status: 503, Reason: "Service Unavailable"}
)

// origin asks the route's policy about the page a request comes from. cors
// are the lines an allowed answer carries, valid until the next request.
func (x *exchange) origin(route *Route, r *wsproto.Request) (cors []wsproto.Field, ok bool) {
	page, has := r.Header("Origin")
	if !has {
		return nil, true
	}
	d := origin.Decide(route.Origins, &origin.Request{
		Method: r.Method, Origin: page, Host: r.Authority, Secure: x.port.Secure,
	})
	if d.Verdict == origin.Refuse {
		return nil, false
	}
	x.w.cors = d.Fields(x.w.cors[:0])
	return x.w.cors, true
}

// accept completes the handshake and starts the session.
func (x *exchange) accept(route *Route, r *wsproto.Request, cors []wsproto.Field, cookie, early []byte) int {
	principal, ok := x.admit(route, r)
	if !ok {
		return -1
	}
	if err := wsproto.CheckUpgrade(r); err != nil {
		return x.reject(err, nil)
	}
	if route.Draining.Load() {
		return x.reject(errDraining, retryAfter)
	}
	offered, _ := r.Header("Sec-WebSocket-Protocol")
	protocol, ok := route.Options.choose(offered)
	if !ok {
		return x.reject(errProtocol, nil)
	}
	w := x.w
	a := wsproto.Answer{Protocol: protocol, Headers: cors, SetCookie: cookie, Server: w.serverName, Date: w.Date()}
	deflate := false
	if route.Options.Compression {
		var extension string
		if extension, deflate = wsproto.AcceptDeflate(r); deflate {
			a.Extensions = []string{extension}
		}
	}
	w.out = a.Append(w.out[:0], r)
	if v, _ := r.QueryParam(".kl"); string(v) == "Y" {
		w.out = wsx.AppendContinue(w.out)
	}
	x.t.Send(w.out)

	s := newWebSocket(x.t, w, route)
	if deflate {
		s.deflate = newCompression(&route.Options)
	}
	w.open = Open{Path: r.Path, Query: r.RawQuery, Protocols: offered, Protocol: protocol, Principal: principal}
	s.start(&w.open)
	if len(early) > 0 {
		s.Data(early)
	}
	x.leave()
	return -1
}

// admit asks the route's guard. A refused request has been answered.
func (x *exchange) admit(route *Route, r *wsproto.Request) (principal string, ok bool) {
	if route.Guard == nil {
		return "", true
	}
	principal, status, challenge := route.Guard.Check(route.credentials(r))
	switch {
	case status == 0:
		return principal, true
	case status == 401 && route.Guard.Native():
		x.deny(&wsproto.StatusError{Status: 401, Reason: "Unauthorized"}, []wsproto.Field{
			{Name: []byte("WWW-Authenticate"), Value: []byte(challenge)}})
	default:
		x.deny(errOrigin, nil)
	}
	return "", false
}

// choose picks the first of the server's subprotocols that the client offers
// (spec/protocol.md §1.7). A service without any accepts every client and
// names none; one that passes protocols on takes the client's first.
func (o *Options) choose(offered []byte) (string, bool) {
	own := o.Protocols
	if o.PassProtocol && len(own) == 0 {
		first, _, _ := bytes.Cut(offered, []byte{','})
		return string(bytes.TrimSpace(first)), true
	}
	if len(own) == 0 {
		return "", true
	}
	for _, p := range own {
		if p == "" {
			return "", true
		}
		for rest := offered; len(rest) > 0; {
			var item []byte
			item, rest, _ = bytes.Cut(rest, []byte{','})
			if string(bytes.TrimSpace(item)) == p {
				return p, true
			}
		}
	}
	return "", false
}
