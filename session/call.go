package session

import (
	"errors"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/origin"
	"github.com/kzfast/kzfast/wsproto/sse"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// A call is one plain HTTP request as its service sees it: wherever a client
// that cannot say something the usual way has put it (spec/protocol.md §0,
// §1.8, §1.9), it is here. Its slices alias the request. There is one per
// worker.
type call struct {
	manner
	r        *wsproto.Request
	place    place
	route    *Route
	method   []byte
	path     []byte          // decoded, without a method in front
	inner    []wsproto.Field // headers of an envelope's inner request
	params   wse.Params
	xOrigin  []byte
	body     []byte
	wse      wse.Path
	events   sse.Path
	envelope httpxe.Envelope
}

// plain serves a request that is no upgrade and whose head is p[:n].
func (x *exchange) plain(r *wsproto.Request, p []byte, n int) int {
	c := &x.w.call
	proven := c.begin(r)
	c.place, c.route = x.port.find(r.Authority, c.path, r.RawQuery)
	switch {
	case c.place == placeNone:
		return x.notFound()
	case c.place == placeWeb:
		return x.handOver(withHost(r, p))
	case c.params.Parse(r.RawQuery) != nil:
		return x.refuse(errCall)
	}
	c.settle(r)
	x.w.speakFor(c.route)
	if !proven {
		c.close = true
		return x.forbid(c, n)
	}
	if to, ok := x.elsewhere(c); ok {
		return x.moveTo(to, p)
	}
	if c.place == placeWSE && c.wse.Kind == wse.Upstream && c.via != httpxe.Enveloped && c.route.Balancer == nil {
		return x.upstream(c, p, n)
	}
	limit := maxContent
	if c.via == httpxe.Enveloped {
		limit = MaxEnvelope
	}
	content, next := x.content(r, p, n, limit)
	if next < 0 {
		return -1
	}
	c.body = content
	if c.via == httpxe.Enveloped {
		if err := c.open(); err != nil {
			return x.refuse(err)
		}
	}
	return x.dispatch(c, next)
}

var errCall = &wsproto.StatusError{Status: 400, Reason: "Bad Request", Close: true, Err: errors.New("query token out of range")}

// begin takes the head. It reports false for a method in the path that the
// client has no right to (spec/protocol.md §1.8).
func (c *call) begin(r *wsproto.Request) (proven bool) {
	fields := c.envelope.Fields[:0]
	*c = call{r: r, method: r.Method, path: r.Path}
	c.envelope.Fields = fields
	c.close, c.head = r.Close, string(r.Method) == "HEAD"
	method, path, found := origin.ParseMethodPath(r.Path)
	if !found {
		return true
	}
	c.method, c.path = methodNamed(method), path
	xOrigin, _ := r.Header("X-Origin")
	return origin.Proven(r.Headers(), xOrigin)
}

var methods = map[string][]byte{
	"GET": []byte("GET"), "POST": []byte("POST"), "PUT": []byte("PUT"),
	"DELETE": []byte("DELETE"), "OPTIONS": []byte("OPTIONS"), "HEAD": []byte("HEAD"),
}

func methodNamed(name string) []byte { return methods[name] }

// settle finds out how the request and its answer travel.
func (c *call) settle(r *wsproto.Request) {
	switch c.place {
	case placeWSE:
		c.wse, _ = wse.ParsePath(c.path)
		c.params.Parse(c.wse.Params)
	case placeEvents:
		var ok bool
		if c.events, ok = sse.ParsePath(c.path); !ok {
			c.events.Service = nil
		}
		c.params.Parse(c.events.Params)
	}
	if c.params.Method != "" {
		c.method = methodNamed(c.params.Method)
	}
	xOrigin, has := r.Header("X-Origin")
	if has {
		c.xOrigin = xOrigin
	}
	contentType, _ := r.Header("Content-Type")
	c.via = httpxe.Detect(r.Method, contentType, c.params.RequestType, has)
	c.legacy = c.params.Legacy
	if c.route != nil {
		c.keep = c.route.Options.KeepAlive
	}
}

// open takes the inner request out of the envelope in body.
func (c *call) open() error {
	n, err := c.envelope.Parse(c.body, c.r.Target, c.r.Minor)
	if err != nil {
		return err
	}
	if n == 0 {
		return errEnvelope
	}
	c.inner, c.method, c.body = c.envelope.Fields, c.envelope.Method, c.body[n:]
	return nil
}

var errEnvelope = &wsproto.StatusError{Status: 400, Reason: "Bad Request", Close: true, Err: errors.New("envelope without a whole request head")}

// header is the first value of a header, nil when there is none.
func (c *call) header(name string) []byte {
	if c.via == httpxe.Enveloped {
		if v, ok := httpxe.Find(c.inner, name); ok {
			return v
		}
		if !httpxe.Inherits([]byte(name)) {
			return nil
		}
	}
	v, ok := c.r.Header(name)
	if !ok {
		return nil
	}
	return v
}

// contentType is that of the content: a client may name it in the query.
func (c *call) contentType() []byte {
	if c.via != httpxe.Enveloped && c.params.RequestType != nil {
		return c.params.RequestType
	}
	return c.header("Content-Type")
}

// dispatch answers a request whose content is there.
func (x *exchange) dispatch(c *call, next int) int {
	if c.place == placePolicy {
		return x.policy(c, next)
	}
	switch x.judge(c) {
	case origin.Refuse:
		c.close = true
		return x.forbid(c, next)
	case origin.Preflight:
		return x.preflight(c, next)
	}
	switch c.place {
	case placeCookies:
		return x.cookies(c, next)
	case placeBalance:
		return x.balancePlain(c, ClientHTTP, nil, next)
	case placeEvents:
		return x.events(c, next)
	}
	return x.emulation(c, next)
}
