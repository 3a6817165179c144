package session

import (
	"bytes"
	"errors"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/wse"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// An extended is a connection between the outer 101 of an extended handshake
// and the inner one (spec/protocol.md §3): the client's messages are HTTP
// requests, ours the answers. It ends as a [WebSocket], or, at a balancer, as
// a redirect.
type extended struct {
	t      Transport
	w      *Worker
	route  *Route
	dec    wsproto.Decoder
	held   *bytebufferpool.ByteBuffer // an unfinished inner request
	ctl    [maxControl]byte           // an unfinished control frame
	ctlLen uint8

	outer      outerRequest
	balancer   bool
	target     []byte // where a balancer sends the client; nil without a member
	challenges int    // 401s that are out
	frames     int    // of messages, so far
	rate       controlRate
	ended      bool
	inactive   inactivity
}

// innerTimeout bounds the wait for the first inner request, challengeTimeout
// that for credentials, for which somebody may have to be asked.
const (
	innerTimeout     = 30 * time.Second
	challengeTimeout = 5 * time.Minute
)

var innerLimits = wsproto.Limits{MaxMessage: wsx.MaxRequest}

// extend answers the outer request and goes on inside. a is the decision of a
// balancer, nil at a service.
func (x *exchange) extend(route *Route, r *wsproto.Request, cors []wsproto.Field, a *Answer, early []byte) int {
	w := x.w
	var params wse.Params
	params.Parse(r.RawQuery)
	member := a != nil && a.Action == ActionRedirect
	directive := wsx.AfterOuter(true, params.Directives, a != nil, member)

	answer := wsproto.Answer{Protocol: wsx.Subprotocol, Headers: cors, Server: w.serverName, Date: w.Date()}
	if a != nil {
		answer.SetCookie = a.SetCookie
	}
	w.out = answer.Append(w.out[:0], r)
	switch directive {
	case wsx.Continue:
		w.out = wsx.AppendContinue(w.out)
	case wsx.NoMember:
		w.out = wsx.AppendRedirect(w.out, nil)
		w.out = wsproto.AppendClose(w.out, wsproto.CodeNormal, nil)
	}
	x.t.Send(w.out)
	if directive == wsx.NoMember {
		return x.end()
	}
	s := &extended{t: x.t, w: w, route: route, balancer: a != nil, outer: outerOf(r, cors, &params)}
	s.outer.authorization = bytes.Clone(route.credentials(r))
	if member {
		s.target = append([]byte{}, a.Location...)
	}
	s.inactive.heard(w)
	x.t.SetHandler(s)
	s.arm()
	if len(early) > 0 {
		s.Data(early)
	}
	x.leave()
	return -1
}

// Data implements [Handler].
func (s *extended) Data(p []byte) {
	s.inactive.heard(s.w)
	var f wsproto.Frame
	for len(p) > 0 && !s.ended {
		n, ok, err := s.dec.Next(p, &innerLimits, &f)
		p = p[n:]
		if err != nil {
			s.fail(err)
			return
		}
		switch {
		case !ok:
		case f.Op.Control():
			s.control(&f)
		case s.message(&f, p):
			return
		}
	}
	s.throttle()
}

// message collects a frame, or a chunk of one, and answers the requests once
// the message has ended. It reports what requests does.
func (s *extended) message(f *wsproto.Frame, rest []byte) bool {
	if f.Start() {
		s.frames++
	}
	if s.held == nil {
		s.held = bytebufferpool.Get()
	}
	s.held.B = append(s.held.B, f.Data...)
	switch {
	case s.frames > maxFragments:
		s.fail(errFragments)
		return true
	case !likeRequest(s.held.B):
		s.fail(errEarlyData)
		return true
	}
	return f.Last() && s.requests(rest)
}

// requests answers the inner requests collected so far. It reports true when
// the connection has another owner, which has been given rest, or is ending.
func (s *extended) requests(rest []byte) bool {
	for len(s.held.B) > 0 {
		if !likeRequest(s.held.B) {
			s.fail(errEarlyData)
			return true
		}
		var r wsx.Request
		n, err := r.Parse(s.held.B)
		if err == nil && n == 0 {
			return false
		}
		if err == nil {
			err = r.CheckPath(s.outer.path, true)
		}
		if err != nil {
			s.refuse(err)
			return true
		}
		if s.serve(&r) {
			switch {
			case s.ended:
			case n < len(s.held.B):
				s.fail(errEarlyData)
			default:
				s.become(&r, rest)
			}
			return true
		}
		s.held.B = append(s.held.B[:0], s.held.B[n:]...)
	}
	s.release()
	return false
}

// errEarlyData is for a client that sends application data before it has been
// told that it may (spec/protocol.md §3.4).
var errEarlyData = &wsproto.CloseError{Code: wsproto.CodeProtocolError, Err: errors.New("data before the inner answer")}

// likeRequest reports whether b may be the beginning of an HTTP request: a
// method in capitals and a blank.
func likeRequest(b []byte) bool {
	for i, c := range b {
		if c == ' ' {
			return i > 0
		}
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// serve answers one inner request; true means that there will be no further.
func (s *extended) serve(r *wsx.Request) (final bool) {
	granted := r.Extensions(s.offer())
	var resp httpxe.Response
	if final = s.login(r, &resp); !final || s.ended {
		return final
	}
	switch {
	case s.balancer && !s.outer.kl:
		wsx.Found(&resp, s.target, granted)
		s.stamp(&resp)
		s.respond(&resp)
		s.close()
	case s.balancer:
		wsx.Upgrade(&resp, s.outer.accept, nil, s.outer.upgrade, granted)
		s.stamp(&resp)
		s.respond(&resp)
		s.w.out = wsx.AppendRedirect(s.w.out[:0], s.target)
		s.t.Write(s.w.out)
		s.close()
	}
	return true
}

// offer is what extensions the service can grant.
func (s *extended) offer() wsx.Extensions {
	return wsx.Extensions{PingPong: true, Idle: s.route.Options.Inactivity}
}

// login checks the credentials of an inner request. A challenge keeps the
// connection for another try, of which there are maxChallenges.
func (s *extended) login(r *wsx.Request, resp *httpxe.Response) (final bool) {
	if s.route.Guard == nil {
		return true
	}
	authorization := r.Authorization
	if authorization == nil {
		authorization = s.outer.authorization
	}
	_, status, challenge := s.route.Guard.Check(authorization)
	switch status {
	case 0:
		return true
	case 401:
		wsx.Challenge(resp, []byte(challenge))
		s.respond(resp)
		if s.challenges++; s.challenges == maxChallenges {
			s.fail(errChallenges)
			return true
		}
		s.arm()
		return false
	}
	s.refuse(errOrigin)
	return true
}

// become sends the inner 101 and starts the session.
func (s *extended) become(r *wsx.Request, rest []byte) {
	if s.route.Draining.Load() {
		s.refuse(errDraining)
		return
	}
	protocol, offered, ok := s.protocol(r)
	if !ok {
		s.refuse(errProtocol)
		return
	}
	granted := r.Extensions(s.offer())
	var resp httpxe.Response
	var name []byte
	if protocol != "" {
		name = []byte(protocol)
	}
	wsx.Upgrade(&resp, s.outer.accept, name, s.outer.upgrade, granted)
	resp.Fields = append(resp.Fields, s.outer.cors...)
	s.stamp(&resp)
	s.respond(&resp)
	if wsx.AfterInner(s.outer.kl, false, true) == wsx.Continue {
		s.t.Write(wsx.AppendContinue(nil))
	}
	var principal string
	if s.route.Guard != nil {
		authorization := r.Authorization
		if authorization == nil {
			authorization = s.outer.authorization
		}
		principal, _, _ = s.route.Guard.Check(authorization)
	}
	s.t.Resume()
	ws := newWebSocket(s.t, s.w, s.route)
	if granted.PingPong || granted.Idle > 0 {
		ws.ext = &extension{granted: granted, lastWrite: s.w.ticks()}
	}
	ws.start(&Open{Path: s.outer.path, Query: s.outer.query, Protocols: offered, Protocol: protocol, Principal: principal})
	s.release()
	s.ended = true
	if len(rest) > 0 {
		ws.Data(rest)
	}
}

// protocol negotiates the application's subprotocol.
func (s *extended) protocol(r *wsx.Request) (chosen string, offered []byte, ok bool) {
	r.Protocols(s.outer.protocols, func(name []byte) bool {
		if len(offered) > 0 {
			offered = append(offered, ',')
		}
		offered = append(offered, name...)
		return true
	})
	chosen, ok = s.route.Options.choose(offered)
	return chosen, offered, ok
}

// stamp adds what answers of a bound service carry.
func (s *extended) stamp(r *httpxe.Response) {
	r.Date = append([]byte(nil), s.w.Date()...)
	s.w.speakFor(s.route)
	r.Server = s.w.server
}

// respond sends an inner answer, with the end marker for clients that wait
// for it.
func (s *extended) respond(r *httpxe.Response) {
	s.w.out = wsx.AppendResponse(s.w.out[:0], r)
	if s.outer.marker {
		s.w.out = wsx.AppendMarker(s.w.out)
	}
	s.t.Write(s.w.out)
}

// refuse answers an inner request that cannot be served, and closes.
func (s *extended) refuse(err error) {
	status := &wsproto.StatusError{Status: 400, Reason: "Bad Request"}
	errors.As(err, &status)
	var resp httpxe.Response
	wsx.Refusal(&resp, status)
	s.respond(&resp)
	s.close()
}

// close ends the WebSocket in order.
func (s *extended) close() {
	s.w.out = wsproto.AppendClose(s.w.out[:0], wsproto.CodeNormal, nil)
	s.t.Write(s.w.out)
	s.ended = true
	s.release()
	s.t.Close()
}

// fail ends it for a fault of the framing.
func (s *extended) fail(err error) {
	code := wsproto.CodeProtocolError
	var ce *wsproto.CloseError
	if errors.As(err, &ce) {
		code = ce.Code
	}
	s.w.out = wsproto.AppendClose(s.w.out[:0], code, nil)
	s.t.Write(s.w.out)
	s.ended = true
	s.release()
	s.t.Close()
}

func (s *extended) release() {
	if s.held != nil {
		bytebufferpool.Put(s.held)
		s.held = nil
	}
}
