package session

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
)

const offerDeflate = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

func deflated(t *testing.T, compress bool) (*tape, *Worker) {
	t.Helper()
	w, _ := newTestWorker()
	route, _ := echoRoute()
	route.Options.Compression = compress
	route.Options.Limits.MaxMessage = 1 << 20
	c := connect(w, route)
	c.data([]byte(strings.Replace(upgradeHead, "Sec-WebSocket-Version: 13", offerDeflate, 1)))
	got := string(c.take())
	if has := strings.Contains(got, "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"); has != compress {
		t.Fatalf("negotiated %v, want %v: %q", has, compress, got)
	}
	return c, w
}

// rsv1 is a compressed message as the client sends it, in n fragments.
func rsv1(op wsproto.Opcode, payload []byte, n int) []byte {
	z := wsproto.Deflate(nil, payload)
	var b []byte
	for i := range n {
		part := z[i*len(z)/n : (i+1)*len(z)/n]
		kind, first := op, true
		if i > 0 {
			kind, first = wsproto.OpContinuation, false
		}
		b = wsproto.AppendMaskedHeader(b, kind, i == n-1, first, int64(len(part)), mask)
		at := len(b)
		b = append(b, part...)
		wsproto.Mask(b[at:], mask, 0)
	}
	return b
}

func TestCompressedEcho(t *testing.T) {
	text := []byte(strings.Repeat("compress me, ", 1000))
	for _, fragments := range []int{1, 3} {
		c, _ := deflated(t, true)
		in := rsv1(wsproto.OpText, text, fragments)
		for _, b := range in {
			c.data([]byte{b})
		}
		got := c.take()
		if len(got) > 200 || got[0] != 0xC1 {
			t.Fatalf("answer of %d bytes begins % x, want a small frame with RSV1", len(got), got[:2])
		}
		z := got[2:]
		if got[1] == 126 {
			z = got[4:]
		}
		out, err := wsproto.Inflate(nil, z, 1<<20)
		if err != nil || !bytes.Equal(out, text) {
			t.Fatalf("answer inflates to %d bytes, %v; want %d", len(out), err, len(text))
		}
	}
}

func TestUncompressedOnCompressedSession(t *testing.T) {
	c, _ := deflated(t, true)
	c.data(masked(wsproto.OpText, true, []byte("short")))
	if got, want := c.take(), plain(wsproto.OpText, true, []byte("short")); !bytes.Equal(got, want) {
		t.Fatalf("got % x, want % x", got, want)
	}
}

func TestCompressionIsOptIn(t *testing.T) {
	c, _ := deflated(t, false)
	c.data(rsv1(wsproto.OpText, []byte("x"), 1))
	if got, want := c.take(), []byte{0x88, 2, 3, 0xEA}; !bytes.Equal(got, want) {
		t.Fatalf("RSV1 without negotiation: got % x, want % x", got, want)
	}
}

func TestCompressionBomb(t *testing.T) {
	c, _ := deflated(t, true)
	c.data(rsv1(wsproto.OpBinary, make([]byte, 2<<20), 1))
	if got, want := c.take(), []byte{0x88, 2, 3, 0xF1}; !bytes.Equal(got, want) {
		t.Fatalf("got % x, want % x", got, want)
	}
	c, _ = deflated(t, true)
	c.data(rsv1(wsproto.OpText, []byte(strings.Repeat("a", 100)+"\xff"), 1))
	if got, want := c.take(), []byte{0x88, 2, 3, 0xEF}; !bytes.Equal(got, want) {
		t.Fatalf("bad text: got % x, want % x", got, want)
	}
}

func TestAbuse(t *testing.T) {
	tests := []struct {
		name string
		in   func(i int) []byte
		n    int
	}{
		{"ping flood", func(int) []byte { return masked(wsproto.OpPing, true, nil) }, maxControlRate + 1},
		{"one-byte fragments", func(i int) []byte {
			op := wsproto.OpContinuation
			if i == 0 {
				op = wsproto.OpText
			}
			return masked(op, false, []byte("x"))
		}, maxFragments + 2},
		{"empty fragments", func(i int) []byte {
			op := wsproto.OpContinuation
			if i == 0 {
				op = wsproto.OpText
			}
			return masked(op, false, nil)
		}, maxFragments + 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, _ := echoRoute()
			c := upgraded(t, w, route)
			for i := range tt.n {
				c.data(tt.in(i))
			}
			if got := c.take(); !bytes.HasSuffix(got, []byte{0x88, 2, 3, 0xF0}) || !c.closed {
				t.Fatalf("closed %v, last bytes % x, want Close 1008", c.closed, got[max(0, len(got)-8):])
			}
		})
	}
	t.Run("large message in many fragments", func(t *testing.T) {
		w, _ := newTestWorker()
		route, _ := echoRoute()
		c := upgraded(t, w, route)
		part := bytes.Repeat([]byte("x"), 100)
		c.data(masked(wsproto.OpText, false, part))
		for range 1300 {
			c.data(masked(wsproto.OpContinuation, false, part))
		}
		if c.closed {
			t.Fatal("closed a message of fair fragments")
		}
	})
}
