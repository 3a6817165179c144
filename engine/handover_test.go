//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAttachWithPrefix(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	e := start(t, Options{})
	client, err := net.Dial("tcp", nl.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(patience))
	server, err := nl.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("read before, ")); err != nil {
		t.Fatal(err)
	}
	prefix := make([]byte, 13)
	if _, err := io.ReadFull(server, prefix); err != nil {
		t.Fatal(err)
	}
	if err := e.Attach(server, prefix, echoWrite.on); err != nil {
		t.Fatal(err)
	}
	clear(prefix)
	if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the original conn: %v, want ErrClosed", err)
	}
	wantRead(t, client, []byte("read before, "))
	roundTrip(t, client, []byte("read after"))
	if s := e.Stats(); s.Attached != 1 || s.Conns != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestAttachErrors(t *testing.T) {
	e := start(t, Options{})
	a, b := net.Pipe()
	defer b.Close()
	if err := e.Attach(a, nil, echoSend.on); err == nil {
		t.Error("a pipe has no fd: want an error")
	}
	ln := listen(t, e, echoSend.on)
	nc := dial(t, ln.Addr())
	roundTrip(t, nc, []byte("x"))
	stop(t, e)
	if err := e.Attach(nc, nil, echoSend.on); !errors.Is(err, ErrStopped) {
		t.Errorf("after Stop: %v, want ErrStopped", err)
	}
}

// chanListener is a net.Listener over detached conns.
type chanListener struct {
	ch   chan net.Conn
	once sync.Once
}

func (l *chanListener) Accept() (net.Conn, error) {
	nc, ok := <-l.ch
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}
func (l *chanListener) Close() error   { l.once.Do(func() { close(l.ch) }); return nil }
func (l *chanListener) Addr() net.Addr { return &net.TCPAddr{} }

// readAhead is a net.Conn whose first bytes have been read by somebody else.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }

// A conn whose request head was read on the loop is served by net/http.
func TestDetachToHTTP(t *testing.T) {
	e := start(t, Options{})
	detached := &chanListener{ch: make(chan net.Conn, 4)}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(detached) }()
	callbacks := make(chan string, 10)
	ln := listen(t, e, (&funcs{
		data: func(c *Conn, p []byte) {
			head := bytes.Clone(p)
			nc, err := c.Detach()
			if err != nil {
				t.Error(err)
				return
			}
			detached.ch <- &readAhead{nc, io.MultiReader(bytes.NewReader(head), nc)}
			c.Write([]byte("ignored"))
			c.Close()
			if _, err := c.Detach(); !errors.Is(err, ErrClosed) {
				t.Errorf("second Detach: %v", err)
			}
		},
		eof:    func(*Conn) { callbacks <- "eof" },
		closed: func(*Conn, error) { callbacks <- "closed" },
	}).on)
	nc := dial(t, ln.Addr())
	br := bufio.NewReader(nc)
	for i := range 3 {
		fmt.Fprintf(nc, "POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", i)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if want := fmt.Sprintf("POST /%d body", i); string(body) != want {
			t.Errorf("got %q, want %q", body, want)
		}
	}
	nc.Close()
	srv.Close()
	if err := receive(t, "Serve", served); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	s := e.Stats()
	if len(callbacks) > 0 || s.Conns != 0 || s.Detached != 1 {
		t.Errorf("%d callbacks after Detach, stats %+v", len(callbacks), s)
	}
}

func TestDetachWithPendingOutput(t *testing.T) {
	e := start(t, Options{Loops: 1})
	conn := make(chan *Conn, 1)
	ln := listen(t, e, func(c *Conn) Handler { smallBuffers(c); conn <- c; return echoSend.on(c) })
	nc := dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	msg := pattern(8 << 20)
	onLoop(t, e.Loop(0), func() {
		c.Send(msg)
		if _, err := c.Detach(); !errors.Is(err, ErrPending) {
			t.Errorf("got %v, want ErrPending", err)
		}
	})
	wantRead(t, nc, msg)
	roundTrip(t, nc, []byte("still on the loop"))
}

// A conn goes round the loops with its queue, its timer and unread bytes.
func TestMove(t *testing.T) {
	const loops = 3
	e := start(t, Options{Loops: loops})
	type arrival struct{ at, told int }
	arrivals := make(chan arrival, 100)
	fired := make(chan int, 1)
	told := -1
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		return (&funcs{
			moved: func(c *Conn, l *Loop) { told = l.Index() },
			data: func(c *Conn, p []byte) {
				if bytes.HasPrefix(p, []byte("prefix:")) {
					arrivals <- arrival{c.Loop().Index(), told}
					c.Write(p)
					return
				}
				to := e.Loop((c.Loop().Index() + 1) % loops)
				if bytes.HasPrefix(p, []byte("silent")) {
					c.Move(to, []byte("prefix:silent"))
					return
				}
				c.SetTimeout(500 * time.Millisecond)
				c.Write([]byte("before,"))
				c.Move(to, append([]byte("prefix:"), p...))
				c.Write([]byte("same turn,"))
			},
			timeout: func(c *Conn) { fired <- c.Loop().Index() },
		}).on(c)
	})
	nc := dial(t, ln.Addr())
	last := -1
	for i := range 2 * loops {
		msg := fmt.Sprintf("message %d", i)
		nc.Write([]byte(msg))
		wantRead(t, nc, []byte("before,same turn,prefix:"+msg))
		a := receive(t, "arrival", arrivals)
		if a.at == last || a.at != a.told {
			t.Errorf("arrived on %d, was told %d, came from %d", a.at, a.told, last)
		}
		last = a.at
	}
	nc.Write([]byte("silent"))
	wantRead(t, nc, []byte("prefix:silent"))
	last = receive(t, "arrival", arrivals).at
	if i := receive(t, "timer", fired); i != last {
		t.Errorf("timer fired on loop %d, conn is on %d", i, last)
	}
	s := e.Stats()
	if s.Conns != 1 || s.ConnsPerLoop[last] != 1 {
		t.Errorf("stats %+v, want the conn on loop %d", s, last)
	}
}

// A queue moves with its conn.
func TestMoveWithQueue(t *testing.T) {
	e := start(t, Options{Loops: 2})
	conn := make(chan *Conn, 1)
	drained := make(chan int, 10)
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		conn <- c
		return (&funcs{drained: func(c *Conn) { drained <- c.Loop().Index() }}).on(c)
	})
	nc := dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	msg := pattern(8 << 20)
	from := c.Loop()
	to := e.Loop(1 - from.Index())
	onLoop(t, from, func() { c.Send(msg); c.Move(to, nil); c.Write([]byte("end")) })
	wantRead(t, nc, append(msg, "end"...))
	if i := receive(t, "Drained", drained); i != to.Index() {
		t.Errorf("Drained on loop %d, want %d", i, to.Index())
	}
	if n := e.Stats().Pending; n != 0 {
		t.Errorf("%d bytes pending", n)
	}
}

// Conns that are moved while both loops stop end exactly once.
func TestMoveDuringStop(t *testing.T) {
	for range 20 {
		e := start(t, Options{Loops: 2})
		const n = 10
		closed := make(chan error, 10*n)
		ln := listen(t, e, (&funcs{
			data: func(c *Conn, p []byte) {
				c.Move(e.Loop(1-c.Loop().Index()), p)
			},
			closed: func(_ *Conn, err error) { closed <- err },
		}).on)
		for range n {
			nc := dial(t, ln.Addr())
			nc.Write([]byte("round and round"))
		}
		eventually(t, "conns", func() bool { return e.Stats().Conns == n })
		stop(t, e)
		if len(closed) != n || e.live.Load() != 0 {
			t.Fatalf("%d Closed for %d conns, %d alive", len(closed), n, e.live.Load())
		}
		for range n {
			if err := <-closed; !errors.Is(err, ErrStopped) {
				t.Fatalf("Closed(%v)", err)
			}
		}
	}
}

// A handshaken TLS conn goes to net/http as a *tls.Conn.
func TestDetachTLS(t *testing.T) {
	e := start(t, Options{})
	cert, pool := selfSigned(t)
	h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}}, HandshakeOptions{})
	out := make(chan net.Conn, 1)
	first := make(chan string, 1)
	ln := listen(t, e, h.Open(func(c *TLS) Handler {
		return &tlsFuncs{c: c, data: func(c *TLS, p []byte) {
			first <- string(p)
			nc, err := c.Detach()
			if err != nil {
				t.Error(err)
				return
			}
			out <- nc
		}}
	}))
	client := tls.Client(dial(t, ln.Addr()), &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if _, err := client.Write([]byte("one")); err != nil {
		t.Fatal(err)
	}
	nc := receive(t, "detached conn", out)
	defer nc.Close()
	if s := receive(t, "first message", first); s != "one" {
		t.Errorf("got %q", s)
	}
	if !strings.Contains(fmt.Sprintf("%T", nc), "tls.Conn") {
		t.Errorf("got a %T", nc)
	}
	go io.Copy(nc, nc)
	roundTrip(t, client, pattern(100_000))
}
