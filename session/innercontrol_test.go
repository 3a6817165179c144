package session

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// inside opens an extended handshake, up to where the inner request is due.
func inside(t *testing.T, route *Route) (*tape, *stillLoop) {
	t.Helper()
	w, l := newTestWorker()
	c := connect(w, route)
	c.data([]byte(wsxHead))
	if got := string(c.take()); got != wsxAnswer+directiveN {
		t.Fatalf("outer answer %q", got)
	}
	return c, l
}

var close1008 = []byte{0x88, 2, 3, 0xF0}

// TestAbuseInside: the bounds of a WebSocket hold before its inner request too.
func TestAbuseInside(t *testing.T) {
	fragment := func(payload string) func(i int) []byte {
		return func(i int) []byte {
			if i == 0 {
				return masked(wsproto.OpText, false, []byte("GET /"))
			}
			return masked(wsproto.OpContinuation, false, []byte(payload))
		}
	}
	for _, tt := range []struct {
		name string
		in   func(i int) []byte
		n    int
	}{
		{"ping flood", func(int) []byte { return masked(wsproto.OpPing, true, []byte("p")) }, maxControlRate},
		{"pong flood", func(int) []byte { return masked(wsproto.OpPong, true, nil) }, maxControlRate},
		{"one-byte fragments", fragment("x"), maxFragments + 1},
		{"empty fragments", fragment(""), maxFragments + 1},
		{"empty messages", func(int) []byte { return masked(wsproto.OpBinary, true, nil) }, maxFragments + 1},
		{"wrong logins", func(int) []byte {
			return masked(wsproto.OpText, true, []byte("GET /echo HTTP/1.1\r\nAuthorization: Token no\r\n\r\n"))
		}, maxChallenges},
	} {
		for _, atOnce := range []bool{false, true} {
			route, e := echoRoute()
			route.Guard = tokenGuard{"Token yes"}
			c, _ := inside(t, route)
			var all []byte
			for i := range tt.n - 1 {
				all = append(all, tt.in(i)...)
			}
			if !atOnce {
				c.data(all)
				if c.closed {
					t.Errorf("%s: closed at %d, one below the bound", tt.name, tt.n-1)
				}
				all = nil
			}
			all = append(all, tt.in(tt.n-1)...)
			all = append(all, tt.in(tt.n)...)
			c.data(all)
			if got := c.take(); !bytes.HasSuffix(got, close1008) || !c.closed || e.opened != 0 {
				t.Errorf("%s: closed %v, last bytes % x, want Close 1008", tt.name, c.closed, got[max(0, len(got)-8):])
			}
		}
	}
}

// TestFairPingsInside: who pings once in a while may go on doing so.
func TestFairPingsInside(t *testing.T) {
	route, _ := echoRoute()
	c, l := inside(t, route)
	for range 4 * maxControlRate {
		c.data(masked(wsproto.OpPing, true, nil))
		l.now = l.now.Add(10 * time.Millisecond)
	}
	if c.closed || c.out.Len() != 8*maxControlRate {
		t.Fatalf("closed %v after %d bytes of Pongs", c.closed, c.out.Len())
	}
}

// TestSlowReaderInside: who does not read gets no Pongs, is not read from, and
// is given up for its silence.
func TestSlowReaderInside(t *testing.T) {
	route, e := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c, l := inside(t, route)
	c.over = true
	c.data(masked(wsproto.OpPing, true, nil))
	if c.out.Len() > 0 || !c.paused {
		t.Fatalf("paused %v, wrote % x", c.paused, c.take())
	}
	c.over = false
	c.handler.Drained()
	if c.paused {
		t.Fatal("reading does not go on")
	}
	c.over = true
	c.data(masked(wsproto.OpPing, true, nil))
	for range 2 {
		l.now = l.now.Add(time.Second)
		c.handler.Timeout()
	}
	if c.out.Len() > 0 || !c.closed {
		t.Fatalf("closed %v, wrote % x", c.closed, c.take())
	}
	c, _ = inside(t, route)
	c.over = true
	c.data(masked(wsproto.OpPing, true, nil))
	c.data(masked(wsproto.OpText, true, []byte(innerPingPong)))
	if c.paused || e.opened != 1 {
		t.Fatalf("opened %d, the session begins paused %v", e.opened, c.paused)
	}
}

// TestEarlyDataInside: what is no inner request, or stands behind one in its
// message, is refused at once (spec/protocol.md §3.4).
func TestEarlyDataInside(t *testing.T) {
	const request = "GET /echo HTTP/1.1\r\n\r\n"
	for _, tt := range []struct {
		name string
		in   []byte
	}{
		{"no line end", masked(wsproto.OpText, true, []byte("hello world"))},
		{"binary", masked(wsproto.OpBinary, true, []byte{0})},
		{"begun", masked(wsproto.OpText, false, []byte("hello"))},
		{"behind the head", masked(wsproto.OpText, true, []byte(request+"data"))},
		{"another request", masked(wsproto.OpText, true, []byte(request+request))},
		{"fragment behind the head", append(masked(wsproto.OpText, false, []byte(request)),
			masked(wsproto.OpContinuation, true, []byte("data"))...)},
		{"over two messages", append(masked(wsproto.OpText, true, []byte("GE")), masked(wsproto.OpText, true, []byte("t"))...)},
	} {
		route, e := echoRoute()
		c, _ := inside(t, route)
		c.data(tt.in)
		if got := c.take(); !bytes.Equal(got, []byte{0x88, 2, 3, 0xEA}) || !c.closed || e.opened != 0 {
			t.Errorf("%s: got % x (closed %v, opened %d), want Close 1002", tt.name, got, c.closed, e.opened)
		}
	}
}

// TestRequestInPieces: an inner request may be spread over frames, an empty one
// at the end, and over messages.
func TestRequestInPieces(t *testing.T) {
	first, last := innerPingPong[:20], innerPingPong[20:]
	for name, in := range map[string][]byte{
		"empty last fragment": append(masked(wsproto.OpText, false, []byte(innerPingPong)), masked(wsproto.OpContinuation, true, nil)...),
		"messages":            append(masked(wsproto.OpText, true, []byte(first)), masked(wsproto.OpText, true, []byte(last))...),
	} {
		route, e := echoRoute()
		c, _ := inside(t, route)
		in = append(in, masked(wsproto.OpText, true, []byte("app"))...)
		c.data(in)
		if got := string(c.take()); e.opened != 1 || !strings.HasSuffix(got, directiveN+"\x81\x03app") {
			t.Errorf("%s: opened %d, got %q", name, e.opened, got)
		}
	}
}
