package session

import (
	"strings"
	"testing"
)

// FuzzExchange feeds two reads to a connection: nothing panics, the answers do
// not depend on the cut, and what is kept is bounded.
func FuzzExchange(f *testing.F) {
	for _, s := range []string{
		upgradeHead,
		"GET /echo/;e/cbm HTTP/1.1\r\n" + host + "\r\nGET /sse HTTP/1.1\r\n" + host + "\r\n",
		"POST /echo/;e/ub/abc HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST /echo/;api/set-cookies HTTP/1.1\r\n" + host + "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b",
		"POST /echo/;e/ct HTTP/1.1\r\n" + host + "Content-Type: application/x-message-http\r\nContent-Length: 33\r\n\r\nGET /echo/;e/ct HTTP/1.1\r\n\r\n",
		"GET /;post/echo/;e/ct?.km=P&.ki=p HTTP/1.1\r\n" + host + "X-Origin: http://page\r\nX-Origin-http%3A%2F%2Fpage: http://page\r\n\r\n",
		"OPTIONS /echo/;e/cookies HTTP/1.1\r\n" + host + "Origin: http://page\r\nAccess-Control-Request-Method: GET\r\n\r\n",
	} {
		f.Add([]byte(s), 30)
	}
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		at := min(max(cut, 0), len(p))
		whole, split := fed(t, p), fed(t, p[:at], p[at:])
		if whole != split {
			t.Fatalf("whole %q\ncut at %d %q", whole, at, split)
		}
	})
}

// fed returns the answers to pieces, with session ids made equal.
func fed(t *testing.T, pieces ...[]byte) string {
	w, l := newTestWorker()
	events, _ := eventsRoute()
	p := &Port{}
	p.Routes.Store(&Routes{Router: twoRoutes{originRoute(), events}})
	c := &tape{}
	c.handler = w.Open(c, p)
	for _, piece := range pieces {
		c.data(append([]byte(nil), piece...))
	}
	l.settle()
	if x, ok := c.handler.(*exchange); ok && x.held != nil && len(x.held.B) > MaxEnvelope+w.shape.Head.MaxBytes+128<<10 {
		t.Fatalf("%d bytes kept", len(x.held.B))
	}
	got := c.text()
	for id := range w.emulated {
		got = strings.ReplaceAll(got, string(id[:]), "id")
	}
	for id := range w.streams {
		got = strings.ReplaceAll(got, string(id[:]), "id")
	}
	c.handler.Closed(nil)
	return got
}
