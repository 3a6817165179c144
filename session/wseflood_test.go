package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// endless begins an upstream request that goes on, and returns its tape.
func (c *wseClient) endless() *tape {
	return request(c.w, c.route, fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: 1000000000\r\n\r\n", c.up, host))
}

// TestWSEFlood: a client that says nothing, and much of it, loses its session.
func TestWSEFlood(t *testing.T) {
	const ping, pong = "\x89\x00", "\x8a\x00"
	for _, tt := range []struct {
		name, suffix, frames string
		n                    int // of them in a second
		reset                bool
	}{
		{"no command", "cbm", nop, maxControlRate, true},
		{"no command, text", "ctm", nop, maxControlRate, true},
		{"no command, escaped", "ctem", nop, maxControlRate, true},
		{"some", "cbm", nop, maxControlRate - 1, false},
		{"some, escaped", "ctem", nop, maxControlRate - 1, false},
		{"ping", "cbm", ping, maxControlRate, true},
		{"ping, escaped", "ctem", ping, maxControlRate, true},
		{"pong", "cbm", pong, maxControlRate, true},
		{"some pings", "cbm", ping, maxControlRate - 1, false},
		{"long command", "cbm", "\x01" + strings.Repeat("00", 1024) + "\xff", 10, false},
		{"too long commands", "cbm", "\x01" + strings.Repeat("00", 32<<10) + "\xff", 2, true},
		{"empty commands", "cbm", "\x01\xff", 4 * maxControlRate, true},
		{"between messages", "cbm", strings.Repeat(nop, 8) + "\x80\x00", maxControlRate, true},
		{"messages of FF", "cbm", "\x80\x03\xff\xff\xff", 100 * maxControlRate, false},
		{"short messages", "ctem", "\x80\x00\x81\x01a", 100 * maxControlRate, false},
		{"delimited messages", "cbm", "\x00\xff\x00ab\xff", 100 * maxControlRate, false},
		{"long messages", "ctem", "\x80\x88\x00" + strings.Repeat("\x00\xff", 512), 1000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []int{0, 1000, 3} {
				c, e := newWSE(t, tt.suffix, "X-Accept-Commands: ping\r\n")
				down := c.stream("", "")
				down.take()
				up := c.endless()
				in := wse.AppendLayers(nil, c.enc.Upstream(nil), []byte(strings.Repeat(tt.frames, tt.n)))
				if piece == 3 && len(in) > 20_000 {
					continue
				}
				for len(in) > 0 && !up.closed {
					n := len(in)
					if piece > 0 {
						n = min(n, piece)
					}
					up.data(bytes.Clone(in[:n]))
					in = in[n:]
				}
				if tt.reset != (up.text() == upBad) || tt.reset != up.closed || tt.reset != down.closed || tt.reset != (c.w.Sessions() == 0) {
					t.Fatalf("pieces of %d: answer %.80q; closed %v; downstream closed %v; %d sessions", piece, up.text(), up.closed, down.closed, c.w.Sessions())
				}
				if tt.reset && (len(e.closed) != 1 || e.closed[0] != wsproto.CodeAbnormal) {
					t.Errorf("pieces of %d: service saw %v", piece, e.closed)
				}
			}
		})
	}
}

// TestWSEFloodIsARate: what is spread over time, or over requests with something
// to say, is none.
func TestWSEFloodIsARate(t *testing.T) {
	c, e := newWSE(t, "cbm", "X-Accept-Commands: ping\r\n")
	c.stream("", "")
	up := c.endless()
	for range 20 {
		up.data([]byte(strings.Repeat(nop, maxControlRate/2)))
		c.l.advance(time.Second)
	}
	if up.closed || len(e.closed) != 0 {
		t.Fatalf("spread over time: answer %q; service saw %v", up.text(), e.closed)
	}

	c, e = newWSE(t, "cbm", "")
	c.stream("", "")
	for i := range 10 * maxControlRate {
		if got := c.post("", c.frames("a")).text(); got != upOK {
			t.Fatalf("request %d answered %q; service saw %v", i, got, e.closed)
		}
	}
}

// TestWSEFloodAfterEnd: neither the session's end nor CLOSE lets a request go on
// for ever.
func TestWSEFloodAfterEnd(t *testing.T) {
	for _, tt := range []struct{ name, before, flood string }{
		{"close", "", closing},
		{"behind close", closing, nop},
		{"messages behind close", closing, "\x80\x81\x00" + strings.Repeat("a", 128)},
	} {
		c, _ := newWSE(t, "cbm", "")
		c.stream("", "")
		up := c.endless()
		up.data([]byte(tt.before))
		for range 1000 {
			if !up.closed {
				up.data([]byte(strings.Repeat(tt.flood, 10)))
			}
		}
		if up.text() != upBad || !up.closed {
			t.Errorf("%s: answer %q, closed %v", tt.name, up.text(), up.closed)
		}
	}

	c, _ := newWSE(t, "cbm", "")
	up := c.endless()
	c.w.CloseSessions(nil, 1, wsproto.CodeGoingAway, "")
	c.l.advance(detachTimeout)
	up.data([]byte(nop))
	if !strings.HasPrefix(up.text(), "HTTP/1.1 400 ") || !up.closed {
		t.Errorf("session gone: answer %q, closed %v", up.text(), up.closed)
	}
}
