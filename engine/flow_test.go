//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// smallBuffers makes the kernel hold little of what c sends, so that queues form early.
func smallBuffers(c *Conn) {
	_ = c.Control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 128<<10) })
}

// A peer that never reads is reset at the limit, its queue never exceeds it, and
// others do not notice.
func TestSlowPeerIsResetAtLimit(t *testing.T) {
	const limit = 256 << 10
	e := start(t, Options{Loops: 1, Limit: limit})
	closed := make(chan error, 1)
	most := 0
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		return (&funcs{
			data: func(c *Conn, _ []byte) {
				for range 64 {
					c.Write(pattern(8 << 10))
					most = max(most, c.Pending())
				}
			},
			closed: func(_ *Conn, err error) { closed <- err },
		}).on(c)
	})
	echo := listen(t, e, echoSend.on)
	slow, other := dial(t, ln.Addr()), dial(t, echo.Addr())
	for i := 0; ; i++ {
		if _, err := slow.Write([]byte("more")); err != nil {
			break
		}
		roundTrip(t, other, []byte("still fine"))
		if len(closed) > 0 {
			break
		}
	}
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Closed(%v), want ErrSlowConsumer", err)
	}
	roundTrip(t, other, []byte("still fine"))
	onLoop(t, e.Loop(0), func() {
		if most > limit {
			t.Errorf("queue had %d bytes, limit %d", most, limit)
		}
	})
	s := e.Stats()
	if s.Pending != 0 || s.SlowConsumers != 1 {
		t.Errorf("stats %+v: want nothing pending and 1 slow consumer", s)
	}
}

// A conn's own limit replaces the engine's: what fits below it is queued, more
// resets it.
func TestOwnLimit(t *testing.T) {
	const limit = 128 << 10
	e := start(t, Options{Loops: 1, Limit: 4 << 10})
	l := e.Loop(0)
	conn := make(chan *Conn, 1)
	closed := make(chan error, 1)
	ln := listen(t, e, func(c *Conn) Handler {
		c.SetLimit(limit)
		conn <- c
		return (&funcs{closed: func(_ *Conn, err error) { closed <- err }}).on(c)
	})
	dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	onLoop(t, l, func() {
		block(c)
		c.Write(make([]byte, limit-c.Pending()))
		if c.Pending() != limit || c.flags&flagDead != 0 {
			t.Errorf("%d bytes queued, limit %d", c.Pending(), limit)
		}
		c.Write([]byte{1})
	})
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("Closed(%v), want ErrSlowConsumer", err)
	}
}

// block fills what the kernel takes, with a peer that does not read, until one byte
// is queued or more.
func block(c *Conn) {
	for c.Pending() == 0 {
		c.Send(make([]byte, 4<<10))
	}
}

// A conn's own high-water mark, half of it being its low one; 0 is the engine's.
func TestOwnHighWater(t *testing.T) {
	const high = 8 << 20
	e := start(t, Options{Loops: 1, HighWater: 64 << 10})
	l := e.Loop(0)
	conn := make(chan *Conn, 1)
	drained := make(chan int, 10)
	ln := listen(t, e, func(c *Conn) Handler {
		conn <- c
		return (&funcs{drained: func(c *Conn) { drained <- c.Pending() }}).on(c)
	})
	nc := dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	sent := 0
	onLoop(t, l, func() {
		c.SetHighWater(high)
		if c.lowWater() != high/2 {
			t.Errorf("low-water mark %d, want %d", c.lowWater(), high/2)
		}
		for !c.Over() {
			if c.Pending() > high {
				t.Errorf("%d bytes queued and not over %d", c.Pending(), high)
				return
			}
			c.Write(make([]byte, 32<<10))
			sent += 32 << 10
		}
		if c.Pending() <= high {
			t.Errorf("over with %d bytes queued, mark %d", c.Pending(), high)
		}
	})
	if _, err := io.CopyN(io.Discard, nc, int64(sent)); err != nil {
		t.Fatal(err)
	}
	if n := receive(t, "Drained", drained); n > high/2 {
		t.Errorf("Drained with %d bytes queued, low-water mark %d", n, high/2)
	}
	onLoop(t, l, func() {
		c.SetHighWater(0)
		if c.highWater() != 64<<10 || c.lowWater() != 32<<10 {
			t.Errorf("marks %d and %d", c.highWater(), c.lowWater())
		}
	})
}

// All conns together may not queue more than MaxPending.
func TestMaxPending(t *testing.T) {
	const maxPending = 8 << 20
	e := start(t, Options{Loops: 1, MaxPending: maxPending})
	closed := make(chan error, 10)
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		return (&funcs{
			data:   func(c *Conn, _ []byte) { c.Send(pattern(4 << 20)) },
			closed: func(_ *Conn, err error) { closed <- err },
		}).on(c)
	})
	for range 4 {
		nc := dial(t, ln.Addr())
		_ = nc.SetReadBuffer(4 << 10)
		nc.Write([]byte("go"))
	}
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrMaxPending) {
		t.Errorf("Closed(%v), want ErrMaxPending", err)
	}
	if n := e.pending.Load(); n > maxPending {
		t.Errorf("%d bytes pending, limit %d", n, maxPending)
	}
}

// With Pause at the high-water mark and Resume when drained, an echo whose peer
// does not read keeps its queue flat, and everything arrives in the end.
func TestBackPressureKeepsMemoryFlat(t *testing.T) {
	const high = 64 << 10
	const total = 16 << 20
	e := start(t, Options{Loops: 1, HighWater: high})
	var most, pauses, drains int
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		return (&funcs{
			data: func(c *Conn, p []byte) {
				c.Write(p)
				most = max(most, c.Pending())
				if c.Over() {
					pauses++
					c.Pause()
				}
			},
			drained: func(c *Conn) {
				drains++
				if n := c.Pending(); n > high/2 || c.Over() {
					t.Errorf("Drained with %d bytes queued, Over %v", n, c.Over())
				}
				c.Resume()
			},
		}).on(c)
	})
	nc := dial(t, ln.Addr())
	sent := make(chan error, 1)
	msg := pattern(total)
	go func() { _, err := nc.Write(msg); sent <- err }()
	eventually(t, "a first pause", func() bool {
		paused := false
		onLoop(t, e.Loop(0), func() { paused = pauses > 0 })
		return paused
	})
	wantRead(t, nc, msg)
	if err := receive(t, "writer", sent); err != nil {
		t.Fatal(err)
	}
	onLoop(t, e.Loop(0), func() {
		if drains != pauses || most > high+e.opts.ReadBuffer+chunkMax {
			t.Errorf("%d pauses, %d drains, at most %d bytes queued", pauses, drains, most)
		}
	})
}

// A paused conn delivers nothing, not even EOF, and whatever the peer does to it
// does not spin the loop.
func TestPausedConnIsQuiet(t *testing.T) {
	for _, tc := range []struct {
		name    string
		blocked bool // with a queue, so that write interest stays
		do      func(nc *net.TCPConn)
	}{
		{"data", false, func(nc *net.TCPConn) { nc.Write([]byte("x")) }},
		{"fin", false, func(nc *net.TCPConn) { nc.CloseWrite() }},
		{"reset", false, func(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() }},
		{"data, blocked", true, func(nc *net.TCPConn) { nc.Write([]byte("x")) }},
		{"fin, blocked", true, func(nc *net.TCPConn) { nc.CloseWrite() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			l := e.Loop(0)
			conn := make(chan *Conn, 1)
			heard := make(chan string, 10)
			ln := listen(t, e, func(c *Conn) Handler {
				smallBuffers(c)
				conn <- c
				return (&funcs{
					data:   func(*Conn, []byte) { heard <- "data" },
					eof:    func(c *Conn) { heard <- "eof"; c.Close() },
					closed: func(*Conn, error) { heard <- "closed" },
				}).on(c)
			})
			nc := dial(t, ln.Addr())
			c := receive(t, "conn", conn)
			onLoop(t, l, func() {
				c.Pause()
				if tc.blocked {
					c.Send(pattern(4 << 20))
				}
			})
			tc.do(nc)
			onLoop(t, l, func() {})
			before := turns(t, l)
			for range 50 {
				onLoop(t, l, func() {})
			}
			if n := turns(t, l) - before; n > 2 {
				t.Errorf("%d events for a paused conn, want hardly any", n)
			}
			if len(heard) > 0 {
				t.Errorf("paused conn heard %q", <-heard)
			}
			onLoop(t, l, c.Resume)
			receive(t, "event after Resume", heard)
		})
	}
}

// A paused conn with a queue learns at once that its peer is gone.
func TestPausedAndBlockedConnNoticesReset(t *testing.T) {
	e := start(t, Options{Loops: 1})
	conn := make(chan *Conn, 1)
	closed := make(chan error, 1)
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		conn <- c
		return (&funcs{closed: func(_ *Conn, err error) { closed <- err }}).on(c)
	})
	nc := dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	onLoop(t, e.Loop(0), func() { c.Pause(); c.Send(pattern(12 << 20)) })
	_ = nc.SetLinger(0)
	nc.Close()
	if err := receive(t, "Closed", closed); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Closed(%v), want ECONNRESET or EPIPE", err)
	}
	if n := e.Stats().Pending; n != 0 {
		t.Errorf("%d bytes pending", n)
	}
}

// turns counts the loop's turns for sockets so far.
func turns(t *testing.T, l *Loop) (n int64) {
	onLoop(t, l, func() { n = l.count.turns })
	return n
}

// Pausing and resuming within a turn costs nothing and loses nothing.
func TestPauseResumeInOneTurn(t *testing.T) {
	e := start(t, Options{Loops: 1})
	ln := listen(t, e, (&funcs{data: func(c *Conn, p []byte) {
		c.Pause()
		c.Write(p)
		c.Resume()
	}}).on)
	nc := dial(t, ln.Addr())
	for range 10 {
		roundTrip(t, nc, []byte("ping"))
	}
}

// A relay between two conns with nothing but Over, Pause, Drained and Resume.
func TestRelayFlowControl(t *testing.T) {
	e := start(t, Options{Loops: 1, HighWater: 32 << 10})
	sink := listen(t, e, (&funcs{data: func(c *Conn, p []byte) { c.Write(p) }, drained: func(c *Conn) { c.Resume() }}).on)
	ln := listen(t, e, func(a *Conn) Handler {
		var b *Conn
		half := func(dst **Conn) *funcs {
			return &funcs{
				data: func(c *Conn, p []byte) {
					(*dst).Write(p)
					if (*dst).Over() {
						c.Pause()
					}
				},
				drained: func(*Conn) { (*dst).Resume() },
				eof:     func(*Conn) { (*dst).CloseWrite() },
				closed:  func(*Conn, error) { (*dst).Close() },
			}
		}
		a.Loop().Dial(sink.Addr(), patience, func(c *Conn) Handler { b = c; return half(&a).on(c) })
		return half(&b).on(a)
	})
	nc := dial(t, ln.Addr())
	msg := pattern(4 << 20)
	go func() { nc.Write(msg); nc.CloseWrite() }()
	all, err := io.ReadAll(nc)
	if err != nil || !bytes.Equal(all, msg) {
		t.Fatalf("got %d bytes, %v; want %d", len(all), err, len(msg))
	}
}
