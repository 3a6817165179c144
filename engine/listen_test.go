//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSecondListenIsRefused(t *testing.T) {
	e, other := start(t, Options{}), start(t, Options{})
	ln := listen(t, e, echoSend.on)
	for name, second := range map[string]*Engine{"same engine": e, "other engine": other} {
		_, err := second.Listen(ln.Addr(), ListenOptions{Open: echoSend.on})
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), ln.Addr().String()) ||
			!strings.Contains(err.Error(), "already served") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	child := startChild(t, 1024, 0, ln.Addr().String(), false)
	if !strings.Contains(child.err, "already served") {
		t.Errorf("second process: got %q", child.err)
	}
	roundTrip(t, dial(t, ln.Addr()), []byte("undisturbed"))
}

// A plain listener of another program is respected as well.
func TestForeignListener(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	e := start(t, Options{})
	addr := netip.MustParseAddrPort(nl.Addr().String())
	for _, reuse := range []bool{false, true} {
		if _, err := e.Listen(addr, ListenOptions{Open: echoSend.on, ReusePort: reuse}); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("ReusePort %v: got %v, want EADDRINUSE", reuse, err)
		}
	}
}

// Two processes with the explicit option share an address, and either goes on
// alone.
func TestReusePortIsShared(t *testing.T) {
	e := start(t, Options{})
	ln, err := e.Listen(anyPort, ListenOptions{Open: echoSend.on, ReusePort: true})
	if err != nil {
		t.Fatal(err)
	}
	second := startChild(t, 1024, 0, ln.Addr().String(), true)
	if second.err != "" {
		t.Fatal(second.err)
	}
	for range 64 {
		roundTrip(t, dial(t, ln.Addr()), []byte("ping"))
	}
	here, there := e.Stats().Accepted, second.stats().Accepted
	if here == 0 || there == 0 || here+there != 64 {
		t.Errorf("accepted %d here and %d there of 64", here, there)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		roundTrip(t, dial(t, second.addr), []byte("ping"))
	}
}

func TestListenerClose(t *testing.T) {
	e := start(t, Options{})
	ln := listen(t, e, echoSend.on)
	nc := dial(t, ln.Addr())
	roundTrip(t, nc, []byte("before"))
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.DialTimeout("tcp", ln.Addr().String(), patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after Close: %v, want ECONNREFUSED", err)
	}
	roundTrip(t, nc, []byte("after"))
	again, err := e.Listen(ln.Addr(), ListenOptions{Open: echoSend.on})
	if err != nil {
		t.Fatalf("the same address again, with a conn of the old listener alive: %v", err)
	}
	roundTrip(t, dial(t, again.Addr()), []byte("again"))
	roundTrip(t, nc, []byte("still"))
}

// Connections that the kernel completed before Close are served.
func TestListenerCloseServesTheQueue(t *testing.T) {
	e := start(t, Options{Loops: 1})
	ln := listen(t, e, echoSend.on)
	hold := make(chan struct{})
	held := make(chan struct{})
	e.Loop(0).Post(func() { close(held); <-hold })
	receive(t, "held loop", held)
	var ncs []*net.TCPConn
	for range 10 {
		ncs = append(ncs, dial(t, ln.Addr()))
	}
	closed := make(chan error)
	go func() { closed <- ln.Close() }()
	close(hold)
	receive(t, "Close", closed)
	for _, nc := range ncs {
		roundTrip(t, nc, []byte("served"))
	}
}

func TestListenErrors(t *testing.T) {
	e := start(t, Options{})
	if _, err := e.Listen(netip.MustParseAddrPort("192.0.2.1:80"), ListenOptions{Open: echoSend.on}); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("address that is not ours: %v", err)
	}
	if _, err := e.Listen(anyPort, ListenOptions{}); err == nil {
		t.Error("no Open function: want an error")
	}
	stop(t, e)
	if _, err := e.Listen(anyPort, ListenOptions{Open: echoSend.on}); !errors.Is(err, ErrStopped) {
		t.Errorf("after Stop: %v, want ErrStopped", err)
	}
}

func TestListenIPv6(t *testing.T) {
	e := start(t, Options{})
	for _, addr := range []string{"[::1]:0", "[::]:0"} {
		ln, err := e.Listen(netip.MustParseAddrPort(addr), ListenOptions{Open: echoSend.on})
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Skip("no IPv6 here")
		}
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, dial(t, netip.AddrPortFrom(netip.IPv6Loopback(), ln.Addr().Port())), []byte("six"))
	}
}

// Accepted sockets inherit what the listener was given.
func TestAcceptedSocketOptions(t *testing.T) {
	e := start(t, Options{Loops: 1, KeepAlive: 40 * time.Second})
	got := make(chan [3]int, 1)
	ln := listen(t, e, func(c *Conn) Handler {
		_ = c.Control(func(fd int) error {
			var v [3]int
			v[0], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
			v[1], _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
			v[2], _ = stallTimeoutOf(fd)
			got <- v
			return nil
		})
		return echoSend.on(c)
	})
	dial(t, ln.Addr())
	v := receive(t, "options", got)
	if v[0] == 0 || v[1] == 0 || v[2] != 30_000 {
		t.Errorf("nodelay %d, keepalive %d, stall timeout %d ms", v[0], v[1], v[2])
	}
}
