package session

import (
	"strings"

	"github.com/kzfast/kzfast/wsproto/cookies"
)

// cookies answers the cookie helper below <accept>/;api/ (spec/protocol.md
// §1.10).
func (x *exchange) cookies(c *call, next int) int {
	w := x.w
	_, op, _ := cookies.ParsePath(c.path)
	cookies.Answer(w.signed(&w.res), &cookies.Options{Off: c.route.Options.NoCookieAPI}, op, c.contentType(), c.body)
	return x.respond(&c.manner, next)
}

// cookiePreflight tells the vendor's Java client where it has arrived and what
// cookies it has (spec/protocol.md §5.2).
func (x *exchange) cookiePreflight(c *call, next int) int {
	w := x.w
	w.url = appendBase(w.url[:0], c)
	cookie := c.header("Cookie")
	cookies.Preflight(w.signed(&w.res), w.url, cookie)
	return x.respond(&c.manner, next)
}

// appendBase appends the external URL of the route that c is for, as the
// client spells its authority, which is that of the accept URI.
func appendBase(dst []byte, c *call) []byte {
	if c.route.secure() {
		dst = append(dst, "https://"...)
	} else {
		dst = append(dst, "http://"...)
	}
	return append(append(dst, c.r.Authority...), c.route.Path...)
}

// secure reports whether the accept URI is one over TLS.
func (r *Route) secure() bool {
	return strings.HasPrefix(r.Accept, "wss:") || strings.HasPrefix(r.Accept, "https:") || strings.HasPrefix(r.Accept, "sse+ssl:")
}
