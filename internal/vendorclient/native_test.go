package vendorclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// serve is the ordinary way through the extended handshake.
func serve(lines ...string) func(*peer) {
	return func(p *peer) {
		p.outer()
		p.directive("N")
		op, payload, err := p.next()
		java := strings.HasPrefix(p.req.Header.Get("Origin"), "privileged://")
		if want := map[bool]wsproto.Opcode{false: wsproto.OpText, true: wsproto.OpBinary}[java]; err != nil || op != want {
			p.t.Errorf("inner request: %v %v, want %v", op, err, want)
		}
		extensions := extIdle
		if !java {
			extensions += "," + extPingPong
		}
		if want := "GET /echo HTTP/1.1\r\nWebSocket-Protocol: \r\nSec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions: " + extensions + "\r\n\r\n"; payload != want {
			p.t.Errorf("inner request\n got %q\nwant %q", payload, want)
		}
		p.inner101(lines...)
		p.directive("N")
		p.echo()
	}
}

func preflight200(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/echo/;e/cookies" || !strings.HasSuffix(r.URL.RawQuery, "&.kl=Y") {
		http.Error(w, "unexpected "+r.URL.String(), http.StatusTeapot)
		return
	}
	io.WriteString(w, "a=b")
}

func TestNative(t *testing.T) {
	for _, kind := range []Kind{JavaScript, Java} {
		t.Run(kind.String(), func(t *testing.T) {
			var outer http.Request
			ws := serve()
			uri := script{plain: preflight200, ws: func(p *peer) { outer = *p.req; ws(p) }}.start(t)
			c, err := Dial(testContext(t), uri, Options{Kind: kind})
			if err != nil {
				t.Fatal(err)
			}
			echoes(t, c, Text("hello"), Binary([]byte{1, 1, 1, 2}), Text(""))
			if c.Emulated() || outer.URL.RawQuery != ".kl=Y" || outer.Header.Get("Sec-WebSocket-Protocol") != subprotocol {
				t.Errorf("outer request %v %v", outer.URL, outer.Header)
			}
			if kind == Java && (outer.Header.Get("Upgrade") != "WebSocket" || outer.Header.Get("Cookie") != "a=b") {
				t.Errorf("outer request %v", outer.Header)
			}
			if got := c.Close(1000, "bye"); got.Code != 1000 || got.Reason != "bye" {
				t.Errorf("Close: %v", got)
			}
		})
	}
}

func TestPingPong(t *testing.T) {
	got := make(chan string, 4)
	uri := script{ws: func(p *peer) {
		p.outer()
		p.directive("N")
		p.next()
		p.inner101("Sec-WebSocket-Extensions: x-kaazing-ping-pong; 01010102")
		p.directive("N")
		p.send(wsproto.OpText, "\x01\x01\x01\x02\x09\x00")
		_, pong, _ := p.next()
		got <- pong
		for range 2 {
			_, s, _ := p.next()
			got <- s
		}
		p.send(wsproto.OpText, "\x01\x01\x01\x02")
		p.send(wsproto.OpText, "\x01\x01\x01\x02literal")
		p.close(4000, "done")
		p.next()
	}}.start(t)
	c, err := Dial(testContext(t), uri, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if s := <-got; s != "\x01\x01\x01\x02\x0a\x00" {
		t.Errorf("pong %q", s)
	}
	c.Send(Text("\x01\x01\x01\x02x"))
	if a, b := <-got, <-got; a != "\x01\x01\x01\x02" || b != "\x01\x01\x01\x02x" {
		t.Errorf("escaped: %q %q", a, b)
	}
	if m, err := c.Receive(testContext(t)); string(m.Data) != "\x01\x01\x01\x02literal" {
		t.Errorf("literal: %q %v", m.Data, err)
	}
	_, err = c.Receive(testContext(t))
	var e *CloseError
	if !errors.As(err, &e) || e.Code != 4000 || e.Reason != "done" {
		t.Errorf("close: %v", err)
	}
}

func TestChallenge(t *testing.T) {
	ws := func(p *peer) {
		p.outer()
		p.directive("N")
		p.next()
		p.inner("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Application Basic realm=\"demo\"\r\nContent-Length: 2\r\n\r\nno")
		_, again, err := p.next()
		if err != nil {
			return
		}
		if !strings.Contains(again, "Authorization: Basic am9lOndlbGNvbWU=\r\n") {
			p.inner("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Application Basic realm=\"demo\"\r\nContent-Length: 2\r\n\r\nno")
			p.next()
			return
		}
		p.inner101()
		p.directive("N")
		p.echo()
	}
	fallback := false
	uri := script{ws: ws, plain: func(w http.ResponseWriter, r *http.Request) { fallback = true }}.start(t)
	c, err := Dial(testContext(t), uri, Options{Challenge: Basic("joe", "welcome")})
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, c, Text("in"))
	c.Close(0, "")
	for name, o := range map[string]Options{"no handler": {}, "wrong": {Challenge: Basic("joe", "wrong")}} {
		_, err := Dial(testContext(t), uri, o)
		var e *CloseError
		if !errors.As(err, &e) || e.Code != 1006 || !errors.Is(err, errFinal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if fallback {
		t.Error("fell back to WSE after a challenge")
	}
}

// TestInnerCookies hands cookies of the inner response, which a browser cannot
// see, back through the cookie helper.
func TestInnerCookies(t *testing.T) {
	var body, kind string
	uri := script{ws: serve("Set-Cookie: KSSOID=1; Path=/", "Set-Cookie: b=2; Path=/"), plain: func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/echo/;api/set-cookies" {
			http.NotFound(w, r)
			return
		}
		b, _ := io.ReadAll(r.Body)
		body, kind = string(b), r.Header.Get("Content-Type")
		for l := range strings.SplitSeq(body, "\r\n") {
			w.Header().Add("Set-Cookie", l)
		}
		answer(w, r, 200, "", "")
	}}.start(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Dial(testContext(t), uri, Options{Jar: jar})
	if err != nil {
		t.Fatal(err)
	}
	c.Close(1000, "")
	if want := "KSSOID=1; Path=/\r\nb=2; Path=/"; body != want || kind != "text/plain; charset=utf-8" {
		t.Errorf("cookie helper was sent %q of %q, want %q", body, kind, want)
	}
	u, _ := url.Parse("http" + strings.TrimPrefix(uri, "ws"))
	if got := jar.Cookies(u); len(got) != 2 {
		t.Errorf("the browser has %v", got)
	}
}

func TestRedirect(t *testing.T) {
	member := script{ws: serve()}.start(t)
	balancer := script{ws: func(p *peer) {
		p.outer("Set-Cookie: affinity=1; Path=/echo")
		p.directive("N")
		p.next()
		p.inner101()
		p.directive("R" + member + "?.kl=Y")
		p.close(1000, "")
		p.next()
	}}.start(t)
	var tr tracer
	c, err := Dial(testContext(t), balancer, Options{Trace: tr.add})
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, c, Text("there"))
	if c.URL() != member+"?.kl=Y" {
		t.Errorf("URL %s, want %s?.kl=Y", c.URL(), member)
	}
	c.Close(1000, "")
	want := "native 101 directive inner redirect native 101 directive inner directive open"
	if got := strings.Join(tr.kinds(), " "); got != want {
		t.Errorf("steps\n got %s\nwant %s", got, want)
	}
	_, err = Dial(testContext(t), balancer, Options{Policy: Never})
	if !errors.Is(err, errFinal) {
		t.Errorf("policy Never: %v", err)
	}
}

func TestJavaPreflight(t *testing.T) {
	member := script{ws: serve()}.start(t)
	balancer := script{plain: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http"+strings.TrimPrefix(member, "ws")+"?.kl=Y")
		w.WriteHeader(http.StatusFound)
	}}.start(t)
	c, err := Dial(testContext(t), balancer, Options{Kind: Java})
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, c, Text("direct"))
	c.Close(1000, "")
	_, err = Dial(testContext(t), script{}.start(t), Options{Kind: Java})
	if err == nil || !strings.Contains(err.Error(), "create answered 404") {
		t.Errorf("404 everywhere: %v", err)
	}
}

// TestStrict shows what the real clients would hang on or refuse.
func TestStrict(t *testing.T) {
	after := func(fn func(*peer)) func(*peer) {
		return func(p *peer) {
			p.outer()
			p.directive("N")
			p.next()
			fn(p)
			p.next()
		}
	}
	for name, c := range map[string]struct {
		ws   func(*peer)
		want string
	}{
		"refused":         {func(p *peer) { fmt.Fprint(p.conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") }, "upgrade answered 404"},
		"redirected":      {func(p *peer) { fmt.Fprint(p.conn, "HTTP/1.1 302 Found\r\nlocation: /\r\nContent-Length: 0\r\n\r\n") }, "upgrade answered 302"},
		"no directive":    {func(p *peer) { p.outer(); p.next() }, "waiting for a directive"},
		"not a directive": {func(p *peer) { p.outer(); p.send(wsproto.OpText, "hi"); p.next() }, "is no directive"},
		"bare R":          {func(p *peer) { p.outer(); p.directive("R"); p.next() }, "no member"},
		"no marker": {after(func(p *peer) {
			p.send(wsproto.OpBinary, "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: "+p.accept()+"\r\n\r\n")
			p.directive("N")
		}), "without end marker"},
		"inner 302":       {after(func(p *peer) { p.inner("HTTP/1.1 302 Found\r\nLocation: x\r\nContent-Length: 0\r\n\r\n") }), "inner response 302"},
		"wrong accept":    {after(func(p *peer) { p.inner("HTTP/1.1 101 X\r\nSec-WebSocket-Accept: x\r\n\r\n") }), "Sec-WebSocket-Accept"},
		"handshake again": {after(func(p *peer) { p.inner101("Sec-WebSocket-Protocol: x-kaazing-handshake") }), "inner subprotocol"},
		"bad ping-pong":   {after(func(p *peer) { p.inner101("Sec-WebSocket-Extensions: x-kaazing-ping-pong; 0101") }), "extension"},
		"zero timeout":    {after(func(p *peer) { p.inner101("Sec-WebSocket-Extensions: x-kaazing-idle-timeout; timeout=0") }), "extension"},
		"unasked":         {after(func(p *peer) { p.inner101("Sec-WebSocket-Extensions: permessage-deflate") }), "not offered"},
		"bytes behind":    {after(func(p *peer) { p.inner("HTTP/1.1 101 X\r\n\r\nx") }), "left over"},
		"no second N":     {after(func(p *peer) { p.inner101() }), "waiting for a directive"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Timers: Timers{Inner: 200 * time.Millisecond}}
			_, err := Dial(testContext(t), script{ws: c.ws}.start(t), o)
			var e *CloseError
			if !errors.As(err, &e) || e.Code != 1006 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want 1006 with %q", err, c.want)
			}
		})
	}
}

func TestIdleTimeout(t *testing.T) {
	uri := script{ws: func(p *peer) {
		p.outer()
		p.directive("N")
		p.next()
		p.inner101("Sec-WebSocket-Extensions: x-kaazing-idle-timeout; timeout=100")
		p.directive("N")
		p.next()
	}}.start(t)
	c, err := Dial(testContext(t), uri, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	_, err = c.Receive(testContext(t))
	var e *CloseError
	if !errors.As(err, &e) || e.Code != 1006 || !strings.Contains(err.Error(), "promised 100ms") {
		t.Errorf("silent server: %v", err)
	}
}
