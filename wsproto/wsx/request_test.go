package wsx

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func TestRequestLengths(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  []byte
		want int
	}{
		{"3.4 block", AppendRequest(nil, "/echo", "", "x-kaazing-idle-timeout,x-kaazing-ping-pong", ""), 140},
		{"3.4 with revalidate", AppendRequest(nil, "/echo", "", "x-kaazing-idle-timeout,x-kaazing-ping-pong,x-kaazing-http-revalidate", ""), 166},
		{"3.4 minimal", crlf("GET /echo HTTP/1.1\n\n"), 22},
		{"3.5 credentials", crlf("GET /echo HTTP/1.1\nAuthorization: Token 1:joe:welcome\n\n"), 58},
	} {
		if len(tt.got) != tt.want {
			t.Errorf("%s: %d bytes, want %d: %q", tt.name, len(tt.got), tt.want, tt.got)
		}
		var r Request
		for i := range len(tt.got) + 1 {
			n, err := r.Parse(tt.got[:i])
			if want := i / len(tt.got) * len(tt.got); err != nil || n != want {
				t.Fatalf("%s cut at %d: %d, %v", tt.name, i, n, err)
			}
		}
		if err := r.CheckPath([]byte("/echo"), true); err != nil {
			t.Error(err)
		}
	}
}

func TestRequestSequence(t *testing.T) {
	b := crlf("GET /e?x HTTP/1.1\n\nGET /e HTTP/1.1\nAuthorization: Token a\nauthorization: Token b\n\nrest")
	var r Request
	n, err := r.Parse(b)
	if err != nil || string(r.Path) != "/e" || string(r.Target) != "/e?x" || r.Authorization != nil {
		t.Fatalf("first: %v %+v", err, r)
	}
	m, err := r.Parse(b[n:])
	if err != nil || string(r.Authorization) != "Token a" || string(b[n+m:]) != "rest" {
		t.Fatalf("second: %v %+v", err, r)
	}
}

func TestRequestRefused(t *testing.T) {
	for _, name := range []string{"Accept-Charset", "Accept-Encoding", "Content-Length", "Content-Transfer-Encoding", "date",
		"EXPECT", "Keep-Alive", "Referer", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Via", "Proxy-Authorization",
		"Sec-WebSocket-Key", "Sec-Fetch-Mode", "Sec-"} {
		check400(t, "GET / HTTP/1.1\n"+name+": x\n\n")
	}
	for _, s := range []string{"POST / HTTP/1.1\n\n", "GET / HTTP/1.0\n\n", "GET / HTTP/2.0\n\n", "GET /\n\n", "get / HTTP/1.1\n\n",
		"GET  / HTTP/1.1\n\n", "GET / x HTTP/1.1\n\n", "\n\n", "GET / HTTP/1.1\nX : y\n\n", "GET / HTTP/1.1\nX: y\n z\n\n",
		"GET / HTTP/1.1\nX: " + strings.Repeat("y", MaxRequest)} {
		check400(t, s)
	}
	for _, name := range []string{"Host", "Connection", "Cookie", "Origin", "X-Anything", "User-Agent"} {
		if n, err := new(Request).Parse(crlf("GET / HTTP/1.1\n" + name + ": x\n\n")); n == 0 || err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func check400(t *testing.T, s string) {
	t.Helper()
	n, err := new(Request).Parse(crlf(s))
	var se *wsproto.StatusError
	if n != 0 || !errors.As(err, &se) || se.Status != 400 || !se.Close {
		t.Errorf("%.60q: %d, %v", s, n, err)
	}
}

func TestCheckPath(t *testing.T) {
	for _, tt := range []struct {
		inner, outer string
		known        bool
		status       int
	}{
		{"/echo", "/echo", true, 0}, {"/echo?a=b", "/echo", true, 0}, {"/%65cho", "/echo", false, 0},
		{"/echo/", "/echo", true, 400}, {"/other", "/echo", true, 400}, {"/other", "/echo", false, 404},
	} {
		var r Request
		if _, err := r.Parse(crlf("GET " + tt.inner + " HTTP/1.1\n\n")); err != nil {
			t.Fatal(err)
		}
		var se *wsproto.StatusError
		err := r.CheckPath([]byte(tt.outer), tt.known)
		if errors.As(err, &se) != (tt.status > 0) || se != nil && se.Status != tt.status {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestMerge(t *testing.T) {
	config := Extensions{true, time.Second}
	for _, tt := range []struct {
		name, headers, outer, protocols string
		idle, ping, inheritsAuth        bool
	}{
		{"inner list", "Sec-WebSocket-Protocol: a, x-kaazing-handshake ,b\n", "c", "a b", false, false, true},
		{"empty inner list counts", "WebSocket-Protocol: \nSec-WebSocket-Protocol: \n", "x-kaazing-handshake, c", "", false, false, true},
		{"X- form", "X-WebSocket-Protocol: a\nSec-WebSocket-Protocol: b\n", "", "a b", false, false, true},
		{"outer list", "", "x-kaazing-handshake, c,d", "c d", false, false, true},
		{"extensions", "X-WebSocket-Extensions: x-kaazing-ping-pong\nSec-WebSocket-Extensions: x-kaazing-idle-timeout\nAuthorization: x\n",
			"", "", true, true, false},
	} {
		var r Request
		if _, err := r.Parse(crlf("GET / HTTP/1.1\n" + tt.headers + "\n")); err != nil {
			t.Fatal(err)
		}
		var got []string
		r.Protocols([]byte(tt.outer), func(p []byte) bool { got = append(got, string(p)); return true })
		g := r.Extensions(config)
		if s := strings.Join(got, " "); s != tt.protocols || g.PingPong != tt.ping || (g.Idle > 0) != tt.idle {
			t.Errorf("%s: protocols %q extensions %+v", tt.name, s, g)
		}
		if r.InheritsOuter([]byte("authorization")) != tt.inheritsAuth || r.InheritsOuter([]byte("Sec-WebSocket-Extensions")) ||
			!r.InheritsOuter([]byte("Origin")) || r.InheritsOuter([]byte("Sec-WebSocket-Protocol")) != (len(r.kept) == 0 || tt.idle) {
			t.Errorf("%s: InheritsOuter", tt.name)
		}
	}
}

func TestRequestAllocs(t *testing.T) {
	b := AppendRequest(nil, "/echo", "a,b", "x-kaazing-ping-pong", "Token x")
	var r Request
	r.Parse(b)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Parse(b); err != nil {
			t.Fatal(err)
		}
		r.Extensions(Extensions{PingPong: true})
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// A vendor client against our own answers (protocol.md §3.5).
func TestClient(t *testing.T) {
	payload := func(frame []byte) []byte {
		var d wsproto.Decoder
		var f wsproto.Frame
		lim := &wsproto.Limits{Client: true}
		if _, ok, err := d.Next(bytes.Clone(frame), lim, &f); !ok || err != nil || !f.Whole() || !f.Fin {
			t.Fatalf("% X: %v %v", frame, ok, err)
		}
		return f.Data
	}
	golden := frames(t)
	n, marker, moved := payload(AppendContinue(nil)), []byte{}, payload(AppendRedirect(nil, []byte("ws://h/?.kl=Y")))
	none := payload(AppendRedirect(nil, nil))
	ok, challenge := payload(golden["3.4 both, 4 digits"]), payload(golden["3.5 challenge"])
	found := payload(golden["4.5e redirect"])
	for _, tt := range []struct {
		name     string
		messages [][]byte
		events   []Event
	}{
		{"direct", [][]byte{n, ok, marker, n}, []Event{SendInner, More, More, Open}},
		{"in pieces", [][]byte{n, ok[:7], ok[7:], marker, n}, []Event{SendInner, More, More, More, Open}},
		{"challenge", [][]byte{n, challenge, marker, ok, marker, n}, []Event{SendInner, More, Challenged, More, More, Open}},
		{"balancer", [][]byte{n, ok, marker, moved}, []Event{SendInner, More, More, Moved}},
		{"no member", [][]byte{n, ok, marker, none}, []Event{SendInner, More, More, Empty}},
		{"plain redirect", [][]byte{moved}, []Event{Moved}},
		{"inner 302", [][]byte{n, found, marker}, []Event{SendInner, More, Refused}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c Client
			for i, m := range tt.messages {
				if e, err := c.Message(m); err != nil || e != tt.events[i] {
					t.Fatalf("message %d: %v, %v", i, e, err)
				}
			}
			switch tt.events[len(tt.events)-1] {
			case Open:
				if !c.Granted.PingPong || c.Granted.Idle != 2*time.Second {
					t.Errorf("granted %+v", c.Granted)
				}
			case Moved:
				if string(c.URI) != "ws://h/?.kl=Y" {
					t.Errorf("URI %q", c.URI)
				}
			}
		})
	}
	if _, err := new(Client).Message([]byte("hello")); err == nil {
		t.Error("application data taken for a directive")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(AppendRequest(nil, "/echo", "a", "x-kaazing-ping-pong", "Token x"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Request
		n, err := r.Parse(b)
		if n < 0 || n > len(b) || n > 0 && err != nil {
			t.Fatal(n, err)
		}
		if n > 0 {
			r.Protocols([]byte("a,b"), func(p []byte) bool { return len(p) > 0 && string(p) != Subprotocol })
			r.Extensions(Extensions{true, time.Second})
			if m, err := r.Parse(b[:n-1]); m != 0 || err != nil {
				t.Fatalf("one byte less: %d, %v", m, err)
			}
		}
	})
}

func FuzzClient(f *testing.F) {
	f.Add([]byte(signature+"N"), []byte("HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: x-kaazing-idle-timeout; timeout=5\r\n\r\n"))
	f.Add([]byte(signature+"Rws://h"), []byte("HTTP/1.1 401 X\r\nContent-Length: 1\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var c Client
		for _, m := range [][]byte{first, second, {}, first} {
			if _, err := c.Message(m); err != nil {
				return
			}
		}
	})
}
