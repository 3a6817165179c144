package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
)

func echoRoute() (*Route, *echoService) {
	e := &echoService{}
	return &Route{Accept: "ws://localhost:8001/echo", Path: "/echo", Service: e, Origins: &origin.Policy{Accept: "http://localhost:8001"}}, e
}

func payload(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) + seed
	}
	return b
}

// TestEchoOneReadOneWrite holds that any number of small messages that arrive
// together are answered by one send, in place.
func TestEchoOneReadOneWrite(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 4096} {
		for _, count := range []int{1, 2, 3, 10} {
			t.Run(fmt.Sprintf("%dx%d", count, n), func(t *testing.T) {
				w, _ := newTestWorker()
				route, _ := echoRoute()
				c := upgraded(t, w, route)
				var in, want []byte
				for i := range count {
					in = append(in, masked(wsproto.OpBinary, true, payload(n, byte(i)))...)
					want = append(want, plain(wsproto.OpBinary, true, payload(n, byte(i)))...)
				}
				c.data(in)
				if got := c.take(); !bytes.Equal(got, want) {
					t.Fatalf("echo of %d x %d bytes differs: got %d bytes, want %d", count, n, len(got), len(want))
				}
				if c.sends != 1 && n > 0 {
					t.Errorf("%d sends, want 1", c.sends)
				}
			})
		}
	}
}

// TestEchoEverySplit feeds a conversation whole, in two pieces cut at every
// position, and byte by byte: the answer is the same.
func TestEchoEverySplit(t *testing.T) {
	var in, want []byte
	add := func(op, answer wsproto.Opcode, fin bool, p []byte) {
		in = append(in, masked(op, fin, p)...)
		want = append(want, plain(answer, fin, p)...)
	}
	add(wsproto.OpText, wsproto.OpText, true, []byte("Hello"))
	add(wsproto.OpText, wsproto.OpText, false, []byte("frag\xc3"))
	add(wsproto.OpPing, wsproto.OpPong, true, []byte("p"))
	add(wsproto.OpContinuation, wsproto.OpContinuation, true, []byte("\xa9"))
	add(wsproto.OpBinary, wsproto.OpBinary, true, payload(126, 3))
	add(wsproto.OpBinary, wsproto.OpBinary, true, nil)
	add(wsproto.OpBinary, wsproto.OpBinary, true, payload(300, 9))
	in = append(in, masked(wsproto.OpClose, true, []byte{3, 0xE8})...)
	want = append(want, 0x88, 2, 3, 0xE8)

	feed := func(name string, cuts ...int) {
		w, _ := newTestWorker()
		route, e := echoRoute()
		c := upgraded(t, w, route)
		at := 0
		for _, cut := range append(cuts, len(in)) {
			c.data(bytes.Clone(in[at:cut]))
			at = cut
		}
		if got := c.take(); !bytes.Equal(got, want) {
			t.Fatalf("%s: got % x\nwant % x", name, got, want)
		}
		if !c.closed || len(e.closed) != 1 || e.closed[0] != wsproto.CodeNormal {
			t.Fatalf("%s: closed %v, service told %v", name, c.closed, e.closed)
		}
	}
	feed("whole")
	for i := 1; i < len(in); i++ {
		feed(fmt.Sprintf("cut at %d", i), i)
	}
	var all []int
	for i := 1; i < len(in); i++ {
		all = append(all, i)
	}
	feed("byte by byte", all...)
}

// TestEchoLargeFrames sends frames around and above what is held whole, cut
// at random places.
func TestEchoLargeFrames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		w, _ := newTestWorker()
		route, _ := echoRoute()
		route.Options.Limits.MaxMessage = 1 << 20
		c := upgraded(t, w, route)
		var in, want []byte
		for range 1 + rng.IntN(6) {
			n := []int{0, 10, 125, 4000, 9000, 65535, 65536, 65537, 200000}[rng.IntN(9)]
			p := payload(n, byte(n))
			in = append(in, masked(wsproto.OpBinary, true, p)...)
			want = append(want, plain(wsproto.OpBinary, true, p)...)
		}
		for at := 0; at < len(in); {
			end := min(at+1+rng.IntN(64<<10), len(in))
			c.data(bytes.Clone(in[at:end]))
			at = end
		}
		if got := c.take(); !bytes.Equal(got, want) {
			t.Fatalf("round %d: got %d bytes, want %d", round, len(got), len(want))
		}
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want []byte
	}{
		{"unmasked frame", plain(wsproto.OpText, true, []byte("x")), []byte{0x88, 2, 3, 0xEA}},
		{"reserved opcode", []byte{0x83, 0x80, 0, 0, 0, 0}, []byte{0x88, 2, 3, 0xEA}},
		{"reserved bit", []byte{0xC1, 0x80, 0, 0, 0, 0}, []byte{0x88, 2, 3, 0xEA}},
		{"bad text", masked(wsproto.OpText, true, []byte("a\xff")), []byte{0x88, 2, 3, 0xEF}},
		{"too big", masked(wsproto.OpBinary, true, make([]byte, 101)), []byte{0x88, 2, 3, 0xF1}},
		{"close with one byte", masked(wsproto.OpClose, true, []byte{3}), []byte{0x88, 2, 3, 0xEA}},
		{"empty close", masked(wsproto.OpClose, true, nil), []byte{0x88, 0}},
		{"close with reason", masked(wsproto.OpClose, true, []byte("\x0f\xa0bye")), []byte("\x88\x05\x0f\xa0bye")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, e := echoRoute()
			route.Options.Limits.MaxMessage = 100
			c := upgraded(t, w, route)
			c.data(bytes.Clone(tt.in))
			if got := c.take(); !bytes.Equal(got, tt.want) {
				t.Errorf("got % x, want % x", got, tt.want)
			}
			if !c.closed || len(e.closed) != 1 {
				t.Errorf("closed %v, service told %d times", c.closed, len(e.closed))
			}
			c.data(masked(wsproto.OpText, true, []byte("late")))
			if c.out.Len() > 0 {
				t.Errorf("data after the end was answered")
			}
			c.handler.Closed(nil)
			if len(e.closed) != 1 || w.Sessions() != 0 {
				t.Errorf("service told %d times, %d sessions left", len(e.closed), w.Sessions())
			}
		})
	}
}

func TestServerClose(t *testing.T) {
	w, _ := newTestWorker()
	route, e := echoRoute()
	c := upgraded(t, w, route)
	if left := w.CloseSessions(nil, 10, wsproto.CodeGoingAway, ""); left != 0 {
		t.Fatalf("%d sessions left", left)
	}
	if got, want := c.take(), []byte{0x88, 2, 3, 0xE9}; !bytes.Equal(got, want) {
		t.Fatalf("got % x, want % x", got, want)
	}
	c.data(masked(wsproto.OpText, true, []byte("ignored")))
	if c.out.Len() > 0 || c.closed {
		t.Fatalf("data after our Close was not ignored")
	}
	c.data(masked(wsproto.OpClose, true, []byte{3, 0xE9}))
	if !c.closed || c.out.Len() > 0 || len(e.closed) != 1 {
		t.Fatalf("peer's Close: closed %v, %d bytes written, service told %v", c.closed, c.out.Len(), e.closed)
	}
}

func TestServerCloseTimeout(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	c := upgraded(t, w, route)
	w.CloseSessions(nil, 1, wsproto.CodeGoingAway, "")
	if c.timeout != 5*time.Second {
		t.Fatalf("close timeout %v, want 5s", c.timeout)
	}
	c.handler.Timeout()
	if !c.aborted {
		t.Fatal("not cut at the close timeout")
	}
}

func TestSlowReaderIsNotReadFrom(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	c := upgraded(t, w, route)
	c.over = true
	c.data(masked(wsproto.OpText, true, []byte("x")))
	if !c.paused {
		t.Fatal("reading goes on though the client does not read")
	}
	c.take()
	c.data(masked(wsproto.OpPing, true, nil))
	if c.out.Len() > 0 {
		t.Fatal("pong queued for a client that does not read")
	}
	c.over = false
	c.handler.Drained()
	if c.paused {
		t.Fatal("reading does not go on after the queue drained")
	}
}

func TestInactivity(t *testing.T) {
	w, l := newTestWorker()
	route, e := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := upgraded(t, w, route)
	if c.timeout != time.Second {
		t.Fatalf("armed %v, want 1s", c.timeout)
	}
	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	if got := c.take(); !bytes.Equal(got, []byte{0x89, 0}) {
		t.Fatalf("after half of the timeout: % x, want a Ping", got)
	}
	l.now = l.now.Add(500 * time.Millisecond)
	c.data(masked(wsproto.OpPong, true, nil))
	l.now = l.now.Add(500 * time.Millisecond)
	c.handler.Timeout()
	if c.out.Len() > 0 || c.closed {
		t.Fatal("traffic did not restart the watch")
	}
	l.now = l.now.Add(500 * time.Millisecond)
	c.handler.Timeout()
	c.take()
	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	if !c.closed || c.out.Len() > 0 || len(e.closed) != 1 || e.closed[0] != wsproto.CodeAbnormal {
		t.Fatalf("silence: closed %v, wrote %d bytes, service told %v", c.closed, c.out.Len(), e.closed)
	}
}

// TestEchoAllocates nothing per message, whole or several at once.
func TestEchoAllocations(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	c := upgraded(t, w, route)
	one := masked(wsproto.OpBinary, true, payload(125, 1))
	in := bytes.Repeat(one, 16)
	buf := make([]byte, len(in))
	c.out.Grow(1 << 20)
	n := testing.AllocsPerRun(200, func() {
		copy(buf, in)
		c.data(buf)
		c.out.Reset()
	})
	if n != 0 {
		t.Errorf("%v allocations per read of 16 messages, want 0", n)
	}
}

// TestSilenceOfWhoIsNotRead: a client that we do not read from is not given up
// for being silent, and neither is anybody because a clock was set.
func TestSilenceOfWhoIsNotRead(t *testing.T) {
	w, l := newTestWorker()
	route, _ := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := upgraded(t, w, route)
	s := c.handler.(*WebSocket)
	s.Pause()
	for range 10 {
		l.now = l.now.Add(time.Second)
		c.handler.Timeout()
	}
	if c.closed || c.out.Len() > 0 {
		t.Fatalf("closed %v, wrote % x", c.closed, c.take())
	}
	s.Resume()
	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	if got := c.take(); !bytes.Equal(got, []byte{0x89, 0}) {
		t.Fatalf("after Resume: % x, want a Ping", got)
	}
}
