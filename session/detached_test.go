package session

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A distant is a tape whose other end has an address of its own.
type distant struct {
	*tape
	addr netip.AddrPort
}

func (d *distant) RemoteAddr() netip.AddrPort { return d.addr }

// requestFrom sends one request from addr and returns what it got.
func requestFrom(w *Worker, route *Route, addr, head string) *tape {
	p := &Port{}
	p.Routes.Store(&Routes{Router: oneRoute{route}})
	t := &tape{}
	t.handler = w.Open(&distant{t, netip.AddrPortFrom(netip.MustParseAddr(addr), 5000)}, p)
	t.data([]byte(head))
	return t
}

const (
	createHead = "POST /echo/;e/cbm HTTP/1.1\r\n" + host + "X-Sequence-No: 0\r\nContent-Length: 0\r\n\r\n"
	eventsGet  = "GET /sse HTTP/1.1\r\n" + host + "\r\n"
)

func crowdedWorker(seats int) (*Worker, *stillLoop, *bytes.Buffer) {
	w, l := newTestWorker()
	log := new(bytes.Buffer)
	w.shape.MaxDetached, w.shape.Logger = seats, slog.New(slog.NewTextHandler(log, nil))
	return w, l, log
}

// down is the target of the downstream that a create's answer names.
func down(t *testing.T, create *tape) string {
	t.Helper()
	got := create.text()
	at := strings.Index(got, "/echo/;e/dbm/")
	if at < 0 {
		t.Fatalf("create answered %q", got)
	}
	return strings.TrimSpace(got[at:])
}

func downOf(target, number string) string {
	return "GET " + target + " HTTP/1.1\r\n" + host + "X-Sequence-No: " + number + "\r\n\r\n"
}

// TestDetachedAttachedAreNotCounted: a session with a response costs its client
// a connection, whose number is bounded elsewhere.
func TestDetachedAttachedAreNotCounted(t *testing.T) {
	w, _, log := crowdedWorker(3)
	echo, _ := echoRoute()
	events, _ := eventsRoute()
	for i := range 10 {
		if got := requestFrom(w, events, "192.0.2.1", eventsGet).text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("event stream %d: %q", i, got)
		}
		c := requestFrom(w, echo, "192.0.2.1", createHead)
		if got := requestFrom(w, echo, "192.0.2.1", downOf(down(t, c), "1")).text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("downstream %d: %q", i, got)
		}
	}
	if n := w.detached.number; n != 0 || len(w.detached.shares) != 0 || w.Sessions() != 20 || log.Len() != 0 {
		t.Fatalf("%d seats, %v; %d sessions; log %q", n, w.detached.shares, w.Sessions(), log)
	}
}

// TestDetachedFlood: who creates sessions and never comes for them takes the
// seats from himself alone.
func TestDetachedFlood(t *testing.T) {
	const seats = 64
	w, l, log := crowdedWorker(seats)
	echo, e := echoRoute()
	events, _ := eventsRoute()
	early := down(t, requestFrom(w, echo, "198.51.100.7", createHead))
	for range 20 * seats {
		requestFrom(w, echo, "192.0.2.1", createHead)
	}
	l.settle()
	if n := w.Sessions(); n != seats {
		t.Errorf("%d sessions are held, want %d", n, seats)
	}
	late := down(t, requestFrom(w, echo, "198.51.100.8", createHead))
	stream := requestFrom(w, events, "198.51.100.9", eventsGet)
	for range 20 * seats {
		requestFrom(w, echo, "192.0.2.1", createHead)
	}
	l.settle()
	if got := stream.text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("event stream: %q", got)
	}
	for _, target := range []string{early, late} {
		if got := requestFrom(w, echo, "198.51.100.7", downOf(target, "1")).text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("downstream of another client: %q", got)
		}
	}
	for _, c := range e.closed {
		if c != wsproto.CodeAbnormal {
			t.Errorf("service saw %v", c)
		}
	}
	if log.Len() != 0 {
		t.Errorf("nobody was turned away, but the log has %q", log)
	}
	l.advance(2 * detachTimeout)
	if w.detached.number != 0 || len(w.detached.shares) != 0 || w.detached.fresh != (row{}) || w.detached.kept != (row{}) {
		t.Errorf("left: %+v", w.detached)
	}
}

// TestDetachedOldest: of many clients with few sessions each, the one that
// nobody has come for the longest goes.
func TestDetachedOldest(t *testing.T) {
	w, l, _ := crowdedWorker(16)
	echo, _ := echoRoute()
	first := down(t, requestFrom(w, echo, "192.0.2.1", createHead))
	second := down(t, requestFrom(w, echo, "192.0.2.2", createHead))
	for i := range 15 {
		requestFrom(w, echo, fmt.Sprintf("2001:db8:0:%x::1", i), createHead)
	}
	l.settle()
	if got := requestFrom(w, echo, "192.0.2.1", downOf(first, "1")).text(); got != gone404 {
		t.Errorf("the oldest: %q", got)
	}
	if got := requestFrom(w, echo, "192.0.2.2", downOf(second, "1")).text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("the second: %q", got)
	}
}

// polledOut opens an event stream whose response ends with its first event: its
// client has been told to come back.
func polledOut(w *Worker, events *Route, e *eventService, addr string) {
	n := len(e.open)
	requestFrom(w, events, addr, "GET /sse?.ki=p HTTP/1.1\r\n"+host+"\r\n")
	for _, ch := range e.open[n:] {
		ch.SendFrame(&wsproto.Frame{Op: wsproto.OpText, Fin: true, Len: 1, Data: []byte("x")})
	}
}

// eventService keeps what it opened.
type eventService struct {
	echoService
	open []Channel
}

func (e *eventService) Open(ch Channel, _ *Open) Receiver {
	e.open = append(e.open, ch)
	return &e.echoService
}

// TestDetachedBetweenResponses: a session whose client has been told to come
// back keeps its seat, unless the client has far too many of them. Who is turned
// away is logged once.
func TestDetachedBetweenResponses(t *testing.T) {
	const seats = 16
	w, l, log := crowdedWorker(seats)
	events, _ := eventsRoute()
	e := &eventService{}
	events.Service = e
	for range seats {
		polledOut(w, events, e, "192.0.2.1")
	}
	for range 3 {
		got := requestFrom(w, events, "192.0.2.1", eventsGet).text()
		if !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "Retry-After") {
			t.Fatalf("one more of the same client: %q", got)
		}
	}
	if n := strings.Count(log.String(), "session refused"); n != 1 || !strings.Contains(log.String(), "limit=16") {
		t.Errorf("log %q", log)
	}
	if got := requestFrom(w, events, "192.0.2.2", eventsGet).text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("another client: %q", got)
	}
	l.advance(calmAfter)
	l.advance(calmAfter)
	if !strings.HasSuffix(log.String(), "msg=\"sessions accepted again\" component=session loop=0\n") {
		t.Errorf("log %q", log)
	}
	if w.detached.number != seats-1 {
		t.Errorf("%d seats, want %d", w.detached.number, seats-1)
	}
}

// TestDetachedLostStreams: a stream that lost its client makes room.
func TestDetachedLostStreams(t *testing.T) {
	w, l, _ := crowdedWorker(8)
	events, _ := eventsRoute()
	for range 40 {
		c := requestFrom(w, events, "192.0.2.1", eventsGet)
		if got := c.text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("event stream: %q", got)
		}
		c.handler.Closed(nil)
	}
	l.settle()
	if n := w.Sessions(); n != 8 {
		t.Errorf("%d sessions, want 8", n)
	}
}

func TestDetachedClientOf(t *testing.T) {
	for _, tt := range []struct{ addr, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"fe80::1%eth0", "fe80::"},
	} {
		if got := clientOf(netip.AddrPortFrom(netip.MustParseAddr(tt.addr), 1)); got.String() != tt.want {
			t.Errorf("clientOf(%s) = %s, want %s", tt.addr, got, tt.want)
		}
	}
	if got := clientOf(netip.AddrPort{}); got.IsValid() {
		t.Errorf("clientOf of no address = %s", got)
	}
}

// TestDetachedUnattachedLife: §6.3 gives a client a minute to come.
func TestDetachedUnattachedLife(t *testing.T) {
	w, l, _ := crowdedWorker(8)
	echo, _ := echoRoute()
	target := down(t, requestFrom(w, echo, "192.0.2.1", createHead))
	l.advance(detachTimeout - time.Second)
	if got := requestFrom(w, echo, "192.0.2.1", downOf(target, "1")).text(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("after 59 s: %q", got)
	}
}
