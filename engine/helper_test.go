//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(benchEnv); kind != "" {
		runBenchServer(kind)
		return
	}
	if os.Getenv(childEnv) != "" {
		runChild()
		return
	}
	// The benchmarks import gnet.Run, whose goroutine pool starts with the program.
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// patience is how long a test waits for what must happen; it is no measurement.
const patience = 20 * time.Second

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

// funcs is a Handler of closures for one conn; missing ones do nothing, except that
// EOF closes.
type funcs struct {
	c         *Conn
	data      func(c *Conn, p []byte)
	eof       func(c *Conn)
	drained   func(c *Conn)
	timeout   func(c *Conn)
	closed    func(c *Conn, err error)
	connected func(c *Conn)
	moved     func(c *Conn, l *Loop)
}

func (f *funcs) on(c *Conn) Handler { g := *f; g.c = c; return &g }

func (f *funcs) Data(p []byte) {
	if f.data != nil {
		f.data(f.c, p)
	}
}

func (f *funcs) EOF() {
	if f.eof != nil {
		f.eof(f.c)
		return
	}
	f.c.Close()
}

func (f *funcs) Drained() {
	if f.drained != nil {
		f.drained(f.c)
	}
}

func (f *funcs) Timeout() {
	if f.timeout != nil {
		f.timeout(f.c)
	}
}

func (f *funcs) Closed(err error) {
	if f.closed != nil {
		f.closed(f.c, err)
	}
}

func (f *funcs) Connected() {
	if f.connected != nil {
		f.connected(f.c)
	}
}

func (f *funcs) Moved(l *Loop) {
	if f.moved != nil {
		f.moved(f.c, l)
	}
}

var (
	echoWrite = &funcs{data: func(c *Conn, p []byte) { c.Write(p) }}
	echoSend  = &funcs{data: func(c *Conn, p []byte) { c.Send(p) }}
)

// logBuffer collects log lines from any goroutine.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet()
	}
	if o.Loops == 0 {
		o.Loops = 2
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func listen(t testing.TB, e *Engine, open func(*Conn) Handler) *Listener {
	t.Helper()
	ln, err := e.Listen(anyPort, ListenOptions{Open: open})
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func dial(t testing.TB, addr netip.AddrPort) *net.TCPConn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc.(*net.TCPConn)
}

func roundTrip(t testing.TB, nc net.Conn, msg []byte) {
	t.Helper()
	if _, err := nc.Write(msg); err != nil {
		t.Fatal(err)
	}
	wantRead(t, nc, msg)
}

func wantRead(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes %.40q, want %.40q", len(got), got, want)
	}
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
		panic("unreachable")
	}
}

// onLoop runs fn on l and waits for it.
func onLoop(t testing.TB, l *Loop, fn func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Post(func() { defer close(done); fn() }) {
		t.Fatal("loop has stopped")
	}
	receive(t, "posted function", done)
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}
