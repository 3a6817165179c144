package session

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// A wseClient drives one emulated WebSocket over tapes.
type wseClient struct {
	t        *testing.T
	w        *Worker
	l        *stillLoop
	route    *Route
	up, down string // request targets
	enc      wse.Encoding
}

const host = "Host: localhost:8001\r\n"

// request sends one request on a new connection and returns its tape.
func request(w *Worker, route *Route, head string, body ...byte) *tape {
	c := connect(w, route)
	c.data(append([]byte(head), body...))
	return c
}

// created makes a session; headers are extra lines of the create.
func created(t *testing.T, w *Worker, l *stillLoop, route *Route, suffix, headers string) *wseClient {
	t.Helper()
	c := request(w, route, "GET /echo/;e/"+suffix+" HTTP/1.1\r\n"+host+headers+"\r\n")
	got := c.text()
	_, urls, ok := strings.Cut(got, "\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 201 Created\r\n") || !ok {
		t.Fatalf("create answered %q", got)
	}
	lines := strings.Split(urls, "\n")
	p, _ := wse.ParsePath([]byte("/echo/;e/" + suffix))
	return &wseClient{t: t, w: w, l: l, route: route, enc: p.Encoding,
		up: strings.TrimPrefix(lines[0], "http://localhost:8001"), down: strings.TrimPrefix(lines[1], "http://localhost:8001")}
}

func newWSE(t *testing.T, suffix, headers string) (*wseClient, *echoService) {
	w, l := newTestWorker()
	route, e := echoRoute()
	return created(t, w, l, route, suffix, headers), e
}

// frames are messages as the client sends them.
func (c *wseClient) frames(texts ...string) []byte {
	var b []byte
	for _, s := range texts {
		b = wse.AppendMessage(b, wse.BinaryMixed, true, []byte(s))
	}
	return b
}

// post sends frames with RECONNECT upstream.
func (c *wseClient) post(headers string, frames []byte) *tape {
	body := wse.AppendLayers(nil, c.enc.Upstream(nil), wse.AppendReconnect(frames))
	return request(c.w, c.route, fmt.Sprintf("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n", c.up, host, headers, len(body)), body...)
}

// stream opens a downstream.
func (c *wseClient) stream(query, headers string) *tape {
	return request(c.w, c.route, "GET "+c.down+query+" HTTP/1.1\r\n"+host+headers+"\r\n")
}

const downHead = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n" +
	"Date: " + testDate + "\r\nServer: Kaazing Gateway\r\nX-Content-Type-Options: nosniff\r\nX-Idle-Timeout: 60\r\n\r\n"

const (
	nop       = "\x0100\xff"
	reconnect = "\x0101\xff"
	closing   = "\x0102\xff"
	upOK      = "HTTP/1.1 200 OK\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"
	upBad     = "HTTP/1.1 400 Bad Request\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"
	gone404   = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nContent-Length: 61\r\n\r\n" +
		"<html><head></head><body><h1>404 Not Found</h1></body></html>"
)

// TestWSECreate holds the answer of spec/protocol.md §6.3.
func TestWSECreate(t *testing.T) {
	w, _ := newTestWorker()
	route, e := echoRoute()
	route.Options.Protocols = []string{"x"}
	c := request(w, route, "POST /echo/;e/cbm?.kn=7&topic=a HTTP/1.1\r\n"+host+"Content-Length: 3\r\nX-WebSocket-Version: wseb-1.0\r\n"+
		"X-WebSocket-Protocol: x\r\nX-Accept-Commands: ping\r\nX-Sequence-No: 5\r\n\r\n>|<")
	head, body, _ := strings.Cut(c.text(), "\r\n\r\n")
	size := len("http://localhost:8001/echo/;e/ubm/?topic=a\n") + 32
	want := "HTTP/1.1 201 Created\r\nCache-Control: no-cache\r\nContent-Length: " + fmt.Sprint(2*size) +
		"\r\nContent-Type: text/plain;charset=UTF-8\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nX-WebSocket-Protocol: x"
	if head != want || len(body) != 2*size {
		t.Fatalf("got %q, body of %d bytes; want %q, %d", head, len(body), want, 2*size)
	}
	lines := strings.Split(body, "\n")
	if !strings.HasPrefix(lines[0], "http://localhost:8001/echo/;e/ubm/") || !strings.HasSuffix(lines[1], "?topic=a") ||
		!strings.HasPrefix(lines[1], "http://localhost:8001/echo/;e/dbm/") || lines[0][34:66] != lines[1][34:66] {
		t.Errorf("URLs %q", lines)
	}
	if c.closed || route.Sessions.Load() != 1 || e.path != "/echo" || e.query != ".kn=7&topic=a" {
		t.Errorf("closed %v, %d sessions, path %q, query %q", c.closed, route.Sessions.Load(), e.path, e.query)
	}
}

func TestWSECreateRefused(t *testing.T) {
	bad := func(reason string) string {
		return "HTTP/1.1 400 " + reason + "\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"
	}
	for _, tt := range []struct{ name, method, suffix, headers, want string }{
		{"method", "PUT", "cb", "", bad("Forbidden wse create request method PUT")},
		{"version", "GET", "cb", "X-WebSocket-Version: wseb-1.1\r\n", bad("WebSocket-Version not supported")},
		{"commands", "GET", "cb", "X-Accept-Commands: pong\r\n", bad("Bad Request")},
		{"sequence", "GET", "cb", "X-Sequence-No: -1\r\n", bad("Bad Request")},
		{"suffix", "GET", "cx", "", gone404},
		{"nothing", "GET", "", "", gone404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, e := echoRoute()
			c := request(w, route, tt.method+" /echo/;e/"+tt.suffix+" HTTP/1.1\r\n"+host+tt.headers+"\r\n")
			if got := c.text(); got != tt.want || e.opened != 0 || c.closed {
				t.Errorf("got %q, want %q; opened %d, closed %v", got, tt.want, e.opened, c.closed)
			}
		})
	}
}

// TestWSEStreaming sends the bodies of spec/protocol.md §6.4 and reads their
// echo from a streaming downstream.
func TestWSEStreaming(t *testing.T) {
	for _, tt := range []struct{ suffix, frames, want, contentType string }{
		{"cbm", "\x81\x06ABC\xe2\x82\xac", "\x81\x06ABC\xe2\x82\xac", "application/octet-stream"},
		{"cb", "\x81\x03a\x00\n", "\x80\x03a\x00\n", "application/octet-stream"},
		{"ctm", "\x81\x03a\x00\n", "\x81\x03a\x00\n", "text/plain; charset=windows-1252"},
		{"ctem", "\x81\x03a\x00\n", "\x81\x03a\x7f0\x7fn", "text/plain; charset=windows-1252"},
		{"cte", "\x80\x0d0123456789abc", "\x80\x7fr0123456789abc", "text/plain; charset=windows-1252"},
		{"cbm", "\x00abc\xff", "\x81\x03abc", "application/octet-stream"},
		{"cbm", "\x80\x00", "\x80\x00", "application/octet-stream"},
	} {
		t.Run(tt.suffix, func(t *testing.T) {
			c, _ := newWSE(t, tt.suffix, "")
			down := c.stream("", "")
			want := strings.Replace(downHead, "application/octet-stream", tt.contentType, 1) + nop
			if got := down.text(); got != want {
				t.Fatalf("downstream began %q, want %q", got, want)
			}
			down.take()
			if got := c.post("", []byte(tt.frames)).text(); got != upOK {
				t.Fatalf("upstream answered %q, want %q", got, upOK)
			}
			if got := down.text(); got != tt.want {
				t.Errorf("echo %q, want %q", got, tt.want)
			}
		})
	}
}

// TestWSEUpstreamEverySplit sends an upstream request, with a length and in
// chunks, cut at every position, followed by a pipelined one.
func TestWSEUpstreamEverySplit(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		c, _ := newWSE(t, "ctm", "")
		down := c.stream("", "")
		body := wse.AppendLayers(nil, c.enc.Upstream(nil), wse.AppendReconnect(c.frames("Hello", "wörld", "")))
		one := fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", c.up, host, len(body), body)
		if chunked {
			one = fmt.Sprintf("POST %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n", c.up, host)
			for i := 0; i < len(body); i += 7 {
				part := body[i:min(i+7, len(body))]
				one += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
			}
			one += "0\r\n\r\n"
		}
		in := one + one
		echo := string(c.frames("Hello", "wörld", "", "Hello", "wörld", ""))
		down.take()
		for cut := 0; cut <= len(in); cut++ {
			up := connect(c.w, c.route)
			up.data([]byte(in[:cut]))
			up.data([]byte(in[cut:]))
			if got := up.text(); got != upOK+upOK {
				t.Fatalf("chunked %v, cut at %d: answered %q", chunked, cut, got)
			}
			if got := string(down.take()); got != echo {
				t.Fatalf("chunked %v, cut at %d: echo %q, want %q", chunked, cut, got, echo)
			}
		}
		up := connect(c.w, c.route)
		for i := range len(in) {
			up.data([]byte(in[i : i+1]))
		}
		if got := up.text(); got != upOK+upOK {
			t.Fatalf("byte by byte: answered %q", got)
		}
	}
}

// TestWSEReset: what breaks a rule ends the session, and its downstream
// without a word.
func TestWSEReset(t *testing.T) {
	up := func(frames string, headers ...string) func(c *wseClient) *tape {
		return func(c *wseClient) *tape {
			return request(c.w, c.route, fmt.Sprintf("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", c.up, host, strings.Join(headers, ""), len(frames), frames))
		}
	}
	for _, tt := range []struct {
		name string
		send func(c *wseClient) *tape
	}{
		{"empty body", up("")},
		{"no reconnect", up("\x81\x01a")},
		{"cut frame", up("\x81\x05a" + reconnect)},
		{"behind reconnect", up(reconnect + "\x81\x00")},
		{"bad type", up("\x85\x00" + reconnect)},
		{"bad UTF-8", up("\x81\x01\xff" + reconnect)},
		{"ping not announced", up("\x89\x00" + reconnect)},
		{"too large", up("\x80\x88\x80\x01")},
		{"sequence", up(reconnect, "X-Sequence-No: 9\r\n")},
		{"method", func(c *wseClient) *tape {
			return request(c.w, c.route, "GET "+c.up+" HTTP/1.1\r\n"+host+"X-Sequence-No: 1\r\n\r\n")
		}},
		{"downstream method", func(c *wseClient) *tape {
			return request(c.w, c.route, "PUT "+c.down+" HTTP/1.1\r\n"+host+"X-Sequence-No: 2\r\n\r\n")
		}},
		{"downstream sequence", func(c *wseClient) *tape {
			return request(c.w, c.route, "GET "+c.down+" HTTP/1.1\r\n"+host+"X-Sequence-No: 3\r\n\r\n")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, e := newWSE(t, "cbm", "X-Sequence-No: 0\r\n")
			if !strings.Contains(tt.name, "sequence") && tt.name != "method" {
				c, e = newWSE(t, "cbm", "")
			}
			headers := ""
			if strings.Contains(tt.name, "sequence") || tt.name == "method" {
				headers = "X-Sequence-No: 1\r\n"
			}
			down := c.stream("", headers)
			down.take()
			if got := tt.send(c).text(); got != upBad {
				t.Fatalf("answered %q, want %q", got, upBad)
			}
			if got := strings.TrimPrefix(down.text(), "\x81\x01a"); got != "" || !down.closed {
				t.Errorf("downstream got %q, closed %v", got, down.closed)
			}
			if len(e.closed) != 1 || e.closed[0] != wsproto.CodeAbnormal || c.route.Sessions.Load() != 0 {
				t.Errorf("service saw %v, %d sessions", e.closed, c.route.Sessions.Load())
			}
			if got := c.post("", nil).text(); got != gone404 {
				t.Errorf("later upstream answered %q, want 404", got)
			}
		})
	}
}

func TestWSESecondUpstream(t *testing.T) {
	c, e := newWSE(t, "cbm", "")
	first := request(c.w, c.route, "POST "+c.up+" HTTP/1.1\r\n"+host+"Content-Length: 100\r\n\r\n\x81")
	if got := c.post("", nil).text(); got != upBad || len(e.closed) != 1 {
		t.Fatalf("second upstream answered %q; service saw %v", got, e.closed)
	}
	first.data([]byte("\x01a"))
	if got := first.text(); got != upBad || !first.closed {
		t.Errorf("first upstream answered %q, closed %v", got, first.closed)
	}
}

func TestWSECutUpstream(t *testing.T) {
	c, e := newWSE(t, "cbm", "")
	up := request(c.w, c.route, "POST "+c.up+" HTTP/1.1\r\n"+host+"Content-Length: 100\r\n\r\n\x81\x01a")
	up.handler.Closed(nil)
	if len(e.closed) != 1 || c.w.Sessions() != 0 {
		t.Fatalf("service saw %v, %d sessions", e.closed, c.w.Sessions())
	}
}

// TestWSEQueue: what is said before the first downstream waits for it.
func TestWSEQueue(t *testing.T) {
	c, _ := newWSE(t, "cbm", "")
	c.post("", c.frames("a", "b"))
	if got, want := c.stream("&.krn=0.5", "").text(), downHead+nop+string(c.frames("a", "b")); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// TestWSEReplacedDownstream: the old one ends in order, nothing is lost.
func TestWSEReplacedDownstream(t *testing.T) {
	c, e := newWSE(t, "cbm", "")
	first := c.stream("", "")
	second := c.stream("", "")
	if got := first.text(); got != downHead+nop+reconnect || !first.closed {
		t.Fatalf("first got %q, closed %v", got, first.closed)
	}
	first.handler.Closed(nil)
	c.post("", c.frames("x"))
	if got := second.text(); got != downHead+nop+string(c.frames("x")) || len(e.closed) != 0 {
		t.Fatalf("second got %q; service saw %v", got, e.closed)
	}
}

func TestWSELostDownstream(t *testing.T) {
	for _, how := range []func(*tape){
		func(d *tape) { d.handler.EOF() },
		func(d *tape) { d.handler.Closed(nil) },
	} {
		c, e := newWSE(t, "cbm", "")
		how(c.stream("", ""))
		if len(e.closed) != 1 || e.closed[0] != wsproto.CodeAbnormal || c.post("", nil).text() != gone404 {
			t.Errorf("service saw %v", e.closed)
		}
	}
}

// TestWSEBufferLimit: .kb ends the response, the session goes on for a minute.
func TestWSEBufferLimit(t *testing.T) {
	c, e := newWSE(t, "cb", "")
	down := c.stream("?.kb=1", "")
	down.take()
	big := strings.Repeat("x", 1100)
	c.post("", c.frames(big))
	want := string(wse.AppendMessage(nil, wse.Binary, false, []byte(big))) + reconnect
	if got := down.text(); got != want || !down.closed {
		t.Fatalf("got %d bytes, want %d; closed %v", len(got), len(want), down.closed)
	}
	c.post("", c.frames("y"))
	if got := c.stream("", "").text(); !strings.HasSuffix(got, nop+"\x80\x01y") {
		t.Fatalf("next downstream got %q", got)
	}
	c.l.advance(time.Hour)
	if len(e.closed) != 0 {
		t.Fatal("session with a downstream ended")
	}
}

func TestWSENobodyComes(t *testing.T) {
	c, e := newWSE(t, "cb", "")
	c.l.advance(59 * time.Second)
	if len(e.closed) != 0 {
		t.Fatal("ended too early")
	}
	c.l.advance(2 * time.Second)
	if len(e.closed) != 1 || c.w.Sessions() != 0 {
		t.Fatalf("service saw %v, %d sessions", e.closed, c.w.Sessions())
	}
}

func TestWSEPadding(t *testing.T) {
	c, _ := newWSE(t, "cb", "")
	got := c.stream("?.kp=2048", "").text()
	if want := downHead + nop + "\x01" + strings.Repeat("0", 2044) + "\xff"; got != want {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestWSEHeartbeat(t *testing.T) {
	c, _ := newWSE(t, "cb", "")
	down := c.stream("?.kkt=20", "")
	down.take()
	if down.timeout != 20*time.Second {
		t.Fatalf("timer %v, want 20 s", down.timeout)
	}
	c.l.advance(20 * time.Second)
	down.handler.Timeout()
	if got := string(down.take()); got != nop {
		t.Fatalf("got %q, want a NOP", got)
	}
}

// TestWSEPromisedIdle: a granted idle timeout is kept, whatever the client
// wishes and X-Idle-Timeout says (spec/protocol.md §3.7, §6.3).
func TestWSEPromisedIdle(t *testing.T) {
	for _, tt := range []struct {
		headers, query string
		due            time.Duration
	}{
		{"X-WebSocket-Extensions: x-kaazing-idle-timeout\r\n", "", 1500 * time.Millisecond},
		{"X-WebSocket-Extensions: x-kaazing-idle-timeout\r\n", "?.kkt=30", 1500 * time.Millisecond},
		{"X-WebSocket-Extensions: x-kaazing-idle-timeout\r\n", "?.kkt=1", time.Second},
		{"", "", 3750 * time.Millisecond},
		{"", "?.kkt=30", 3750 * time.Millisecond},
		{"", "?.kkt=2", 2 * time.Second},
	} {
		w, l := newTestWorker()
		route, _ := echoRoute()
		route.Options.Inactivity = 2 * time.Second
		c := created(t, w, l, route, "cbm", tt.headers)
		down := c.stream(tt.query, "")
		down.take()
		if down.timeout != tt.due {
			t.Errorf("%q %q: the timer is set to %v, want %v", tt.headers, tt.query, down.timeout, tt.due)
		}
		l.advance(tt.due)
		down.handler.Timeout()
		if got := string(down.take()); got != nop {
			t.Errorf("%q %q: after %v got %q, want a NOP", tt.headers, tt.query, tt.due, got)
		}
	}
}

// TestWSEPromisedPoll: so it is for long-polls.
func TestWSEPromisedPoll(t *testing.T) {
	w, l := newTestWorker()
	route, _ := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := created(t, w, l, route, "cbm", "X-Sequence-No: 0\r\nX-WebSocket-Extensions: x-kaazing-idle-timeout\r\n")
	poll := c.stream("?.ki=p&.kkt=30", "X-Sequence-No: 1\r\n")
	if poll.timeout != 1500*time.Millisecond {
		t.Fatalf("the timer is set to %v", poll.timeout)
	}
	l.advance(poll.timeout)
	poll.handler.Timeout()
	l.settle()
	if got := poll.text(); !strings.HasSuffix(got, nop+reconnect) {
		t.Fatalf("got %q", got)
	}
}

// TestWSEPromisedFirstFlush: a delayed first flush does not break the promise.
func TestWSEPromisedFirstFlush(t *testing.T) {
	w, l := newTestWorker()
	route, _ := echoRoute()
	route.Options.Inactivity = 2 * time.Second
	c := created(t, w, l, route, "cbm", "X-WebSocket-Extensions: x-kaazing-idle-timeout\r\n")
	c.post("", c.frames("a"))
	down := c.stream("?.kf=9000", "")
	if down.timeout != 1500*time.Millisecond {
		t.Fatalf("the timer is set to %v", down.timeout)
	}
}

func TestWSEPing(t *testing.T) {
	w, l := newTestWorker()
	route, e := echoRoute()
	route.Options.Inactivity = 8 * time.Second
	c := created(t, w, l, route, "ctem", "X-Accept-Commands: ping\r\n")
	down := c.stream("", "")
	if !strings.Contains(down.text(), "X-Idle-Timeout: 8\r\n") {
		t.Fatalf("head %q", down.text())
	}
	down.take()
	l.advance(4 * time.Second)
	down.handler.Timeout()
	if got := string(down.take()); got != "\x89\x7f0" {
		t.Fatalf("got %q, want a ping", got)
	}
	c.post("", []byte{0x8A, 0, 0x89, 0})
	if got := string(down.take()); got != "\x8a\x7f0" {
		t.Fatalf("ping answered %q", got)
	}
	l.advance(4 * time.Second)
	down.handler.Timeout()
	down.take()
	l.advance(4 * time.Second)
	down.handler.Timeout()
	if got := string(down.take()); got != closing+reconnect || !down.closed || len(e.closed) != 1 || w.Sessions() != 0 {
		t.Fatalf("silent client got %q; service saw %v, %d sessions", got, e.closed, w.Sessions())
	}
}

const pollHead = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nContent-Length: %d\r\nContent-Type: application/octet-stream\r\n" +
	"Date: " + testDate + "\r\nServer: Kaazing Gateway\r\nX-Content-Type-Options: nosniff\r\nX-Idle-Timeout: 60\r\n\r\n"

// TestWSELongPoll keeps one connection for all polls.
func TestWSELongPoll(t *testing.T) {
	c, e := newWSE(t, "cb", "X-Sequence-No: 0\r\n")
	n := 0
	poll := func() string {
		n++
		return fmt.Sprintf("GET %s?.ki=p HTTP/1.1\r\n%sX-Sequence-No: %d\r\n\r\n", c.down, host, n)
	}
	down := request(c.w, c.route, poll())
	if got := down.text(); got != "" {
		t.Fatalf("poll answered %q with nothing to say", got)
	}
	for i := range 3 {
		c.post(fmt.Sprintf("X-Sequence-No: %d\r\n", i+1), c.frames("a", "b"))
		c.l.settle()
		want := fmt.Sprintf(pollHead, 10) + "\x80\x01a\x80\x01b" + reconnect
		if got := string(down.take()); got != want || down.closed {
			t.Fatalf("poll answered %q, want %q", got, want)
		}
		down.data([]byte(poll()))
	}
	c.l.advance(45 * time.Second)
	down.handler.Timeout()
	c.l.settle()
	if got, want := string(down.take()), fmt.Sprintf(pollHead, 8)+nop+reconnect; strings.ReplaceAll(got, "00:00:45", "00:00:00") != want {
		t.Fatalf("heartbeat %q, want %q", got, want)
	}
	down.data([]byte(poll()))
	down.handler.EOF()
	if len(e.closed) != 1 {
		t.Fatal("client that left its poll keeps the session")
	}
}

// TestWSEPollPipelined: requests behind a parked poll wait for its answer.
func TestWSEPollPipelined(t *testing.T) {
	c, _ := newWSE(t, "cb", "X-Sequence-No: 0\r\n")
	poll := func(n int) string {
		return fmt.Sprintf("GET %s?.ki=p HTTP/1.1\r\n%sX-Sequence-No: %d\r\n\r\n", c.down, host, n)
	}
	behind := "GET /echo/;e/cookies HTTP/1.1\r\n" + host + "\r\n"
	for cut := range len(behind) {
		c, _ = newWSE(t, "cb", "X-Sequence-No: 0\r\n")
		down := request(c.w, c.route, poll(1)+behind[:cut])
		down.data([]byte(behind[cut:]))
		if got := down.text(); got != "" {
			t.Fatalf("answered out of order: %q", got)
		}
		c.post("X-Sequence-No: 1\r\n", c.frames("a"))
		c.l.settle()
		if got := down.text(); strings.Count(got, "HTTP/1.1 200 OK") != 2 || !strings.Contains(got, reconnect+"HTTP/1.1 200 OK") {
			t.Fatalf("cut at %d: got %q", cut, got)
		}
	}
}

func TestWSEPollUnsequenced(t *testing.T) {
	c, e := newWSE(t, "cb", "")
	if got := c.stream("?.ki=p", "").text(); got != upBad || len(e.closed) != 1 {
		t.Fatalf("got %q; service saw %v", got, e.closed)
	}
}

func TestWSEClientCloses(t *testing.T) {
	c, e := newWSE(t, "cbm", "")
	down := c.stream("", "")
	down.take()
	if got := c.post("", []byte(closing)).text(); got != upOK {
		t.Fatalf("upstream answered %q", got)
	}
	if got := down.text(); got != closing+reconnect || !down.closed {
		t.Fatalf("downstream got %q, closed %v", got, down.closed)
	}
	if len(e.closed) != 1 || e.closed[0] != wsproto.CodeNoStatus || c.w.Sessions() != 0 || c.post("", nil).text() != gone404 {
		t.Fatalf("service saw %v, %d sessions", e.closed, c.w.Sessions())
	}
}

// TestWSEClientClosesBetweenPolls: the next poll tells that it is over.
func TestWSEClientClosesBetweenPolls(t *testing.T) {
	c, _ := newWSE(t, "cbm", "X-Sequence-No: 0\r\n")
	c.post("X-Sequence-No: 1\r\n", []byte(closing))
	got := c.stream("?.ki=p", "X-Sequence-No: 1\r\n").text()
	if !strings.HasSuffix(got, closing+reconnect) || c.w.Sessions() != 0 {
		t.Fatalf("poll answered %q, %d sessions", got, c.w.Sessions())
	}
}

func TestWSEServerCloses(t *testing.T) {
	c, e := newWSE(t, "cbm", "")
	down := c.stream("", "")
	down.take()
	if left := c.w.CloseSessions(nil, 10, wsproto.CodeGoingAway, ""); left != 0 {
		t.Fatalf("%d left", left)
	}
	if got := down.text(); got != closing+reconnect || !down.closed || len(e.closed) != 0 {
		t.Fatalf("downstream got %q, closed %v; service saw %v", got, down.closed, e.closed)
	}
	if got := c.post("", []byte(closing)).text(); got != upOK || len(e.closed) != 1 || c.w.Sessions() != 0 {
		t.Fatalf("client's CLOSE answered %q; service saw %v", got, e.closed)
	}
}

func TestWSEServerClosesAlone(t *testing.T) {
	c, e := newWSE(t, "cbm", "")
	c.stream("", "")
	c.w.CloseSessions(nil, 10, wsproto.CodeGoingAway, "")
	c.l.advance(6 * time.Second)
	if len(e.closed) != 1 || c.w.Sessions() != 0 {
		t.Fatalf("service saw %v, %d sessions", e.closed, c.w.Sessions())
	}
}

// TestWSEBackPressure: a client that reads nothing is not read from.
func TestWSEBackPressure(t *testing.T) {
	c, e := newWSE(t, "cb", "")
	part := c.frames(strings.Repeat("x", 70<<10))
	body := wse.AppendReconnect(append(bytes.Clone(part), part...))
	up := request(c.w, c.route, fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", c.up, host, len(body)))
	up.data(bytes.Clone(body[:len(part)]))
	if !up.paused || up.timeout != 0 {
		t.Fatalf("paused %v, cut in %v; nobody takes the echo, and that is not this request's fault", up.paused, up.timeout)
	}
	up.data(bytes.Clone(body[len(part):]))
	if got := up.text(); got != "" || up.timeout != 0 {
		t.Fatalf("answered %q, cut in %v", got, up.timeout)
	}
	down := c.stream("", "")
	c.l.settle()
	if got := up.text(); got != upOK || up.paused || len(e.closed) != 0 {
		t.Fatalf("upstream answered %q, paused %v", got, up.paused)
	}
	if want := len(downHead+nop) + 2*len(part); down.out.Len() != want {
		t.Fatalf("downstream got %d bytes, want %d", down.out.Len(), want)
	}
}

// TestWSEOverflow: a service that does not stop costs the session.
func TestWSEOverflow(t *testing.T) {
	c, e := newWSE(t, "cb", "")
	var s *emulated
	for _, s = range c.w.emulated {
	}
	m := &Shared{}
	m.Add(wsproto.OpBinary, make([]byte, 60<<10))
	for range 20 {
		s.SendShared(m)
	}
	c.l.settle()
	if len(e.closed) != 1 || c.w.Sessions() != 0 {
		t.Fatalf("service saw %v, %d sessions", e.closed, c.w.Sessions())
	}
}

// TestWSEFragments: what a service sends in pieces arrives whole.
func TestWSEFragments(t *testing.T) {
	c, _ := newWSE(t, "cbm", "")
	down := c.stream("", "")
	down.take()
	var s *emulated
	for _, s = range c.w.emulated {
	}
	for _, f := range []wsproto.Frame{
		{Op: wsproto.OpText, Len: 2, Data: []byte("ab")},
		{Op: wsproto.OpContinuation, Fin: true, Len: 4, Data: []byte("cd")},
		{Op: wsproto.OpContinuation, Fin: true, Len: 4, Off: 2, Data: []byte("ef")},
		{Op: wsproto.OpBinary, Fin: true, Len: 1, Data: []byte("g")},
	} {
		s.SendFrame(&f)
	}
	if got, want := down.text(), "\x81\x06abcdef\x80\x01g"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// TestWSEWrapped holds the wrapped forms of spec/protocol.md §1.9 and §6.5.
func TestWSEWrapped(t *testing.T) {
	w, l := newTestWorker()
	route, _ := echoRoute()
	origin := "X-Origin: http://localhost:8001\r\n"
	c := request(w, route, "GET /echo/;e/ct HTTP/1.1\r\n"+host+origin+"\r\n")
	want := "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nContent-Length: 196\r\nContent-Type: text/plain;charset=UTF-8\r\nDate: " + testDate +
		"\r\nServer: Kaazing Gateway\r\n\r\nHTTP/1.1 201 Created\r\nContent-Type: text/plain;charset=UTF-8\r\n\r\nhttp://localhost:8001/echo/;e/ut/"
	got := c.text()
	if !strings.HasPrefix(got, want) {
		t.Fatalf("create %q, want %q", got, want)
	}
	id := strings.TrimPrefix(got, want)[:32]
	k := &wseClient{t: t, w: w, l: l, route: route, enc: wse.Text, up: "/echo/;e/ut/" + id, down: "/echo/;e/dt/" + id}
	down := k.stream("", origin)
	want = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/plain;charset=windows-1252\r\nDate: " + testDate +
		"\r\nServer: Kaazing Gateway\r\nX-Content-Type-Options: nosniff\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=windows-1252\r\nX-Idle-Timeout: 60\r\n\r\n" + nop
	if got := down.text(); got != want {
		t.Fatalf("downstream %q, want %q", got, want)
	}
	up := k.post(origin, k.frames("x"))
	want = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\nContent-Type: text/plain;charset=UTF-8\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
	if got := up.text(); got != want {
		t.Fatalf("upstream %q, want %q", got, want)
	}
}

// TestWSEAllocations: neither side of an echo allocates.
func TestWSEAllocations(t *testing.T) {
	c, _ := newWSE(t, "cbm", "")
	down := c.stream("", "")
	body := wse.AppendReconnect(c.frames("Hello"))
	post := []byte(fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", c.up, host, len(body), body))
	buf := make([]byte, len(post))
	up := connect(c.w, c.route)
	up.out.Grow(1 << 20)
	down.out.Grow(1 << 20)
	n := testing.AllocsPerRun(200, func() {
		copy(buf, post)
		up.data(buf)
	})
	if n != 0 {
		t.Errorf("%v allocations per message, want 0", n)
	}
}

// TestWSEBlockPadding: with .kbp each write comes with a block of padding, and
// what is decoded is what others get.
func TestWSEBlockPadding(t *testing.T) {
	streamed := func(query string) (head string, writes [][]byte) {
		c, _ := newWSE(t, "cb", "")
		down := c.stream(query, "")
		head, body, _ := strings.Cut(string(down.take()), "\r\n\r\n")
		writes = [][]byte{[]byte(body)}
		for i := range 3 {
			c.post("", c.frames(fmt.Sprint(i, strings.Repeat("y", 500))))
			writes = append(writes, down.take())
		}
		if !down.closed {
			t.Errorf("%s: not at its end after 1 KiB", query)
		}
		return head, writes
	}
	_, want := streamed("?.kb=1")
	head, coded := streamed("?.kb=1&.kbp=4096")
	if !strings.Contains(head, "\r\nContent-Encoding: gzip\r\n") {
		t.Errorf("head %q", head)
	}
	for i, w := range coded {
		if len(w) < 4096 && len(want[i]) > 0 {
			t.Errorf("write %d has %d bytes, want a block of padding", i, len(w))
		}
	}
	r, err := gzip.NewReader(bytes.NewReader(bytes.Join(coded, nil)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, bytes.Join(want, nil)) {
		t.Errorf("got %d bytes, %v, want what is sent without padding", len(got), err)
	}
}
