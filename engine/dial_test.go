//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fullBacklog answers an address where connects hang, because nobody accepts and
// the queue is full.
func fullBacklog(t *testing.T) (release func(), addr netip.AddrPort) {
	t.Helper()
	fd, err := streamSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr = addrPort(sa)
	var ncs []net.Conn
	for {
		nc, err := net.DialTimeout("tcp", addr.String(), 300*time.Millisecond)
		if errors.Is(err, os.ErrDeadlineExceeded) || err != nil {
			break
		}
		ncs = append(ncs, nc)
	}
	return func() {
		for _, nc := range ncs {
			nc.Close()
		}
		unix.Close(fd)
	}, addr
}

func TestDial(t *testing.T) {
	e := start(t, Options{})
	ln := listen(t, e, echoSend.on)
	order := make(chan string, 10)
	l := e.Loop(1)
	onLoop(t, l, func() {
		l.Dial(ln.Addr(), patience, func(c *Conn) Handler {
			c.Write([]byte("early "))
			c.Send([]byte("bird"))
			if c.Pending() != 10 || c.Loop() != l {
				t.Errorf("%d bytes queued while connecting, want 10", c.Pending())
			}
			return (&funcs{
				connected: func(c *Conn) { order <- "connected to " + c.RemoteAddr().String() },
				data:      func(c *Conn, p []byte) { order <- string(p); c.Close() },
				closed: func(_ *Conn, err error) {
					if err != nil {
						t.Errorf("Closed(%v)", err)
					}
					order <- "closed"
				},
			}).on(c)
		})
	})
	for _, want := range []string{"connected to " + ln.Addr().String(), "early bird", "closed"} {
		if got := receive(t, want, order); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDialRefused(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(nl.Addr().String())
	nl.Close()
	e := start(t, Options{Loops: 1})
	l := e.Loop(0)
	for _, tc := range []struct {
		name string
		open func(closed chan error) func(c *Conn) Handler
		want error
	}{
		{"refused", func(closed chan error) func(c *Conn) Handler {
			return func(c *Conn) Handler {
				return (&funcs{closed: func(_ *Conn, err error) { closed <- err }}).on(c)
			}
		}, syscall.ECONNREFUSED},
		{"closed at once", func(closed chan error) func(c *Conn) Handler {
			return func(c *Conn) Handler {
				c.Close()
				return (&funcs{closed: func(_ *Conn, err error) { closed <- err }}).on(c)
			}
		}, nil},
	} {
		closed := make(chan error, 2)
		inside := true
		onLoop(t, l, func() {
			l.Dial(addr, patience, tc.open(closed))
			if len(closed) > 0 {
				t.Errorf("%s: Closed came inside Dial", tc.name)
			}
			inside = false
		})
		if err := receive(t, "Closed", closed); !errors.Is(err, tc.want) || inside {
			t.Errorf("%s: Closed(%v), want %v", tc.name, err, tc.want)
		}
	}
	if s := e.Stats(); s.Conns != 0 {
		t.Errorf("%d conns left", s.Conns)
	}
}
