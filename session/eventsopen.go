package session

import (
	"bytes"

	"github.com/kzfast/kzfast/wsproto/sse"
)

// events answers the request for an event stream (spec/protocol.md §7).
func (x *exchange) events(c *call, next int) int {
	if !bytes.Equal(bytes.TrimSuffix(c.events.Service, []byte{'/'}), bytes.TrimSuffix([]byte(c.route.Path), []byte{'/'})) {
		return x.fail(&c.manner, 404, "", next)
	}
	if m := string(c.method); m != "GET" && (m != "POST") || c.head {
		return x.fail(&c.manner, 405, "", next)
	}
	principal, next, ok := x.authorize(c, next)
	if !ok {
		return next
	}
	if v := c.header("User-Agent"); v != nil {
		c.params.ForBrowser(v)
	}
	if c.events.Session {
		s := x.w.streams[c.events.ID]
		if s == nil || s.route.Name != c.route.Name || s.state != stateOpen {
			return x.fail(&c.manner, 404, "", next)
		}
		if s.t != nil {
			s.detach()
		}
		return x.follow(s, c, nil)
	}
	if c.route.Unbound.Load() {
		return x.fail(&c.manner, 404, "", next)
	}
	if c.route.Draining.Load() || !x.w.room(x.t.RemoteAddr()) {
		return x.later(c, next)
	}
	w := x.w
	s := &eventStream{
		outlet: outlet{w: w, bound: eventsBound}, route: c.route, id: w.newID(), remote: x.t.RemoteAddr(), recv: discard{},
	}
	w.streams[s.id] = s
	c.route.Sessions.Add(1)
	open := &Open{Path: bytes.Clone(c.events.Service), Query: bytes.Clone(c.r.RawQuery), Principal: principal}
	w.url = appendBase(w.url[:0], c)
	w.url = sse.AppendSessionURL(w.url, nil, &s.id)
	w.text = sse.AppendLocation(w.text[:0], w.url)
	x.follow(s, c, w.text)
	if recv := s.route.Service.Open(s, open); recv != nil {
		s.recv = recv
	}
	return -1
}

// follow begins a response of the stream, with first before what is queued.
// The connection carries nothing else from now on.
func (x *exchange) follow(s *eventStream, c *call, first []byte) int {
	w := x.w
	p := &c.params
	r := w.signed(&w.res)
	sse.Head(r, p)
	r.Fields = append(r.Fields, c.cors...)
	w.out = r.Append(w.out[:0], c.via)
	r.Reset()
	head := len(w.out)
	sibling := p.Proxy && !p.SameScheme && c.route.Sibling != ""
	w.out = append(w.out, first...)
	if p.Proxy && !sibling {
		w.out = sse.AppendKeepAlive(w.out)
	}
	wait := p.FirstFlush > 0 && len(s.queued()) > 0
	had := len(s.queued()) > 0
	switch {
	case sibling:
		w.url = sse.AppendSessionURL(append(w.url[:0], c.route.Sibling...), nil, &s.id)
		w.out = sse.AppendReconnect(w.out, w.url)
	case !wait:
		w.out = append(w.out, s.queued()...)
	}
	w.out = sse.AppendPadding(w.out, len(w.out)-head, p.Padding)
	x.t.Send(w.out)

	t := x.t
	t.SetTimeout(0)
	t.SetHandler(s)
	s.route.Options.tune(t)
	s.disarm()
	s.attach(t, len(w.out)-head, p.Buffer)
	s.once, s.block = p.Proxy, p.BlockPadding > 0
	x.leave()
	switch {
	case sibling:
		s.detach()
		s.await(&w.detached.kept)
	case wait:
		s.held = true
		t.SetTimeout(p.FirstFlush)
	case had:
		s.flushed()
	default:
		s.arm()
		if s.emptied() {
			s.Drained()
		}
	}
	return -1
}

// flushed follows a response that has taken all that was queued.
func (s *eventStream) flushed() {
	drained := s.emptied()
	s.afterWrite(true)
	if s.t != nil {
		s.arm()
	}
	if drained {
		s.Drained()
	}
}
