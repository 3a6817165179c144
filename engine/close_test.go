//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// Close delivers all bytes of a big answer to a slow reader that goes on sending.
func TestCloseDeliversEverything(t *testing.T) {
	e := start(t, Options{Loops: 1})
	closed := make(chan error, 1)
	msg := pattern(8 << 20)
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		return (&funcs{
			data:   func(c *Conn, _ []byte) { c.Write(msg); c.Close(); c.Write([]byte("dropped")) },
			closed: func(_ *Conn, err error) { closed <- err },
		}).on(c)
	})
	nc := dial(t, ln.Addr())
	nc.Write([]byte("go"))
	got := make([]byte, 0, len(msg))
	buf := make([]byte, 32<<10)
	for {
		n, err := nc.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		nc.Write([]byte("I talk while you close"))
	}
	if !bytes.Equal(got, msg) {
		t.Fatalf("got %d bytes, want %d", len(got), len(msg))
	}
	nc.Close()
	if err := receive(t, "Closed", closed); err != nil {
		t.Errorf("Closed(%v), want nil", err)
	}
}

// Close from inside Data never calls Closed inside, and Closed comes once.
func TestClosedComesLaterAndOnce(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
	}{
		{"Close", (*Conn).Close},
		{"CloseFast", (*Conn).CloseFast},
		{"Abort", (*Conn).Abort},
		{"all", func(c *Conn) { c.Close(); c.CloseFast(); c.Abort(); c.Abort(); c.Close() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			inside := false
			closed := make(chan error, 10)
			ln := listen(t, e, (&funcs{
				data: func(c *Conn, p []byte) {
					inside = true
					tc.end(c)
					c.Write(p)
					c.Send(p)
					c.Pause()
					c.Resume()
					inside = false
				},
				closed: func(_ *Conn, err error) {
					if inside {
						t.Error("Closed was called inside a method of Conn")
					}
					closed <- err
				},
			}).on)
			nc := dial(t, ln.Addr())
			nc.Write([]byte("x"))
			_, _ = io.ReadAll(nc)
			nc.Close()
			if err := receive(t, "Closed", closed); err != nil {
				t.Errorf("Closed(%v), want nil", err)
			}
			onLoop(t, e.Loop(0), func() {})
			if len(closed) > 0 || e.Stats().Conns != 0 {
				t.Errorf("%d more Closed, %d conns left", len(closed), e.Stats().Conns)
			}
		})
	}
}

func TestCloseFastDoesNotWait(t *testing.T) {
	e := start(t, Options{Loops: 1})
	closed := make(chan error, 1)
	ln := listen(t, e, (&funcs{
		data:   func(c *Conn, _ []byte) { c.Write([]byte("302")); c.CloseFast() },
		closed: func(_ *Conn, err error) { closed <- err },
	}).on)
	nc := dial(t, ln.Addr())
	nc.Write([]byte("go"))
	if err := receive(t, "Closed before the peer's FIN", closed); err != nil {
		t.Errorf("Closed(%v), want nil", err)
	}
	if all, err := io.ReadAll(nc); err != nil || string(all) != "302" {
		t.Errorf("got %q, %v", all, err)
	}
}

func TestCloseDeadline(t *testing.T) {
	for _, tc := range []struct {
		name string
		n    int
		want error
	}{
		{"peer reads nothing", 8 << 20, ErrCloseTimeout},
		{"peer sends no FIN", 10, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := start(t, Options{Loops: 1, CloseTimeout: 200 * time.Millisecond})
			closed := make(chan error, 1)
			ln := listen(t, e, func(c *Conn) Handler {
				smallBuffers(c)
				return (&funcs{
					data:   func(c *Conn, _ []byte) { c.Write(pattern(tc.n)); c.Close() },
					closed: func(_ *Conn, err error) { closed <- err },
				}).on(c)
			})
			nc := dial(t, ln.Addr())
			nc.Write([]byte("go"))
			if err := receive(t, "Closed", closed); !errors.Is(err, tc.want) {
				t.Errorf("Closed(%v), want %v", err, tc.want)
			}
		})
	}
}

func TestAbortResets(t *testing.T) {
	e := start(t, Options{Loops: 1})
	ln := listen(t, e, (&funcs{data: func(c *Conn, _ []byte) { c.Abort() }}).on)
	nc := dial(t, ln.Addr())
	nc.Write([]byte("x"))
	if _, err := io.ReadAll(nc); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want ECONNRESET", err)
	}
}

// Many conns aborted and reset from both ends at once leave nothing behind.
func TestAbortStorm(t *testing.T) {
	e := start(t, Options{})
	closed := make(chan error, 1000)
	ln := listen(t, e, (&funcs{
		data: func(c *Conn, p []byte) {
			if p[0]%2 == 0 {
				c.Abort()
				return
			}
			c.Write(p)
		},
		closed: func(_ *Conn, err error) { closed <- err },
	}).on)
	const conns = 400
	for i := range conns {
		nc := dial(t, ln.Addr())
		_ = nc.SetLinger(0)
		nc.Write([]byte{byte(i)})
		if i%3 == 0 {
			nc.Close()
		} else {
			defer nc.Close()
		}
	}
	for range conns / 2 {
		receive(t, "Closed", closed)
	}
	onLoop(t, e.Loop(0), func() {
		if n := len(e.Loop(0).causes); n > 0 {
			t.Errorf("%d causes kept", n)
		}
	})
}

// A handler may end another conn that has an event in the same batch, and the fd
// may have a new owner before that event is looked at.
func TestFdReuseInsideABatch(t *testing.T) {
	e := start(t, Options{Loops: 1})
	l := e.Loop(0)
	var victims []*Conn
	echo := listen(t, e, echoSend.on)
	wrong := make(chan string, 100)
	dialled := make(chan struct{}, 100)
	victimListener := listen(t, e, func(c *Conn) Handler {
		victims = append(victims, c)
		return (&funcs{data: func(*Conn, []byte) {}}).on(c)
	})
	killer := listen(t, e, (&funcs{data: func(c *Conn, _ []byte) {
		for _, v := range victims {
			v.Abort()
			l.Dial(echo.Addr(), patience, func(n *Conn) Handler {
				n.Write([]byte("hello"))
				return (&funcs{
					connected: func(n *Conn) {
						if !n.RemoteAddr().IsValid() {
							wrong <- "Connected before the connection stood"
						}
					},
					data: func(n *Conn, p []byte) {
						if string(p) != "hello" {
							wrong <- "a new conn got " + string(p)
						}
						n.Close()
						dialled <- struct{}{}
					},
					closed: func(_ *Conn, err error) {
						if err != nil {
							wrong <- err.Error()
						}
					},
				}).on(n)
			})
		}
		c.Close()
	}}).on)
	const n = 20
	for range n {
		nc := dial(t, victimListener.Addr())
		defer nc.Write([]byte("x"))
		go nc.Write([]byte("bytes for the victim"))
	}
	eventually(t, "victims accepted", func() bool {
		k := 0
		onLoop(t, l, func() { k = len(victims) })
		return k == n
	})
	hold := make(chan struct{})
	l.Post(func() { <-hold })
	kc := dial(t, killer.Addr())
	kc.Write([]byte("now"))
	close(hold)
	for range n {
		receive(t, "echo on a new conn", dialled)
	}
	if len(wrong) > 0 {
		t.Error(<-wrong)
	}
}

// A peer that pours on after our FIN is reset, long before the close timeout.
func TestCloseThrowsAwayOnlySoMuch(t *testing.T) {
	e := start(t, Options{Loops: 1, CloseTimeout: time.Hour})
	ln := listen(t, e, func(c *Conn) Handler {
		c.Close()
		return new(funcs).on(c)
	})
	nc := dial(t, ln.Addr())
	buf := make([]byte, 64<<10)
	for sent := 0; ; {
		n, err := nc.Write(buf)
		if sent += n; err != nil {
			break
		}
		if sent > 256<<20 {
			t.Fatal("256 MiB taken after the end")
		}
	}
}
