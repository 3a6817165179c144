//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// flood makes n connections and reports those that echo; the others must have been
// refused in good order or reset.
func flood(t *testing.T, addr netip.AddrPort, n int) (served []*net.TCPConn, refused int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	gate := make(chan struct{}, 100)
	for range n {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-gate }()
			nc, err := net.DialTimeout("tcp", addr.String(), patience)
			if err != nil {
				t.Error(err)
				return
			}
			_ = nc.SetDeadline(time.Now().Add(patience))
			_, _ = nc.Write([]byte("ping\n"))
			p := make([]byte, 5)
			_, err = io.ReadFull(nc, p)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && string(p) == "ping\n" {
				served = append(served, nc.(*net.TCPConn))
				return
			}
			nc.Close()
			if err == nil && string(p) == "busy\n" || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
				refused++
				return
			}
			t.Errorf("neither served nor refused: %q, %v", p, err)
		}()
	}
	wg.Wait()
	t.Cleanup(func() {
		for _, nc := range served {
			nc.Close()
		}
	})
	return served, refused
}

// Acceptance 6: with few fds and many clients no established connection is lost,
// nobody is left hanging, and the member recovers by itself.
func TestFdLimit(t *testing.T) {
	for _, tc := range []struct {
		name            string
		files, maxConns int
	}{
		{"64 files", 64, 1 << 20},
		{"256 files", 256, 1 << 20},
		{"256 files, computed limit", 256, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := startChild(t, tc.files, tc.maxConns, "127.0.0.1:0", false)
			before, _ := flood(t, c.addr, 20)
			if len(before) != 20 {
				t.Fatalf("%d of 20 served", len(before))
			}
			served, refused := flood(t, c.addr, 1000)
			if refused == 0 || len(served) == 0 || len(served)+refused != 1000 {
				t.Errorf("%d served, %d refused of 1000", len(served), refused)
			}
			for _, nc := range append(before, served...) {
				roundTrip(t, nc, []byte("still here"))
			}
			s := c.stats()
			if s.Conns != 20+len(served) || s.Refused == 0 || tc.maxConns > 0 && s.AcceptErrors == 0 {
				t.Errorf("%d clients served, child says %+v", 20+len(served), s)
			}
			for _, nc := range served {
				nc.Close()
			}
			eventually(t, "recovery", func() bool {
				ok, _ := flood(t, c.addr, 1)
				return len(ok) == 1
			})
			for _, nc := range before {
				roundTrip(t, nc, []byte("still here"))
			}
			if n := strings.Count(c.log.String(), "level=WARN"); n != 1 {
				t.Errorf("%d warnings, want 1 for the episode:\n%s", n, c.log)
			}
		})
	}
}

// An accept that fails for want of anything backs off and goes on; errors of single
// connections are stepped over.
func TestAcceptErrors(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.EPERM, syscall.EINTR} {
		t.Run(errno.Error(), func(t *testing.T) {
			log := &logBuffer{}
			e := start(t, Options{Loops: 1, Logger: slog.New(slog.NewTextHandler(log, nil))})
			ln := listen(t, e, echoSend.on)
			var left atomic.Int32
			onLoop(t, e.Loop(0), func() {
				left.Store(3)
				ln.acceptors[0].accept = func(fd int) (int, syscall.Errno) {
					if left.Add(-1) >= 0 {
						return -1, errno
					}
					return sysAccept(fd)
				}
			})
			eventually(t, "a client served", func() bool {
				ok, _ := flood(t, ln.Addr(), 1)
				return len(ok) == 1 && left.Load() < 0
			})
			if n := strings.Count(log.String(), "level=WARN"); n > 1 {
				t.Errorf("%d warnings", n)
			}
		})
	}
}

// While accepting is suspended established conns and other listeners go on.
func TestSuspendedListenerDisturbsNobody(t *testing.T) {
	e := start(t, Options{Loops: 1})
	sick, well := listen(t, e, echoSend.on), listen(t, e, echoSend.on)
	old := dial(t, sick.Addr())
	roundTrip(t, old, []byte("before"))
	onLoop(t, e.Loop(0), func() {
		sick.acceptors[0].accept = func(int) (int, syscall.Errno) { return -1, syscall.EMFILE }
	})
	waiting := dial(t, sick.Addr())
	eventually(t, "an accept error", func() bool { return e.Stats().AcceptErrors > 0 })
	roundTrip(t, old, []byte("during"))
	roundTrip(t, dial(t, well.Addr()), []byte("during"))
	onLoop(t, e.Loop(0), func() { sick.acceptors[0].accept = sysAccept })
	roundTrip(t, waiting, []byte("after"))
	onLoop(t, e.Loop(0), func() {
		if e.reserve.fd < 0 {
			t.Error("the reserve fd was not taken back")
		}
	})
}

func TestMaxConns(t *testing.T) {
	e := start(t, Options{Loops: 1, MaxConns: 3})
	ln, err := e.Listen(anyPort, ListenOptions{Open: echoSend.on, Refusal: []byte("503")})
	if err != nil {
		t.Fatal(err)
	}
	var ncs []*net.TCPConn
	for range 3 {
		nc := dial(t, ln.Addr())
		roundTrip(t, nc, []byte("ping"))
		ncs = append(ncs, nc)
	}
	over := dial(t, ln.Addr())
	if all, err := io.ReadAll(over); err != nil || !bytes.Equal(all, []byte("503")) {
		t.Errorf("got %q, %v; want the refusal", all, err)
	}
	ncs[0].Close()
	eventually(t, "room for one more", func() bool { return e.Stats().Conns == 2 })
	roundTrip(t, dial(t, ln.Addr()), []byte("ping"))
	if s := e.Stats(); s.Refused != 1 {
		t.Errorf("refused %d, want 1", s.Refused)
	}
}

func TestOpenMayRefuse(t *testing.T) {
	e := start(t, Options{Loops: 1})
	ln := listen(t, e, func(*Conn) Handler { return nil })
	if all, err := io.ReadAll(dial(t, ln.Addr())); err != nil || len(all) > 0 {
		t.Errorf("got %q, %v", all, err)
	}
	if s := e.Stats(); s.Conns != 0 || s.Accepted != 1 {
		t.Errorf("stats %+v", s)
	}
}

// A conn that was given away counts until its new owner closes it.
func TestMaxConnsCountsDetached(t *testing.T) {
	e := start(t, Options{Loops: 1, MaxConns: 1})
	given := make(chan net.Conn, 1)
	ln, err := e.Listen(anyPort, ListenOptions{Refusal: []byte("503"), Open: (&funcs{data: func(c *Conn, _ []byte) {
		nc, err := c.Detach()
		if err != nil {
			t.Error(err)
		}
		given <- nc
	}}).on})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, ln.Addr()).Write([]byte("x"))
	nc := receive(t, "detached", given)
	if all, err := io.ReadAll(dial(t, ln.Addr())); err != nil || string(all) != "503" {
		t.Errorf("got %q, %v; want the refusal", all, err)
	}
	nc.Close()
	nc.Close()
	dial(t, ln.Addr()).Write([]byte("x"))
	receive(t, "detached after the first was closed", given).Close()
	if n := e.held(); n != 0 {
		t.Errorf("%d connections held, want 0", n)
	}
}
