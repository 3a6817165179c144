//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"unsafe"
)

func TestEcho(t *testing.T) {
	e := start(t, Options{})
	for name, h := range map[string]*funcs{"Write": echoWrite, "Send": echoSend} {
		ln := listen(t, e, h.on)
		for _, n := range []int{1, 125, 126, 65535, 65536, 65537, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				nc := dial(t, ln.Addr())
				go nc.Write(pattern(n))
				wantRead(t, nc, pattern(n))
			})
		}
	}
}

func TestManyConns(t *testing.T) {
	e := start(t, Options{})
	ln := listen(t, e, echoSend.on)
	const conns, rounds = 300, 5
	ncs := make([]*net.TCPConn, conns)
	for i := range ncs {
		ncs[i] = dial(t, ln.Addr())
	}
	var wg sync.WaitGroup
	for i, nc := range ncs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range rounds {
				roundTrip(t, nc, fmt.Appendf(nil, "conn %d round %d", i, j))
			}
		}()
	}
	wg.Wait()
	s := e.Stats()
	if s.Conns != conns || s.Accepted != conns || s.BytesIn != s.BytesOut || s.BytesIn == 0 {
		t.Errorf("stats %+v, want %d conns and as many bytes out as in", s, conns)
	}
	if s.ConnsPerLoop[0]+s.ConnsPerLoop[1] != conns || s.ConnsPerLoop[0] == 0 || s.ConnsPerLoop[1] == 0 {
		t.Errorf("conns per loop %v: not spread", s.ConnsPerLoop)
	}
	for _, nc := range ncs {
		nc.Close()
	}
	eventually(t, "all conns gone", func() bool { return e.Stats().Conns == 0 })
}

// All that handlers write in one turn leaves in one piece, in order.
func TestWritesOfATurnAreGathered(t *testing.T) {
	e := start(t, Options{Loops: 1})
	ln := listen(t, e, (&funcs{data: func(c *Conn, p []byte) {
		for i := range p {
			c.Write(p[i : i+1])
		}
		c.Send([]byte("+sent"))
		c.Write([]byte("+tail"))
	}}).on)
	nc := dial(t, ln.Addr())
	if _, err := nc.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	wantRead(t, nc, []byte("abc+sent+tail"))
}

func TestPostedWritesAreGathered(t *testing.T) {
	e := start(t, Options{Loops: 1})
	conn := make(chan *Conn, 1)
	ln := listen(t, e, func(c *Conn) Handler { conn <- c; return echoSend.on(c) })
	nc := dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	hold := make(chan struct{})
	l := e.Loop(0)
	l.Post(func() { <-hold })
	for i := range 8 {
		l.Post(func() { c.Write([]byte{byte(i)}) })
	}
	close(hold)
	wantRead(t, nc, []byte{0, 1, 2, 3, 4, 5, 6, 7})
}

// An idle conn is one cache line and holds no buffer.
func TestIdleConnHoldsNothing(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 64 {
		t.Errorf("Conn has %d bytes, want at most 64 (contract: 112)", n)
	}
	e := start(t, Options{Loops: 1})
	conn := make(chan *Conn, 1)
	ln := listen(t, e, func(c *Conn) Handler { conn <- c; return echoWrite.on(c) })
	nc := dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	roundTrip(t, nc, pattern(1000))
	onLoop(t, e.Loop(0), func() {
		if c.out != nil || c.Pending() != 0 {
			t.Errorf("idle conn holds %v", c.out)
		}
	})
	if n := e.pending.Load(); n != 0 {
		t.Errorf("engine counts %d queued bytes, want 0", n)
	}
}

func TestHalfClose(t *testing.T) {
	e := start(t, Options{})
	var got []byte
	ln := listen(t, e, (&funcs{
		data: func(_ *Conn, p []byte) { got = append(got, p...) },
		eof:  func(c *Conn) { c.Write(got); c.Close() },
	}).on)
	nc := dial(t, ln.Addr())
	msg := pattern(100_000)
	if _, err := nc.Write(msg); err != nil {
		t.Fatal(err)
	}
	if err := nc.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(nc)
	if err != nil || len(all) != len(msg) {
		t.Fatalf("got %d bytes, %v; want %d", len(all), err, len(msg))
	}
}

// Our FIN, then the peer's answer to it.
func TestCloseWrite(t *testing.T) {
	e := start(t, Options{})
	closed := make(chan error, 1)
	got := make(chan string, 1)
	ln := listen(t, e, (&funcs{
		data: func(c *Conn, p []byte) {
			if string(p) == "go" {
				c.Write([]byte("last words"))
				c.CloseWrite()
				c.Write([]byte("dropped"))
				return
			}
			got <- string(p)
		},
		closed: func(_ *Conn, err error) { closed <- err },
	}).on)
	nc := dial(t, ln.Addr())
	if _, err := nc.Write([]byte("go")); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(nc)
	if err != nil || string(all) != "last words" {
		t.Fatalf("got %q, %v", all, err)
	}
	if _, err := nc.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if s := receive(t, "answer", got); s != "answer" {
		t.Errorf("got %q", s)
	}
	nc.Close()
	if err := receive(t, "Closed", closed); err != nil {
		t.Errorf("Closed(%v), want nil", err)
	}
}

func TestPeerReset(t *testing.T) {
	e := start(t, Options{})
	closed := make(chan error, 1)
	ln := listen(t, e, (&funcs{
		data:   func(c *Conn, p []byte) { c.Write(p) },
		closed: func(_ *Conn, err error) { closed <- err },
	}).on)
	nc := dial(t, ln.Addr())
	roundTrip(t, nc, []byte("x"))
	_ = nc.SetLinger(0)
	nc.Close()
	if err := receive(t, "Closed", closed); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Closed(%v), want ECONNRESET", err)
	}
}

func TestAddresses(t *testing.T) {
	e := start(t, Options{})
	addrs := make(chan [2]string, 1)
	ln := listen(t, e, func(c *Conn) Handler {
		addrs <- [2]string{c.LocalAddr().String(), c.RemoteAddr().String()}
		return echoSend.on(c)
	})
	nc := dial(t, ln.Addr())
	got := receive(t, "addresses", addrs)
	if want := [2]string{nc.RemoteAddr().String(), nc.LocalAddr().String()}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
