package session

import (
	"strconv"

	"github.com/kzfast/kzfast/wsproto/origin"
)

// judge asks the route's policy about the page that c comes from, and notes
// the lines that the answer will carry (spec/protocol.md §1.8).
func (x *exchange) judge(c *call) origin.Verdict {
	w := x.w
	page, has := c.r.Header("Origin")
	if !has && c.xOrigin == nil && c.params.Origin == nil {
		return origin.Allow
	}
	_, method := c.r.Header("Access-Control-Request-Method")
	_, headers := c.r.Header("Access-Control-Request-Headers")
	q := origin.Request{
		Method: c.method, Host: c.r.Authority, Secure: x.port.Secure,
		ControlRequest: method || headers, AlwaysCORS: c.params.AlwaysCORS,
	}
	if !has {
		page = nil
	}
	q.Origin = origin.Effective(c.route.Origins, &q, page, c.xOrigin, c.params.Origin)
	d := origin.Decide(c.route.Origins, &q)
	w.cors = d.Fields(w.cors[:0])
	c.cors = w.cors
	return d.Verdict
}

// forbid answers a page that may not use the service.
func (x *exchange) forbid(c *call, next int) int {
	c.cors = nil
	x.w.res.Fail(403, "")
	return x.respond(&c.manner, next)
}

// preflight answers a browser that asks on behalf of a foreign page.
func (x *exchange) preflight(c *call, next int) int {
	x.w.res.Status = 200
	return x.respond(&c.manner, next)
}

// An AccessPolicy is the policy file of one authority.
type AccessPolicy struct {
	Body   []byte
	MaxAge int64 // seconds; negative leaves it out
}

// policy serves the file that lets plug-in clients in.
func (x *exchange) policy(c *call, next int) int {
	w := x.w
	p := x.port.Routes.Load().Policies[string(c.r.Authority)]
	r := w.signed(&w.res)
	r.Status, r.Body = 200, p.Body
	r.Add([]byte("Content-Type"), []byte("text/xml"))
	if p.MaxAge >= 0 {
		r.Add([]byte("Cache-Control"), strconv.AppendInt([]byte("max-age="), p.MaxAge, 10))
	}
	return x.respond(&c.manner, next)
}
