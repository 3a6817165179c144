package session

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
)

const notFoundAnswer = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 61\r\n\r\n" +
	"<html><head></head><body><h1>404 Not Found</h1></body></html>"

func TestRefusals(t *testing.T) {
	head := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(upgradeHead)
	}
	tests := []struct {
		name, in, want string // want is the beginning of the answer
	}{
		{"unknown authority", head("localhost:8001", "bogus:8001"), notFoundAnswer},
		{"unknown path", head("/echo", "/other"), notFoundAnswer},
		{"path behind the accept", head("/echo", "/echo/x"), "HTTP/1.1 404 WebSocket Upgrade Failure\r\n"},
		{"plain GET", "GET /echo HTTP/1.1\r\nHost: localhost:8001\r\n\r\n", notFoundAnswer},
		{"foreign origin", head("Upgrade: websocket", "Upgrade: websocket\r\nOrigin: http://evil"), "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 61\r\n"},
		{"POST", head("GET", "POST"), "HTTP/1.1 405 Method Not Allowed\r\n"},
		{"version 12", head("Version: 13", "Version: 12"), "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\n"},
		{"bad key", head("dGhlIHNhbXBsZSBub25jZQ==", "short"), "HTTP/1.1 400 Bad Request\r\n"},
		{"no Host", "GET /echo HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{"unknown method", "DIVIDE / HTTP/1.1\r\n", "HTTP/1.1 501 Not Implemented\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, e := echoRoute()
			c := connect(w, route)
			c.data([]byte(tt.in))
			if got := c.text(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q\nwant %q...", got, tt.want)
			}
			if !c.closed || e.opened != 0 {
				t.Errorf("closed %v, service opened %d times", c.closed, e.opened)
			}
		})
	}
}

// TestHeadInPieces sends the head cut at every position, with a message
// behind it in the same read.
func TestHeadInPieces(t *testing.T) {
	all := upgradeHead + string(masked(wsproto.OpText, true, []byte("early")))
	want := upgradeAnswer + string(plain(wsproto.OpText, true, []byte("early")))
	for cut := 1; cut < len(upgradeHead); cut++ {
		w, _ := newTestWorker()
		route, e := echoRoute()
		c := connect(w, route)
		c.data([]byte(all[:cut]))
		if c.timeout != w.shape.HeadTimeout {
			t.Fatalf("cut at %d: timeout %v, want the head's", cut, c.timeout)
		}
		c.data([]byte(all[cut:]))
		if got := c.text(); got != want {
			t.Fatalf("cut at %d: got %q, want %q", cut, got, want)
		}
		if e.path != "/echo" {
			t.Fatalf("service saw path %q", e.path)
		}
	}
}

func TestSlowHeadIsCut(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	c := connect(w, route)
	if c.timeout != w.shape.IdleTimeout {
		t.Fatalf("timeout %v before the first byte, want %v", c.timeout, w.shape.IdleTimeout)
	}
	c.data([]byte("GET"))
	c.timeout = 0
	c.data([]byte(" /echo"))
	if c.timeout != 0 {
		t.Fatal("another byte gives the head more time")
	}
	c.handler.Timeout()
	if !c.aborted {
		t.Fatal("head not cut at its deadline")
	}
}

// A fixedBalancer always decides the same.
type fixedBalancer struct {
	answer Answer
	asked  []ClientKind
}

func (b *fixedBalancer) Balance(q *Query, a *Answer) {
	b.asked = append(b.asked, q.Client)
	*a = b.answer
}

func balancerRoute(a Answer) (*Route, *fixedBalancer) {
	b := &fixedBalancer{answer: a}
	return &Route{Accept: "ws://localhost:8001/echo", Path: "/echo", Balancer: b, Origins: &origin.Policy{Accept: "http://localhost:8001"}}, b
}

// TestRedirects holds the bytes of spec/protocol.md §4.5 (a) to (c).
func TestRedirects(t *testing.T) {
	member := Answer{Action: ActionRedirect, Location: []byte("http://node1.example.com:8081/echo")}
	directive := Answer{Action: ActionRedirect, Location: []byte("ws://localhost:8001/echo1?.kl=Y")}
	cookie := member
	cookie.SetCookie = []byte("gwha-x=1; Path=/echo; HttpOnly")
	kl := strings.Replace(upgradeHead, "/echo", "/echo?.kl=Y", 1)
	tests := []struct {
		name   string
		in     string
		answer Answer
		kind   ClientKind
		want   string
	}{
		{"a plain client", upgradeHead, member, ClientPlain,
			"HTTP/1.1 302 Found\r\nDate: " + testDate + "\r\nlocation: http://node1.example.com:8081/echo\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"},
		{"a plain client with affinity", upgradeHead, cookie, ClientPlain,
			"HTTP/1.1 302 Found\r\nDate: " + testDate + "\r\nlocation: http://node1.example.com:8081/echo\r\nServer: Kaazing Gateway\r\nSet-Cookie: gwha-x=1; Path=/echo; HttpOnly\r\nContent-Length: 0\r\n\r\n"},
		{"b directive", kl, directive, ClientDirective,
			upgradeAnswer + "\x82\x23\xEF\x83\xBFRws://localhost:8001/echo1?.kl=Y\x88\x02\x03\xE8"},
		{"c directive, no member", kl, Answer{}, ClientDirective,
			upgradeAnswer + "\x82\x04\xEF\x83\xBFR\x88\x02\x03\xE8"},
		{"no member", upgradeHead, Answer{NoneStatus: 503}, ClientPlain,
			"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nDate: " + testDate + "\r\nRetry-After: 1\r\nServer: Kaazing Gateway\r\nContent-Length: 71\r\n\r\n" +
				"<html><head></head><body><h1>503 Service Unavailable</h1></body></html>"},
		{"no member, compatible", upgradeHead, Answer{NoneStatus: 404}, ClientPlain,
			"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nContent-Length: 61\r\n\r\n" +
				"<html><head></head><body><h1>404 Not Found</h1></body></html>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, b := balancerRoute(tt.answer)
			c := connect(w, route)
			c.data([]byte(tt.in))
			if got := c.text(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if !c.closed || len(b.asked) != 1 || b.asked[0] != tt.kind {
				t.Errorf("closed %v, balancer asked %v, want %v", c.closed, b.asked, tt.kind)
			}
		})
	}
}

func TestServeHere(t *testing.T) {
	w, _ := newTestWorker()
	local, e := echoRoute()
	route, _ := balancerRoute(Answer{Action: ActionServe, Local: local, SetCookie: []byte("gwha-x=1")})
	c := connect(w, route)
	c.data([]byte(upgradeHead))
	want := strings.Replace(upgradeAnswer, "Upgrade: websocket\r\n\r\n", "Upgrade: websocket\r\nSet-Cookie: gwha-x=1\r\n\r\n", 1)
	if got := c.text(); got != want || e.opened != 1 {
		t.Fatalf("got %q, want %q; opened %d times", got, want, e.opened)
	}
}

func TestRelay(t *testing.T) {
	w, l := newTestWorker()
	addr := netip.MustParseAddrPort("127.0.0.5:8001")
	var dialled netip.AddrPort
	l.onDial = func(a netip.AddrPort, _ *tape) { dialled = a }
	route, _ := balancerRoute(Answer{Action: ActionRelay, Dial: addr, Authority: "127.0.0.5:8001", Path: "/echo", SetCookie: []byte("gwha-x=1")})
	c := connect(w, route)
	c.data([]byte(strings.Replace(upgradeHead, "/echo HTTP", "/echo?a=1 HTTP", 1) + "early"))
	if dialled != addr {
		t.Fatalf("dialled %v, want %v", dialled, addr)
	}
	member := l.dials[0]
	want := strings.NewReplacer("/echo HTTP", "/echo?a=1 HTTP", "localhost:8001", "127.0.0.5:8001").Replace(upgradeHead)
	if got := member.text(); got != want {
		t.Fatalf("member was sent %q, want %q", got, want)
	}
	member.take()
	frame := string(plain(wsproto.OpText, true, []byte("hi")))
	for i, part := range []string{upgradeAnswer[:40], upgradeAnswer[40:], frame} {
		if got := member.text(); got != "" && i < 2 {
			t.Fatalf("member was sent %q before it agreed", got)
		}
		member.data([]byte(part))
	}
	if got := string(member.take()); got != "early" {
		t.Fatalf("member was sent %q, want what the client was early with", got)
	}
	want = strings.TrimSuffix(upgradeAnswer, "\r\n") + "Set-Cookie: gwha-x=1\r\n\r\n" + frame
	if got := c.text(); got != want {
		t.Fatalf("client got %q, want %q", got, want)
	}
	c.data([]byte("up"))
	if got := member.text(); got != "up" {
		t.Fatalf("member got %q, want %q", got, "up")
	}
	member.over = true
	c.data([]byte("more"))
	if !c.paused {
		t.Fatal("client is read from though the member does not read")
	}
	member.over = false
	member.handler.Drained()
	if c.paused {
		t.Fatal("client is not read from again")
	}
	member.handler.Closed(nil)
	if !c.closed {
		t.Fatal("client kept after its member is gone")
	}
}

// What a member refuses is answered, and no more asked of it.
func TestRelayRefused(t *testing.T) {
	w, l := newTestWorker()
	route, _ := balancerRoute(Answer{Action: ActionRelay, Dial: netip.MustParseAddrPort("127.0.0.5:8001"), Authority: "127.0.0.5:8001", Path: "/echo"})
	c := connect(w, route)
	c.data([]byte(upgradeHead + "GET /early HTTP/1.1\r\n\r\n"))
	member := l.dials[0]
	member.take()
	const refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n"
	member.data([]byte(refusal + "n"))
	member.data([]byte("o"))
	c.data([]byte("GET /late HTTP/1.1\r\n\r\n"))
	if got := c.text(); got != refusal+"no" {
		t.Errorf("client got %q", got)
	}
	if got := member.text(); got != "" || member.timeout <= 0 {
		t.Errorf("member was sent %q, and is waited for %v", got, member.timeout)
	}
}

func TestRelayToDeadMember(t *testing.T) {
	w, l := newTestWorker()
	route, _ := balancerRoute(Answer{Action: ActionRelay, Authority: "127.0.0.5:8001", Path: "/echo"})
	c := connect(w, route)
	c.data([]byte(upgradeHead))
	l.dials[0].handler.Closed(errors.New("connection refused"))
	if got := c.text(); !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "Retry-After: 1") || !c.closed {
		t.Fatalf("got %q, closed %v; want 503 with Retry-After", got, c.closed)
	}
}

// TestRedirectAllocations: a redirect costs no allocation.
func TestRedirectAllocations(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := balancerRoute(Answer{Action: ActionRedirect, Location: []byte("http://node1.example.com:8081/echo")})
	b := silentBalancer{route.Balancer.(*fixedBalancer).answer}
	route.Balancer = &b
	p := &Port{}
	p.Routes.Store(&Routes{Router: oneRoute{route}})
	head := []byte(upgradeHead)
	c := &tape{}
	c.out.Grow(1 << 20)
	n := testing.AllocsPerRun(200, func() {
		h := w.Open(c, p)
		h.Data(head)
		h.Closed(nil)
		c.out.Reset()
	})
	if n != 0 {
		t.Errorf("%v allocations per redirect, want 0", n)
	}
}

type silentBalancer struct{ answer Answer }

func (b *silentBalancer) Balance(_ *Query, a *Answer) { *a = b.answer }

// TestServeHereKeepsTheServicesRules: who is served on a balancer's behalf is
// judged as at the service's own accept.
func TestServeHereKeepsTheServicesRules(t *testing.T) {
	foreign := strings.Replace(upgradeHead, "Host:", "Origin: http://evil.example\r\nHost:", 1)
	for name, tt := range map[string]struct {
		head    string
		unbound bool
		want    string
	}{
		"foreign page":    {foreign, false, "HTTP/1.1 403 "},
		"service unbound": {upgradeHead, true, "HTTP/1.1 503 "},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newTestWorker()
			local, e := echoRoute()
			local.Origins = &origin.Policy{Accept: "http://member:8001"}
			local.Unbound.Store(tt.unbound)
			route, _ := balancerRoute(Answer{Action: ActionServe, Local: local})
			route.Origins = &origin.Policy{Accept: "http://localhost:8001", Constraints: []origin.Constraint{{Origin: "*"}}}
			c := connect(w, route)
			c.data([]byte(tt.head))
			if got := c.text(); e.opened != 0 || !strings.HasPrefix(got, tt.want) {
				t.Fatalf("opened %d, answer %q, want %s", e.opened, got, tt.want)
			}
		})
	}
}

// TestRelayIsDrained: a tunnel counts as a session and ends with a drain.
func TestRelayIsDrained(t *testing.T) {
	w, l := newTestWorker()
	route, _ := balancerRoute(Answer{Action: ActionRelay, Authority: "127.0.0.5:8001", Path: "/echo"})
	c := connect(w, route)
	c.data([]byte(upgradeHead))
	if w.Sessions() != 1 || route.Sessions.Load() != 1 {
		t.Fatalf("%d sessions, route counts %d, want 1", w.Sessions(), route.Sessions.Load())
	}
	w.CloseSessions(nil, 10, wsproto.CodeGoingAway, "")
	if !c.closed || !l.dials[0].closed {
		t.Fatalf("client closed %v, member closed %v", c.closed, l.dials[0].closed)
	}
	l.dials[0].handler.Closed(nil)
	c.handler.Closed(nil)
	if w.Sessions() != 0 || route.Sessions.Load() != 0 {
		t.Fatalf("%d sessions left, route counts %d", w.Sessions(), route.Sessions.Load())
	}
}

// A panicService shows what is left behind a service that fails at once.
type panicService struct{}

func (panicService) Open(Channel, *Open) Receiver { panic("no") }

func TestPanicInOpenLeavesNothing(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	route.Service = panicService{}
	c := connect(w, route)
	func() {
		defer func() { _ = recover() }()
		c.data([]byte(upgradeHead))
	}()
	c.handler.Closed(nil)
	if w.Sessions() != 0 || route.Sessions.Load() != 0 {
		t.Fatalf("%d sessions left, route counts %d", w.Sessions(), route.Sessions.Load())
	}
}
