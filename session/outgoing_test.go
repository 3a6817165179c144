package session

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// A holder keeps its channel, for the test to send on.
type holder struct {
	ch     Channel
	closed []wsproto.Code
}

func (h *holder) Open(ch Channel, _ *Open) Receiver               { h.ch = ch; return h }
func (h *holder) Connected(ch Channel)                            { h.ch = ch }
func (h *holder) Frame(Channel, *wsproto.Frame)                   {}
func (h *holder) Drained(Channel)                                 {}
func (h *holder) Closed(_ Channel, c wsproto.Code, reason []byte) { h.closed = append(h.closed, c) }

// chunk is p[from:to] of a binary frame with payload p.
func chunk(p []byte, from, to int) *wsproto.Frame {
	return &wsproto.Frame{Op: wsproto.OpBinary, Fin: true, Len: int64(len(p)), Off: int64(from), Data: bytes.Clone(p[from:to])}
}

// A leg is one end of a proxied conversation in a test: what it hears, what it
// is sent, and its outgoing bytes as frames.
type leg struct {
	*tape
	*holder
	w      *Worker
	l      *stillLoop
	limits wsproto.Limits
	client bool // we are the client: frames to us are plain, ours masked
}

func nearLeg(t *testing.T, inactivity time.Duration) *leg {
	w, l := newTestWorker()
	h := &holder{}
	route, _ := echoRoute()
	route.Service = h
	route.Options.Inactivity = inactivity
	c := upgraded(t, w, route)
	return &leg{tape: c, holder: h, w: w, l: l, limits: wsproto.Limits{MaxMessage: -1, Client: true}}
}

func farLeg(t *testing.T, inactivity time.Duration) *leg {
	t.Helper()
	w, l := newTestWorker()
	h := &holder{}
	s := DialWebSocket(w, netip.MustParseAddrPort("127.0.0.1:1"), time.Second,
		&Dialing{Host: "b", Target: "/", Inactivity: inactivity}, "", h)
	c := l.dials[0]
	c.take()
	c.data([]byte("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		string(wsproto.AppendAccept(nil, []byte(s.shake.Key))) + "\r\n\r\n"))
	if h.ch == nil {
		t.Fatal("not connected")
	}
	return &leg{tape: c, holder: h, w: w, l: l, limits: wsproto.Limits{MaxMessage: -1}, client: true}
}

// says feeds a frame of the peer's.
func (g *leg) says(op wsproto.Opcode, payload string) {
	if g.client {
		g.data(plain(op, true, []byte(payload)))
	} else {
		g.data(masked(op, true, []byte(payload)))
	}
}

// heard decodes what the peer has been sent.
func (g *leg) heard(t *testing.T) (frames []wsproto.Frame) {
	t.Helper()
	var d wsproto.Decoder
	for p := g.take(); len(p) > 0; {
		var f wsproto.Frame
		n, ok, err := d.Next(p, &g.limits, &f)
		if err != nil || !ok {
			t.Fatalf("behind %d frames: %v, %d bytes left", len(frames), err, len(p))
		}
		frames, p = append(frames, f), p[n:]
	}
	return frames
}

var bothLegs = []struct {
	name string
	open func(*testing.T, time.Duration) *leg
}{{"client", nearLeg}, {"back end", farLeg}}

// TestControlBetweenFrames: a Ping and Pongs that are due inside a frame that
// is sent in chunks wait for its end; of the Pongs the latest is enough.
func TestControlBetweenFrames(t *testing.T) {
	p := payload(100_000, 1)
	for _, side := range bothLegs {
		t.Run(side.name, func(t *testing.T) {
			g := side.open(t, 2*time.Second)
			g.ch.SendFrame(chunk(p, 0, 60_000))
			g.says(wsproto.OpPing, "one")
			g.l.now = g.l.now.Add(time.Second)
			g.handler.Timeout()
			g.ch.SendFrame(chunk(p, 60_000, 99_999))
			g.says(wsproto.OpPing, "two")
			g.ch.SendFrame(chunk(p, 99_999, 100_000))
			g.says(wsproto.OpPing, "three")
			g.ch.SendFrame(chunk(p, 0, 100_000))
			got := g.heard(t)
			if len(got) != 5 {
				t.Fatalf("%d frames, want 5: %v", len(got), got)
			}
			if !bytes.Equal(got[0].Data, p) || !bytes.Equal(got[4].Data, p) {
				t.Error("a payload differs from what was sent")
			}
			for i, want := range []struct {
				op   wsproto.Opcode
				data string
			}{{wsproto.OpPing, ""}, {wsproto.OpPong, "two"}, {wsproto.OpPong, "three"}} {
				if f := got[i+1]; f.Op != want.op || string(f.Data) != want.data {
					t.Errorf("frame %d: opcode %d %q, want %d %q", i+1, f.Op, f.Data, want.op, want.data)
				}
			}
		})
	}
}

// TestCloseInsideAFrame ends the connection without a Close frame, whoever
// wants it to end.
func TestCloseInsideAFrame(t *testing.T) {
	p := payload(100_000, 1)
	for _, side := range bothLegs {
		for _, tt := range []struct {
			name string
			end  func(*leg)
			code wsproto.Code
		}{
			{"ours", func(g *leg) { g.ch.Close(wsproto.CodeGoingAway, "") }, wsproto.CodeAbnormal},
			{"the peer's", func(g *leg) { g.says(wsproto.OpClose, "\x03\xe8") }, wsproto.CodeNormal},
			{"a fault", func(g *leg) { g.data([]byte{0x83, 0x80}) }, 0},
		} {
			t.Run(side.name+"/"+tt.name, func(t *testing.T) {
				g := side.open(t, 0)
				g.ch.SendFrame(chunk(p, 0, 60_000))
				g.take()
				tt.end(g)
				g.ch.SendFrame(chunk(p, 60_000, 100_000))
				g.says(wsproto.OpPing, "late")
				if b := g.take(); len(b) > 0 || !g.tape.closed {
					t.Fatalf("closed %v, wrote % .20x", g.tape.closed, b)
				}
				g.handler.Closed(nil)
				if len(g.holder.closed) != 1 || tt.code != 0 && g.holder.closed[0] != tt.code {
					t.Errorf("service told %v, want %v", g.holder.closed, tt.code)
				}
			})
		}
	}
}

// TestFrameInsideAFrame: a service that begins a frame before the last has
// ended, or goes on with one that it never began, loses the connection.
func TestFrameInsideAFrame(t *testing.T) {
	p := payload(100, 1)
	for _, side := range bothLegs {
		for name, send := range map[string]func(Channel){
			"inside": func(ch Channel) { ch.SendFrame(chunk(p, 0, 50)); ch.SendFrame(chunk(p, 0, 100)) },
			"shared": func(ch Channel) {
				var m Shared
				m.Add(wsproto.OpText, []byte("x"))
				ch.SendFrame(chunk(p, 0, 50))
				ch.SendShared(&m)
			},
			"headless": func(ch Channel) { ch.SendFrame(chunk(p, 50, 100)) },
		} {
			t.Run(side.name+"/"+name, func(t *testing.T) {
				g := side.open(t, 0)
				g.take()
				send(g.ch)
				if n := len(g.take()); !g.aborted || n > 60 {
					t.Errorf("aborted %v, wrote %d bytes", g.aborted, n)
				}
			})
		}
	}
}

// TestEchoStalls: an inactivity Ping does not fall into the echo of a frame
// that the client sends slowly.
func TestEchoStalls(t *testing.T) {
	w, l := newTestWorker()
	route, _ := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := upgraded(t, w, route)
	p := payload(100_000, 3)
	in := masked(wsproto.OpBinary, true, p)
	c.data(bytes.Clone(in[:80_000]))
	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	c.data(bytes.Clone(in[80_000:]))
	want := append(plain(wsproto.OpBinary, true, p), 0x89, 0)
	if got := c.take(); !bytes.Equal(got, want) {
		t.Fatalf("%d bytes that end in % x, want the echo and a Ping behind it", len(got), got[len(got)-4:])
	}
}

// TestUnpinged: a client that cannot be pinged because a back end stalls inside
// a frame is not given up; one that does not read is.
func TestUnpinged(t *testing.T) {
	p := payload(100_000, 1)
	for _, over := range []bool{false, true} {
		g := nearLeg(t, 2*time.Second)
		g.ch.SendFrame(chunk(p, 0, 80_000))
		g.take()
		g.over = over
		for range 6 {
			g.l.now = g.l.now.Add(time.Second)
			g.handler.Timeout()
		}
		if g.tape.closed != over || g.out.Len() > 0 {
			t.Fatalf("over %v: closed %v, wrote % x", over, g.tape.closed, g.take())
		}
		if over {
			continue
		}
		g.ch.SendFrame(chunk(p, 80_000, 100_000))
		if b := g.take(); !bytes.HasSuffix(b, []byte{p[99_999], 0x89, 0}) {
			t.Fatalf("behind the frame: % x, want a Ping", b[len(b)-4:])
		}
		g.l.now = g.l.now.Add(2 * time.Second)
		g.handler.Timeout()
		if !g.tape.closed {
			t.Fatal("silence after the Ping was not the end")
		}
	}
}

// TestNativePingWithExtension: native and emulated control frames alike wait
// for the frame under way.
func TestNativePingWithExtension(t *testing.T) {
	g := nearLeg(t, 0)
	ws := g.ch.(*WebSocket)
	ws.ext = &extension{granted: wsx.Extensions{PingPong: true}}
	p := payload(100_000, 9)
	g.ch.SendFrame(chunk(p, 0, 60_000))
	g.says(wsproto.OpPing, "native")
	g.says(wsproto.OpText, wsx.PingPayload)
	g.ch.SendFrame(chunk(p, 60_000, 100_000))
	got := g.heard(t)
	if len(got) != 3 || !bytes.Equal(got[0].Data, p) {
		t.Fatalf("%d frames, want the message whole and two Pongs", len(got))
	}
	if got[1].Op == wsproto.OpPong {
		got[1], got[2] = got[2], got[1]
	}
	if string(got[1].Data) != wsx.PongPayload || got[2].Op != wsproto.OpPong || string(got[2].Data) != "native" {
		t.Errorf("behind the message: %v", got[1:])
	}
}

// TestChunkAllocations: a frame in chunks costs nothing to follow, with a Pong
// owed behind it.
func TestChunkAllocations(t *testing.T) {
	g := nearLeg(t, 0)
	p := payload(100_000, 1)
	a, b := chunk(p, 0, 60_000), chunk(p, 60_000, 100_000)
	ping := masked(wsproto.OpPing, true, []byte("ping"))
	buf := make([]byte, len(ping))
	g.out.Grow(1 << 20)
	n := testing.AllocsPerRun(100, func() {
		g.ch.SendFrame(a)
		copy(buf, ping)
		g.data(buf)
		g.ch.SendFrame(b)
		g.out.Reset()
		g.l.now = g.l.now.Add(time.Second)
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
