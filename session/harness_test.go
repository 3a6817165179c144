package session

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A tape is a Transport that records what a session does with it.
type tape struct {
	out     bytes.Buffer
	sends   int // calls that would be system calls
	handler Handler
	paused  bool
	over    bool
	closed  bool
	aborted bool
	timeout time.Duration
	limit   int
	pending int
	socket  net.Conn // what Detach gives, once nothing is pending
}

func (t *tape) Write(p []byte)             { t.out.Write(p) }
func (t *tape) Send(p []byte)              { t.sends++; t.out.Write(p) }
func (t *tape) Pending() int               { return t.pending }
func (t *tape) Over() bool                 { return t.over }
func (t *tape) SetLimit(n int)             { t.limit = n }
func (t *tape) SetHighWater(int)           {}
func (t *tape) Pause()                     { t.paused = true }
func (t *tape) Resume()                    { t.paused = false }
func (t *tape) Close()                     { t.closed = true }
func (t *tape) CloseWrite()                {}
func (t *tape) CloseFast()                 { t.closed = true }
func (t *tape) Abort()                     { t.aborted = true }
func (t *tape) SetTimeout(d time.Duration) { t.timeout = d }
func (t *tape) SetHandler(h Handler)       { t.handler = h }
func (t *tape) LocalAddr() netip.AddrPort  { return netip.MustParseAddrPort("127.0.0.1:8001") }
func (t *tape) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.9:5000") }
func (t *tape) data(p []byte)              { t.handler.Data(p) }
func (t *tape) text() string               { return t.out.String() }
func (t *tape) take() (b []byte)           { b = bytes.Clone(t.out.Bytes()); t.out.Reset(); return b }

func (t *tape) Detach() (net.Conn, error) {
	if t.pending > 0 || t.socket == nil {
		return nil, net.ErrClosed
	}
	return t.socket, nil
}

// A stillLoop is a Loop whose time the test moves.
type stillLoop struct {
	now    time.Time
	posts  []func()
	timers []*stillTimer
	dials  []*tape
	onDial func(addr netip.AddrPort, t *tape)
}

type stillTimer struct {
	due time.Time
	fn  func() // nil when stopped or fired
}

func (l *stillLoop) Post(fn func()) bool { l.posts = append(l.posts, fn); return true }
func (l *stillLoop) Now() time.Time      { return l.now }
func (l *stillLoop) After(d time.Duration, fn func()) func() {
	t := &stillTimer{l.now.Add(d), fn}
	l.timers = append(l.timers, t)
	return func() { t.fn = nil }
}

// settle runs what was posted, and what that posts.
func (l *stillLoop) settle() {
	for len(l.posts) > 0 {
		fn := l.posts[0]
		l.posts = l.posts[1:]
		fn()
	}
}

// advance moves the time and fires the loop's timers; those of tapes are the
// test's to fire.
func (l *stillLoop) advance(d time.Duration) {
	l.now = l.now.Add(d)
	for _, t := range l.timers {
		if fn := t.fn; fn != nil && !t.due.After(l.now) {
			t.fn = nil
			fn()
		}
	}
	l.settle()
}
func (l *stillLoop) Dial(addr netip.AddrPort, _ time.Duration, open func(Transport) Handler) {
	t := &tape{}
	l.dials = append(l.dials, t)
	t.handler = open(t)
	if l.onDial != nil {
		l.onDial(addr, t)
	}
}

// echoService answers as service/echo does.
type echoService struct {
	opened int
	closed []wsproto.Code
	path   string
	query  string
}

func (e *echoService) Open(_ Channel, o *Open) Receiver {
	e.opened++
	e.path, e.query = string(o.Path), string(o.Query)
	return e
}
func (e *echoService) Frame(ch Channel, f *wsproto.Frame) {
	ch.SendFrame(f)
	if ch.Over() {
		ch.Pause()
	}
}
func (e *echoService) Drained(ch Channel)                         { ch.Resume() }
func (e *echoService) Closed(_ Channel, c wsproto.Code, _ []byte) { e.closed = append(e.closed, c) }

// oneRoute routes every request for its authority and path prefix.
type oneRoute struct{ route *Route }

func (o oneRoute) Route(authority, path []byte, _ Kind) (*Route, []byte) {
	if string(authority) != "localhost:8001" || !bytes.HasPrefix(path, []byte(o.route.Path)) {
		return nil, nil
	}
	return o.route, path[len(o.route.Path):]
}

const testDate = "Thu, 01 Jan 2026 00:00:00 GMT"

func newTestWorker() (*Worker, *stillLoop) {
	l := &stillLoop{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return NewWorker(l, 0, &Shape{Server: "Kaazing Gateway"}), l
}

// connect opens a connection to route and returns its tape.
func connect(w *Worker, route *Route) *tape {
	p := &Port{}
	p.Routes.Store(&Routes{Router: oneRoute{route}})
	t := &tape{}
	t.handler = w.Open(t, p)
	return t
}

const upgradeHead = "GET /echo HTTP/1.1\r\nHost: localhost:8001\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

const upgradeAnswer = "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nDate: " + testDate +
	"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nServer: Kaazing Gateway\r\nUpgrade: websocket\r\n\r\n"

// upgraded opens a WebSocket on route and drops the 101.
func upgraded(t *testing.T, w *Worker, route *Route) *tape {
	t.Helper()
	c := connect(w, route)
	c.data([]byte(upgradeHead))
	if got := c.text(); got != upgradeAnswer {
		t.Fatalf("101 = %q, want %q", got, upgradeAnswer)
	}
	c.take()
	c.sends = 0
	return c
}

var mask = [4]byte{0x37, 0xFA, 0x21, 0x3D}

func masked(op wsproto.Opcode, fin bool, payload []byte) []byte {
	b := wsproto.AppendMaskedHeader(nil, op, fin, false, int64(len(payload)), mask)
	n := len(b)
	b = append(b, payload...)
	wsproto.Mask(b[n:], mask, 0)
	return b
}

func plain(op wsproto.Opcode, fin bool, payload []byte) []byte {
	return append(wsproto.AppendHeader(nil, op, fin, false, int64(len(payload))), payload...)
}
