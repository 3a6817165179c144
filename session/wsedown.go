package session

import (
	"bytes"
	"strings"
	"time"

	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// downstream answers the request for a downstream (spec/protocol.md §6.5).
func (x *exchange) downstream(c *call, next int) int {
	s, err := x.w.sessionOf(c)
	if err != nil {
		return x.refuseWSE(&c.manner, err, next)
	}
	polls := c.params.Proxy || strings.EqualFold(string(c.header("X-Kaazing-Proxy-Buffering")), "on")
	if err = s.startDownstream(c, polls); err != nil {
		return x.refuseWSE(&c.manner, err, next)
	}
	if c.params.Proxy && !c.params.SameScheme && c.route.Sibling != "" {
		return x.toSibling(s, c, next)
	}
	s.supersede()
	if v := c.header("User-Agent"); v != nil {
		c.params.ForBrowser(v)
	}
	s.beatEvery(c.params.Heartbeat)
	if polls {
		return x.longPoll(s, c, next)
	}
	return x.stream(s, c)
}

// startDownstream judges a downstream request; a bad one ends the session.
func (s *emulated) startDownstream(c *call, polls bool) error {
	err := s.number(c, &s.downSeq)
	switch m := string(c.method); {
	case err != nil:
	case m != "GET" && m != "POST" || c.head:
		err = wse.MethodError(c.method)
	case polls && !s.is(modeSequenced):
		err = errUpstream
	}
	if err != nil {
		s.reset()
	}
	return err
}

// idle is the silence after which the client gives us up. A heartbeat leaves
// in good time before.
func (s *emulated) idle() time.Duration { return wse.IdleTimeout(s.route.Options.Inactivity) }

// beatEvery sets the heartbeat to what the client wishes, 0 for nothing, but in
// time for all that it was promised.
func (s *emulated) beatEvery(wish time.Duration) {
	limit := s.idle()
	if s.is(modePromised) {
		limit = min(limit, s.route.Options.Inactivity)
	}
	s.period = limit - limit/4
	if wish > 0 {
		s.period = min(s.period, wish)
	}
}

// toSibling sends a client behind a buffering proxy to our TLS address. The
// request has used its number up.
func (x *exchange) toSibling(s *emulated, c *call, next int) int {
	w := x.w
	w.url = append(w.url[:0], c.route.Sibling...)
	w.url = wse.AppendDataPath(bytes.TrimSuffix(w.url, []byte{'/'}), wse.Downstream, s.enc, &s.id)
	w.url = wse.AppendQuery(w.url, c.r.RawQuery)
	r := w.signed(&w.res)
	r.Status = 301
	r.Add([]byte("Location"), w.url)
	return x.respond(&c.manner, next)
}

// supersede ends the downstream under way in favour of a new one.
func (s *emulated) supersede() {
	s.reconnect()
	s.disarm()
	s.set(modeServed, true)
	if !s.is(modePinged) {
		s.pingTick = s.w.ticks()
	}
}

// stream begins a response that lasts. The connection carries nothing else
// from now on.
func (x *exchange) stream(s *emulated, c *call) int {
	w := x.w
	p := &c.params
	r := w.signed(&w.res)
	wse.DownstreamHead(r, s.enc, p, s.idle(), false)
	r.Fields = append(r.Fields, c.cors...)
	var t Transport = x.t
	if p.BlockPadding > 0 && c.via == httpxe.Plain {
		z := &padded{Transport: x.t, block: p.BlockPadding}
		r.Add([]byte("Content-Encoding"), []byte("gzip"))
		x.t.Write(z.gzip.AppendHead(r.Append(w.out[:0], c.via)))
		w.out, t = w.out[:0], z
	} else {
		w.out = r.Append(w.out[:0], c.via)
	}
	r.Reset()
	head := len(w.out)
	if !s.route.Options.Strict {
		w.out = wse.AppendNOP(w.out)
	}
	wait := p.FirstFlush > 0 && len(s.queued()) > 0 && s.state == stateOpen
	if !wait {
		w.out = append(w.out, s.queued()...)
	}
	w.out = wse.AppendPadding(w.out, len(w.out)-head, p.Padding)
	t.Send(w.out)

	t.SetTimeout(0)
	t.SetHandler(s)
	s.route.Options.tune(x.t)
	s.attach(t, len(w.out)-head, p.Buffer)
	x.leave()
	if wait {
		s.held = true
		t.SetTimeout(min(p.FirstFlush, s.period))
		return -1
	}
	s.flushed()
	return -1
}

// flushed follows a response that has taken all that was queued.
func (s *emulated) flushed() {
	drained := s.emptied()
	switch {
	case s.state != stateOpen || s.full():
		s.reconnect()
	default:
		s.arm()
	}
	if drained {
		s.Drained()
	}
}

// reconnect ends the downstream under way; the session goes on with another,
// unless it is closing.
func (s *emulated) reconnect() {
	switch {
	case s.poll != nil:
		s.answerPoll()
	case s.t != nil:
		if s.held {
			s.t.Write(s.queued())
			s.emptied()
		}
		s.w.out = wse.AppendReconnect(s.w.out[:0])
		s.t.Write(s.w.out)
		s.detach()
		s.responded()
	}
}

// responded follows the end of a downstream.
func (s *emulated) responded() {
	switch {
	case s.state == stateOpen:
		s.arm()
	case s.is(modePeerClosed):
		s.remove()
	case s.state == stateClosing:
		s.after(s.w.shape.CloseTimeout)
	}
}
