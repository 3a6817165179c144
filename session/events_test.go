package session

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
)

func eventsRoute() (*Route, *echoService) {
	e := &echoService{}
	return &Route{Accept: "sse://localhost:8001/sse", Path: "/sse", Service: e, Events: true,
		Origins: &origin.Policy{Accept: "http://localhost:8001"}}, e
}

const eventsHead = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/event-stream\r\nDate: " + testDate +
	"\r\nServer: Kaazing Gateway\r\nX-Content-Type-Options: nosniff\r\n\r\n"

// follow opens an event stream and returns its tape, its session and the path
// under which it is resumed.
func follow(t *testing.T, w *Worker, route *Route, target string) (*tape, *eventStream, string) {
	t.Helper()
	c := request(w, route, "GET "+target+" HTTP/1.1\r\n"+host+"\r\n")
	head, first, ok := strings.Cut(c.text(), "location:http://localhost:8001")
	if !ok || head != eventsHead {
		t.Fatalf("stream began %q", c.text())
	}
	path, _, _ := strings.Cut(first, "\n\n")
	c.take()
	for _, s := range w.streams {
		if strings.HasSuffix(path, string(s.id[:])) {
			return c, s, path
		}
	}
	t.Fatalf("no session for %q", path)
	return nil, nil, ""
}

func text(s string) *wsproto.Frame {
	return &wsproto.Frame{Op: wsproto.OpText, Fin: true, Len: int64(len(s)), Data: []byte(s)}
}

// TestEvents holds the stream of spec/protocol.md §7.
func TestEvents(t *testing.T) {
	w, l := newTestWorker()
	route, e := eventsRoute()
	c, s, path := follow(t, w, route, "/sse?topic=a")
	if !strings.HasPrefix(path, "/sse;s/") || len(path) != len("/sse;s/")+32 || e.query != "topic=a" || route.Sessions.Load() != 1 {
		t.Fatalf("path %q, query %q", path, e.query)
	}
	for in, want := range map[string]string{
		"Kobe is greater than Griffen": "data:Kobe is greater than Griffen\n\n",
		"x\n":                          "data:x\ndata:\n\n",
		"a\r\nb":                       "data:a\ndata:b\n\n",
		"":                             "",
	} {
		s.SendFrame(text(in))
		if got := string(c.take()); got != want {
			t.Errorf("message %q is %q, want %q", in, got, want)
		}
	}
	l.advance(30 * time.Second)
	c.handler.Timeout()
	if got := string(c.take()); got != ":\n\n" {
		t.Errorf("keep-alive %q", got)
	}
	s.Close(wsproto.CodeNormal, "")
	l.settle()
	if got := c.text(); got != "retry:60000\n\n" || !c.closed || len(e.closed) != 1 || w.Sessions() != 0 {
		t.Errorf("close %q, closed %v; service saw %v", got, c.closed, e.closed)
	}
}

// TestEventsResume: what was said meanwhile follows, to the latest response.
func TestEventsResume(t *testing.T) {
	w, l := newTestWorker()
	route, e := eventsRoute()
	c, s, path := follow(t, w, route, "/sse")
	c.handler.EOF()
	s.SendFrame(text("missed"))
	next := request(w, route, "GET "+path+" HTTP/1.1\r\n"+host+"\r\n")
	if got := next.text(); got != eventsHead+"data:missed\n\n" {
		t.Fatalf("resumed with %q", got)
	}
	last := request(w, route, "GET "+path+"&.kb=1 HTTP/1.1\r\n"+host+"\r\n")
	if !next.closed {
		t.Fatal("second request leaves the first response open")
	}
	last.take()
	s.SendFrame(text(strings.Repeat("x", 1100)))
	if got := last.text(); !strings.HasSuffix(got, "x\n\nreconnect\n\n") || !last.closed {
		t.Fatalf("full response ends %q", got[len(got)-30:])
	}
	l.advance(61 * time.Second)
	if len(e.closed) != 1 || w.Sessions() != 0 {
		t.Fatalf("service saw %v, %d sessions", e.closed, w.Sessions())
	}
	if got := request(w, route, "GET "+path+" HTTP/1.1\r\n"+host+"\r\n").text(); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
		t.Fatalf("resumed too late: %q", got)
	}
}

// TestEventsGhost: a client that does not come back costs little.
func TestEventsGhost(t *testing.T) {
	w, l := newTestWorker()
	route, e := eventsRoute()
	c, s, _ := follow(t, w, route, "/sse")
	c.handler.Closed(nil)
	for range 10 {
		s.SendFrame(text(strings.Repeat("x", 8<<10)))
	}
	l.settle()
	if len(e.closed) != 1 || w.Sessions() != 0 {
		t.Fatalf("service saw %v, %d sessions", e.closed, w.Sessions())
	}
}

func TestEventsRequests(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := eventsRoute()
	for _, tt := range []struct{ name, head, want string }{
		{"path quirk", "GET /sse&.kc=text/plain HTTP/1.1\r\n" + host + "\r\n", strings.Replace(eventsHead, "text/event-stream", "text/plain;charset=UTF-8", 1) + "location:"},
		{"poll", "GET /sse?.ki=p HTTP/1.1\r\n" + host + "\r\n", eventsHead + "location:"},
		{"method", "PUT /sse HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
		{"below", "GET /sse/x HTTP/1.1\r\n" + host + "\r\n", gone404},
		{"bad id", "GET /sse;s/short HTTP/1.1\r\n" + host + "\r\n", gone404},
		{"wrapped", "POST /sse HTTP/1.1\r\n" + host + "X-Origin: http://localhost:8001\r\nContent-Length: 3\r\n\r\n>|<",
			eventsHead + "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nlocation:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := request(w, route, tt.head).text(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q...", got, tt.want)
			}
		})
	}
}

func TestEventsPoll(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := eventsRoute()
	c := request(w, route, "GET /sse?.ki=p HTTP/1.1\r\n"+host+"\r\n")
	if got := c.text(); !strings.HasSuffix(got, "\n\n:\n\n") {
		t.Fatalf("began %q", got)
	}
	c.take()
	for _, s := range w.streams {
		s.SendFrame(text("a"))
		s.SendFrame(text("b"))
	}
	if got := c.text(); got != "data:a\n\nreconnect\n\n" || !c.closed {
		t.Fatalf("got %q, closed %v", got, c.closed)
	}
}

func TestEventsSibling(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := eventsRoute()
	route.Sibling = "https://localhost:8443/sse"
	c := request(w, route, "GET /sse?.ki=p HTTP/1.1\r\n"+host+"\r\n")
	_, last, _ := strings.Cut(c.text(), "location:https://localhost:8443/sse;s/")
	if len(last) != 32+len("\nreconnect\n\n") || !c.closed {
		t.Fatalf("got %q, closed %v", c.text(), c.closed)
	}
}

// TestSharedAllocations: a burst costs no allocation per receiver.
func TestSharedAllocations(t *testing.T) {
	w, l := newTestWorker()
	route, _ := eventsRoute()
	c, s, _ := follow(t, w, route, "/sse")
	c.out.Grow(1 << 20)
	echo, _ := echoRoute()
	k := created(t, w, l, echo, "ctem", "")
	down := k.stream("", "")
	down.out.Grow(1 << 20)
	var e *emulated
	for _, e = range w.emulated {
	}
	m := new(Shared)
	m.Add(wsproto.OpText, []byte("a\n"))
	m.Add(wsproto.OpBinary, []byte("b"))
	s.SendShared(m)
	e.SendShared(m)
	if got, want := c.text(), "data:a\ndata:\n\ndata:b\n\n"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
	if got, want := down.text(), nop+"\x81\x02a\x7fn\x80\x01b"; !strings.HasSuffix(got, want) {
		t.Errorf("frames %q, want %q", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { s.SendShared(m); e.SendShared(m) }); n != 0 {
		t.Errorf("%v allocations per delivery, want 0", n)
	}
}

func TestLoopOf(t *testing.T) {
	w, _ := newTestWorker()
	w.Loops, w.Index = 5, 3
	seen := map[string]bool{}
	for range 50 {
		id := w.newID()
		if w.loopOf(&id) != 3 || seen[string(id[:])] {
			t.Fatalf("id %v belongs to loop %d", id, w.loopOf(&id))
		}
		seen[string(id[:])] = true
	}
}

// TestMoveTo: a request for a session of another loop leaves with what is
// behind it.
func TestMoveTo(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	w.Loops = 2
	other, _ := newTestWorker()
	other.Loops, other.Index = 2, 1
	id := other.newID()
	var loop int
	var prefix string
	w.MoveTo = func(_ Transport, _ *Port, to int, p []byte) { loop, prefix = to, string(p) }
	for _, target := range []string{"/echo/;e/ub/", "/echo/;e/db/"} {
		in := fmt.Sprintf("POST %s%s HTTP/1.1\r\n%sContent-Length: 4\r\n\r\n%s", target, id[:], host, reconnect)
		for _, cut := range []int{1, 20, len(in) - 2} {
			prefix = ""
			c := connect(w, route)
			c.data([]byte(in[:cut]))
			if prefix == "" {
				c.data([]byte(in[cut:]))
			} else {
				in = in[:cut]
			}
			if loop != 1 || prefix != in || c.text() != "" {
				t.Fatalf("moved to %d with %q, want %q; answered %q", loop, prefix, in, c.text())
			}
		}
	}
}

// TestIdleSize: a client that is only there costs at most 1 KB beside its
// transport.
func TestIdleSize(t *testing.T) {
	const n = 2000
	for _, tt := range []struct {
		name string
		open func(w *Worker, c *tape)
	}{
		{"events", func(w *Worker, c *tape) {
			c.data([]byte("GET /sse HTTP/1.1\r\n" + host + "\r\n"))
		}},
		{"streaming", func(w *Worker, c *tape) {
			id := idleCreate(w, c)
			c.data([]byte("GET /echo/;e/db/" + id + " HTTP/1.1\r\n" + host + "X-Sequence-No: 1\r\n\r\n"))
		}},
		{"long-poll", func(w *Worker, c *tape) {
			id := idleCreate(w, c)
			c.data([]byte("GET /echo/;e/db/" + id + "?.ki=p HTTP/1.1\r\n" + host + "X-Sequence-No: 1\r\n\r\n"))
		}},
	} {
		w, l := newTestWorker()
		echo, _ := echoRoute()
		events, _ := eventsRoute()
		p := &Port{}
		p.Routes.Store(&Routes{Router: twoRoutes{echo, events}})
		tapes := make([]tape, n)
		before := heap()
		for i := range tapes {
			c := &tapes[i]
			c.handler = w.Open(c, p)
			tt.open(w, c)
			c.out = bytes.Buffer{}
		}
		l.timers = nil
		each := (heap() - before) / n
		if w.Sessions() != n || each > 1024 {
			t.Errorf("%s: %d sessions, %d bytes each, limit 1024", tt.name, w.Sessions(), each)
		}
		t.Logf("%s: %d bytes each", tt.name, each)
		runtime.KeepAlive(tapes)
		runtime.KeepAlive(w)
	}
}

func idleCreate(w *Worker, c *tape) (id string) {
	c.data([]byte("GET /echo/;e/cb HTTP/1.1\r\n" + host + "X-Sequence-No: 0\r\n\r\n"))
	_, rest, _ := strings.Cut(c.text(), "/;e/ub/")
	return rest[:32]
}

// heap is the live heap in bytes.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// twoRoutes routes by path.
type twoRoutes struct{ echo, events *Route }

func (r twoRoutes) Route(authority, path []byte, kind Kind) (*Route, []byte) {
	if kind == KindHTTP {
		return oneRoute{r.events}.Route(authority, path, kind)
	}
	return oneRoute{r.echo}.Route(authority, path, kind)
}

// TestEventsRefuseUpgrade: an event stream is read only.
func TestEventsRefuseUpgrade(t *testing.T) {
	w, _ := newTestWorker()
	route, e := eventsRoute()
	c := connect(w, route)
	c.data([]byte(strings.Replace(upgradeHead, "/echo", "/sse", 1)))
	if got := c.text(); e.opened != 0 || got != notFoundAnswer {
		t.Fatalf("opened %d, answer %q", e.opened, got)
	}
}

// TestOpenSeesTheRequest: what a service is told does not change under it when
// the head came in two reads.
func TestOpenSeesTheRequest(t *testing.T) {
	w, _ := newTestWorker()
	route, e := eventsRoute()
	c := connect(w, route)
	head := "GET /sse?topic=a HTTP/1.1\r\n" + host + "\r\n"
	c.data([]byte(head[:10]))
	c.data([]byte(head[10:]))
	if e.path != "/sse" || e.query != "topic=a" {
		t.Fatalf("service saw %q %q", e.path, e.query)
	}
}
