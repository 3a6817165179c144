package session

import (
	"bytes"
	"errors"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// emulation answers a request below <accept>/;e/.
func (x *exchange) emulation(c *call, next int) int {
	if c.route.Balancer != nil {
		return x.emulationBalanced(c, next)
	}
	switch c.wse.Kind {
	case wse.Create, wse.Cookies:
		if c.route.Unbound.Load() {
			break
		}
		if c.wse.Kind == wse.Cookies {
			return x.cookiePreflight(c, next)
		}
		return x.create(c, next)
	case wse.Upstream:
		return x.enveloped(c, next)
	case wse.Downstream:
		return x.downstream(c, next)
	}
	return x.fail(&c.manner, 404, "", next)
}

// emulationBalanced answers it at a balancer: only creates and the cookie
// pre-flight are sent on, because a session lives on one member.
func (x *exchange) emulationBalanced(c *call, next int) int {
	w := x.w
	switch c.wse.Kind {
	case wse.Create:
		w.url = wse.AppendCreateSuffix(w.url[:0], c.wse.Encoding)
	case wse.Cookies:
		w.url = append(w.url[:0], "/;e/cookies"...)
	default:
		return x.fail(&c.manner, 404, "", next)
	}
	return x.balancePlain(c, ClientEmulated, w.url, next)
}

// create starts a session (spec/protocol.md §6.3).
func (x *exchange) create(c *call, next int) int {
	principal, next, ok := x.authorize(c, next)
	if !ok {
		return next
	}
	o := &c.route.Options
	wish, err := wse.CheckCreate(&wse.CreateRequest{
		Method: c.method, Version: c.header("X-WebSocket-Version"), AcceptCommands: c.header("X-Accept-Commands"),
		SequenceNo: c.header("X-Sequence-No"), Params: &c.params, Strict: o.Strict,
	})
	if err != nil {
		return x.refuseWSE(&c.manner, err, next)
	}
	if c.route.Draining.Load() || !x.w.room(x.t.RemoteAddr()) {
		return x.later(c, next)
	}
	offered := c.header("X-WebSocket-Protocol")
	protocol, ok := o.choose(offered)
	if !ok {
		return x.fail(&c.manner, errProtocol.Status, errProtocol.Reason, next)
	}
	var granted wsx.Extensions
	granted.Grant(wsx.Extensions{Idle: o.Inactivity}, c.header("X-WebSocket-Extensions"))

	open := &Open{
		Path: bytes.Clone(c.wse.Service), Query: bytes.Clone(c.r.RawQuery),
		Protocols: bytes.Clone(offered), Protocol: protocol, Principal: principal,
	}
	s := x.w.newEmulated(x.t, c, &wish)
	next = x.created(s, c, protocol, granted, next)
	s.set(modePromised, granted.Idle > 0)
	s.recv = discard{}
	if recv := c.route.Service.Open(s, open); recv != nil {
		s.recv = recv
	}
	s.arm()
	return next
}

// later tells a client to try again, here or elsewhere.
func (x *exchange) later(c *call, next int) int {
	x.w.signed(&x.w.res).Add(retryAfter[0].Name, retryAfter[0].Value)
	return x.fail(&c.manner, 503, "", next)
}

func (w *Worker) newEmulated(t Transport, c *call, wish *wse.CreateResult) *emulated {
	o := &c.route.Options
	s := &emulated{
		outlet: outlet{w: w, bound: queueBound}, route: c.route, id: w.newID(), remote: t.RemoteAddr(),
		upSeq: wish.Sequence, downSeq: wish.Sequence, enc: c.wse.Encoding, pingTick: w.ticks(),
	}
	if o.PendingLimit > 0 {
		s.bound = int32(min(o.PendingLimit, 1<<30))
	}
	s.set(modeSequenced, wish.Sequenced)
	s.set(modePing, wish.Ping)
	w.emulated[s.id] = s
	c.route.Sessions.Add(1)
	return s
}

// created sends the answer with the session's URLs.
func (x *exchange) created(s *emulated, c *call, protocol string, granted wsx.Extensions, next int) int {
	w := x.w
	w.url = appendBase(w.url[:0], c)
	w.text = wse.AppendCreateBody(w.text[:0], w.url, s.enc, &s.id, c.r.RawQuery)
	if idle := granted.AppendIdle(nil); len(idle) > 0 {
		wse.Created(w.signed(&w.res), w.text, []byte(protocol), idle)
	} else {
		wse.Created(w.signed(&w.res), w.text, []byte(protocol))
	}
	return x.respond(&c.manner, next)
}

// authorize asks the route's guard. A refused request has been answered; next
// is then what the driver goes on with.
func (x *exchange) authorize(c *call, next int) (principal string, _ int, ok bool) {
	if c.route.Guard == nil {
		return "", next, true
	}
	authorization := c.header("Authorization")
	if authorization == nil {
		authorization = c.route.credentials(c.r)
	}
	principal, status, challenge := c.route.Guard.Check(authorization)
	switch status {
	case 0:
		return principal, next, true
	case 401:
		r := &x.w.res
		r.Add([]byte("WWW-Authenticate"), []byte(challenge))
		r.Fail(401, "")
		return "", x.respond(&c.manner, next), false
	}
	return "", x.forbid(c, next), false
}

// refuseWSE answers a request that breaks the rules of §6.
func (x *exchange) refuseWSE(m *manner, err error, next int) int {
	e := &wsproto.StatusError{Status: 500}
	errors.As(err, &e)
	wse.Refuse(x.w.signed(&x.w.res), e)
	return x.respond(m, next)
}
