package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// The conversations of spec/protocol.md §3 and §4.5, in the client's masked
// bytes and ours.

const (
	wsxHead = "GET /echo?.kl=Y HTTP/1.1\r\nHost: localhost:8001\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: x-kaazing-handshake\r\n\r\n"
	wsxAnswer = "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nDate: " + testDate +
		"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: x-kaazing-handshake\r\nServer: Kaazing Gateway\r\nUpgrade: websocket\r\n\r\n"
	directiveN = "\x82\x04\xEF\x83\xBFN"
	endMarker  = "\x82\x00"
	close1000  = "\x88\x02\x03\xE8"
)

const innerPingPong = "GET /echo HTTP/1.1\r\nWebSocket-Protocol: \r\nSec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions: x-kaazing-idle-timeout,x-kaazing-ping-pong\r\n\r\n"

// inner101 is the inner answer as a frame, with the extension lines given.
func inner101(t *testing.T, size int, extensions ...string) string {
	t.Helper()
	lines := ""
	for _, e := range extensions {
		lines += "Sec-WebSocket-Extensions: " + e + "\r\n"
	}
	head := strings.Replace(upgradeAnswer, "Server:", lines+"Server:", 1)
	if len(head) != size {
		t.Fatalf("inner 101 of %d bytes, the spec says %d", len(head), size)
	}
	return string(plain(wsproto.OpBinary, true, []byte(head)))
}

func TestExtendedHandshake(t *testing.T) {
	w, l := newTestWorker()
	route, e := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := connect(w, route)
	step := func(name, in, want string) {
		t.Helper()
		if in != "" {
			c.data([]byte(in))
		}
		if got := string(c.take()); got != want {
			t.Fatalf("%s:\ngot  %q\nwant %q", name, got, want)
		}
	}
	step("outer", wsxHead, wsxAnswer+directiveN)
	request := string(masked(wsproto.OpText, true, []byte(innerPingPong)))
	if !strings.HasPrefix(request, "\x81\xFE\x00\x8C") {
		t.Fatalf("inner request begins % x, the spec says 140 bytes", request[:4])
	}
	step("inner", request, inner101(t, 322, "x-kaazing-idle-timeout; timeout=2000", "x-kaazing-ping-pong; 01010102")+endMarker+directiveN)
	if e.opened != 1 || e.path != "/echo" || e.query != ".kl=Y" {
		t.Fatalf("service opened %d times with %q %q", e.opened, e.path, e.query)
	}
	step("echo", string(masked(wsproto.OpText, true, []byte("Hello"))), string(plain(wsproto.OpText, true, []byte("Hello"))))
	step("escaped", string(masked(wsproto.OpText, true, []byte("\x01\x01\x01\x02")))+string(masked(wsproto.OpText, true, []byte("\x01\x01\x01\x02literal"))),
		"\x81\x04\x01\x01\x01\x02"+string(plain(wsproto.OpText, true, []byte("\x01\x01\x01\x02literal"))))
	step("emulated ping of the client", string(masked(wsproto.OpText, true, []byte("\x01\x01\x01\x02\x09\x00"))), "\x81\x06\x01\x01\x01\x02\x0A\x00")
	step("native ping", string(masked(wsproto.OpPing, true, nil)), "\x8A\x00")

	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	step("after half of the timeout", "", "\x81\x06\x01\x01\x01\x02\x09\x00")
	step("emulated pong", "\x81\x86\x37\xFA\x21\x3D\x36\xFB\x20\x3F\x3D\xFA", "")
	step("invalid control", string(masked(wsproto.OpText, true, []byte("\x01\x01\x01\x02?"))), "\x88\x02\x03\xEA")
}

func TestExtendedHandshakeEverySplit(t *testing.T) {
	inner := string(masked(wsproto.OpText, false, []byte(innerPingPong[:50]))) + string(masked(wsproto.OpContinuation, true, []byte(innerPingPong[50:])))
	in := wsxHead + inner + string(masked(wsproto.OpBinary, true, []byte("app")))
	want := wsxAnswer + directiveN + inner101(t, 258, "x-kaazing-ping-pong; 01010102") + endMarker + directiveN + string(plain(wsproto.OpBinary, true, []byte("app")))
	for cut := 1; cut < len(in); cut++ {
		w, _ := newTestWorker()
		route, _ := echoRoute()
		c := connect(w, route)
		c.data([]byte(in[:cut]))
		c.data([]byte(in[cut:]))
		if got := c.text(); got != want {
			t.Fatalf("cut at %d: got %q, want %q", cut, got, want)
		}
	}
}

// A tokenGuard admits one Authorization value.
type tokenGuard struct{ want string }

func (g tokenGuard) Check(a []byte) (string, int, string) {
	if string(a) == g.want {
		return "joe", 0, ""
	}
	return "", 401, "Application Token"
}
func (tokenGuard) Native() bool { return false }

func TestChallengeInside(t *testing.T) {
	w, _ := newTestWorker()
	route, e := echoRoute()
	route.Guard = tokenGuard{"Token 1:joe:welcome"}
	c := connect(w, route)
	c.data([]byte(wsxHead))
	c.take()
	c.data(masked(wsproto.OpBinary, true, []byte("GET /echo HTTP/1.1\r\n\r\n")))
	want := "\x82\x7E\x00\xAFHTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: Application Token\r\nContent-Length: 64\r\n\r\n" +
		"<html><head></head><body><h1>401 Unauthorized</h1></body></html>" + endMarker
	if got := string(c.take()); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	c.data(masked(wsproto.OpBinary, true, []byte("GET /echo HTTP/1.1\r\nAuthorization: Token 1:joe:welcome\r\n\r\n")))
	if got, want := string(c.take()), inner101(t, 201)+endMarker+directiveN; got != want || e.opened != 1 {
		t.Fatalf("got %q, want %q; opened %d", got, want, e.opened)
	}
}

func TestNativeClientAtApplicationRealm(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	route.Guard = tokenGuard{"Token wanted"}
	c := connect(w, route)
	c.data([]byte(upgradeHead))
	if got := c.text(); !strings.HasPrefix(got, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 61\r\n") {
		t.Fatalf("got %q, want 403", got)
	}
}

func TestInnerRefusals(t *testing.T) {
	tests := []struct{ name, in, status string }{
		{"other path", "GET /other HTTP/1.1\r\n\r\n", "400 Bad Request"},
		{"forbidden header", "GET /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Bad Request"},
		{"not a GET", "POST /echo HTTP/1.1\r\n\r\n", "400 Bad Request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, e := echoRoute()
			c := connect(w, route)
			c.data([]byte(wsxHead))
			c.take()
			c.data(masked(wsproto.OpText, true, []byte(tt.in)))
			got := string(c.take())
			if !strings.Contains(got, "HTTP/1.1 "+tt.status) || !strings.HasSuffix(got, endMarker+close1000) || !c.closed || e.opened != 0 {
				t.Fatalf("got %q (closed %v), want %s, the marker and Close 1000", got, c.closed, tt.status)
			}
		})
	}
}

// TestExtendedAtBalancer holds §4.5 (d) and (e).
func TestExtendedAtBalancer(t *testing.T) {
	w, _ := newTestWorker()
	t.Run("d with directives", func(t *testing.T) {
		route, b := balancerRoute(Answer{Action: ActionRedirect, Location: []byte("ws://node.kaazing.com:8001/echo?.kl=Y")})
		c := connect(w, route)
		c.data([]byte(wsxHead))
		if got := string(c.take()); got != wsxAnswer+directiveN || b.asked[0] != ClientDirective {
			t.Fatalf("outer: got %q, kind %v", got, b.asked)
		}
		c.data(masked(wsproto.OpText, true, []byte(innerPingPong)))
		want := inner101(t, 258, "x-kaazing-ping-pong; 01010102") + endMarker + "\x82\x29\xEF\x83\xBFRws://node.kaazing.com:8001/echo?.kl=Y" + close1000
		if got := string(c.take()); got != want || !c.closed {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
	plainHead := strings.Replace(wsxHead, "?.kl=Y", "", 1)
	t.Run("e without", func(t *testing.T) {
		route, b := balancerRoute(Answer{Action: ActionRedirect, Location: []byte("http://node.kaazing.com:8001/echo")})
		c := connect(w, route)
		c.data([]byte(plainHead))
		if got := string(c.take()); got != wsxAnswer+directiveN || b.asked[0] != ClientInner {
			t.Fatalf("outer: got %q, kind %v", got, b.asked)
		}
		c.data(masked(wsproto.OpText, true, []byte("GET /echo HTTP/1.1\r\nSec-WebSocket-Extensions: x-kaazing-ping-pong\r\n\r\n")))
		want := "\x82\x7E\x00\xCDHTTP/1.1 302 Found\r\nDate: " + testDate + "\r\nlocation: http://node.kaazing.com:8001/echo\r\n" +
			"Sec-WebSocket-Extensions: x-kaazing-ping-pong; 01010102\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n" + close1000
		if got := string(c.take()); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
	t.Run("none without directives", func(t *testing.T) {
		route, _ := balancerRoute(Answer{NoneStatus: 503})
		c := connect(w, route)
		c.data([]byte(plainHead))
		if got, want := string(c.take()), wsxAnswer+"\x82\x04\xEF\x83\xBFR"+close1000; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
	t.Run("none with directives", func(t *testing.T) {
		route, _ := balancerRoute(Answer{NoneStatus: 503})
		c := connect(w, route)
		c.data([]byte(wsxHead))
		c.data(masked(wsproto.OpText, true, []byte(innerPingPong)))
		if got, want := string(c.take()), "\x82\x04\xEF\x83\xBFR"+close1000; !strings.HasSuffix(got, want) {
			t.Fatalf("got %q, want it to end in %q", got, want)
		}
	})
}

// TestSilenceInside: the inactivity timeout runs from the outer 101 on, also
// with half an inner request.
func TestSilenceInside(t *testing.T) {
	w, l := newTestWorker()
	route, _ := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := connect(w, route)
	c.data([]byte(wsxHead))
	c.data(masked(wsproto.OpText, true, []byte("GET /ec")))
	c.take()
	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	if got := c.take(); !bytes.Equal(got, []byte{0x89, 0}) {
		t.Fatalf("got % x, want a Ping", got)
	}
	l.now = l.now.Add(time.Second)
	c.handler.Timeout()
	if !c.closed || c.out.Len() > 0 {
		t.Fatalf("closed %v, wrote %d bytes", c.closed, c.out.Len())
	}
}

func TestDirectiveNForPlainClient(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	c := connect(w, route)
	c.data([]byte(strings.Replace(upgradeHead, "/echo", "/echo?.kl=Y", 1)))
	if got, want := c.text(), upgradeAnswer+directiveN; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// FuzzExtended feeds an extended handshake whatever comes.
func FuzzExtended(f *testing.F) {
	f.Add([]byte(innerPingPong), uint8(1))
	f.Add([]byte("GET /echo HTTP/1.1\r\n\r\n\x01\x01\x01\x02"), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		w, _ := newTestWorker()
		route, _ := echoRoute()
		c := connect(w, route)
		c.data([]byte(wsxHead))
		for step := int(piece) + 1; len(in) > 0; {
			n := min(step, len(in))
			c.data(masked(wsproto.OpText, true, in[:n]))
			in = in[n:]
		}
		c.handler.Closed(nil)
		if w.Sessions() != 0 {
			t.Fatal(fmt.Sprint(w.Sessions(), " sessions left"))
		}
	})
}

// TestExtendedPatience: a client has its whole inactivity timeout for the inner
// request, not the time since the clock began.
func TestExtendedPatience(t *testing.T) {
	w, l := newTestWorker()
	l.now = l.now.Add(time.Hour)
	route, _ := echoRoute()
	route.Options.Inactivity = time.Minute
	c := connect(w, route)
	c.data([]byte(wsxHead))
	if c.timeout != 30*time.Second {
		t.Fatalf("first timer after %v, want 30s", c.timeout)
	}
}

func TestExtendedWhileDraining(t *testing.T) {
	w, _ := newTestWorker()
	route, e := echoRoute()
	c := connect(w, route)
	c.data([]byte(wsxHead))
	route.Draining.Store(true)
	c.data(masked(wsproto.OpText, true, []byte(innerPingPong)))
	if got := c.text(); e.opened != 0 || !strings.Contains(got, "HTTP/1.1 503 ") || !c.closed {
		t.Fatalf("opened %d, answer %q", e.opened, got)
	}
	c = connect(w, route)
	c.data([]byte(wsxHead))
	if got := c.text(); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Fatalf("outer request while draining: %q", got)
	}
}

// TestDataBeforeTheInnerAnswer is no request, so it gets no HTTP answer.
func TestDataBeforeTheInnerAnswer(t *testing.T) {
	w, _ := newTestWorker()
	route, e := echoRoute()
	c := connect(w, route)
	c.data([]byte(wsxHead))
	c.take()
	c.data(masked(wsproto.OpText, true, []byte("hello there\r\n\r\n")))
	if got := c.take(); !bytes.Equal(got, []byte{0x88, 2, 3, 0xEA}) || e.opened != 0 {
		t.Fatalf("got % x, opened %d; want Close 1002", got, e.opened)
	}
}
