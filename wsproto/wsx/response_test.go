package wsx

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/origin"
)

const (
	date   = "Fri, 02 Jan 2026 00:00:00 GMT"
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frames reads testdata/frames.txt.
func frames(t *testing.T) map[string][]byte {
	b, err := os.ReadFile("testdata/frames.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, part := range strings.Split(string(b), "== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		header, payload, _ := strings.Cut(text, "\n")
		if strings.HasSuffix(payload, "</html>\n") {
			payload = strings.TrimSuffix(payload, "\n")
		}
		out[name] = append(unhex(t, header), strings.ReplaceAll(payload, "\n", "\r\n")...)
	}
	return out
}

func upgrade(r *httpxe.Response, g Extensions) {
	Upgrade(r, []byte(accept), nil, nil, g)
	r.Date, r.Server = []byte(date), []byte("Kaazing Gateway")
}

func TestFrames(t *testing.T) {
	cases := map[string]func(r *httpxe.Response){
		"3.4 none":                   func(r *httpxe.Response) { upgrade(r, Extensions{}) },
		"3.4 ping-pong":              func(r *httpxe.Response) { upgrade(r, Extensions{PingPong: true}) },
		"3.4 idle-timeout, 4 digits": func(r *httpxe.Response) { upgrade(r, Extensions{Idle: 2 * time.Second}) },
		"3.4 both, 4 digits":         func(r *httpxe.Response) { upgrade(r, Extensions{true, 2 * time.Second}) },
		"3.4 both, 5 digits":         func(r *httpxe.Response) { upgrade(r, Extensions{true, time.Minute}) },
		"3.4 both and CORS": func(r *httpxe.Response) {
			upgrade(r, Extensions{true, 2 * time.Second})
			d := origin.Decide(&origin.Policy{Accept: "http://localhost:8001"}, &origin.Request{Method: []byte("GET"),
				Origin: []byte("http://localhost:8001"), AlwaysCORS: true})
			r.Fields = d.Fields(r.Fields)
		},
		"3.5 challenge": func(r *httpxe.Response) { Challenge(r, []byte("Application Token")) },
		"3.5 challenge, basic": func(r *httpxe.Response) {
			Challenge(r, []byte(`Application Basic realm="Kaazing WebSocket Gateway Demo"`))
		},
		"4.5e redirect": func(r *httpxe.Response) {
			Found(r, []byte("http://node.kaazing.com:8001/echo"), Extensions{PingPong: true})
			r.Date, r.Server = []byte(date), []byte("Kaazing Gateway")
		},
		"3.4 refused": func(r *httpxe.Response) {
			_, err := new(Request).Parse([]byte("PUT / HTTP/1.1\r\n\r\n"))
			Refusal(r, err.(*wsproto.StatusError))
			r.Date = []byte(date)
		},
		"3.5 forbidden": func(r *httpxe.Response) { Refusal(r, &wsproto.StatusError{Status: 403}) },
	}
	golden := frames(t)
	if len(golden) != len(cases) {
		t.Errorf("%d golden frames, %d cases", len(golden), len(cases))
	}
	var r httpxe.Response
	dst := []byte("before")
	for name, fill := range cases {
		r.Reset()
		fill(&r)
		got := AppendResponse(dst, &r)[len(dst):]
		if want := golden[name]; !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, want)
		}
	}
}

func TestResponseAllocs(t *testing.T) {
	var r httpxe.Response
	key, proto, day := []byte(accept), []byte("x"), []byte(date)
	dst := make([]byte, 0, 1024)
	render := func() {
		r.Reset()
		Upgrade(&r, key, proto, nil, Extensions{PingPong: true})
		r.Date = day
		dst = AppendMarker(AppendResponse(dst[:0], &r))
	}
	render()
	if n := testing.AllocsPerRun(100, render); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestOuterLength(t *testing.T) {
	var r httpxe.Response
	Upgrade(&r, []byte(accept), []byte(Subprotocol), []byte("WebSocket"), Extensions{})
	r.Date, r.Server = []byte(date), []byte("Kaazing Gateway")
	got := r.Append(nil, httpxe.Plain)
	if len(got) != 246 || !bytes.Contains(got, []byte("\r\nUpgrade: WebSocket\r\n")) {
		t.Errorf("outer 101 is %d bytes, want 246 (§3.5): %q", len(got), got)
	}
}

func TestLongResponse(t *testing.T) {
	for _, n := range []int{0, 60, 70000} {
		r := httpxe.Response{Status: 200, Body: bytes.Repeat([]byte{'x'}, n)}
		plain := r.Append(nil, httpxe.Plain)
		want := wsproto.AppendFrame(nil, wsproto.OpBinary, plain)
		if got := AppendResponse(nil, &r); !bytes.Equal(got, want) {
			t.Errorf("body of %d: header % X, want % X", n, got[:10], want[:10])
		}
	}
}

func TestDirectives(t *testing.T) {
	for _, tt := range []struct {
		name, header, uri string
		got               []byte
	}{
		{"3.2 N", "82 04 EF 83 BF 4E", "", AppendContinue(nil)},
		{"3.2 bare R", "82 04 EF 83 BF 52", "", AppendRedirect(nil, nil)},
		{"3.4 marker", "82 00", "", AppendMarker(nil)},
		{"4.5b", "82 23 EF 83 BF 52", "ws://localhost:8001/echo1?.kl=Y", nil},
		{"4.5b", "82 2A EF 83 BF 52", "ws://node1.example.com:8001/echo?.kl=Y", nil},
		{"4.5b", "82 32 EF 83 BF 52", "ws://node1.example.com:8001/echo?.kl=Y&topic=a", nil},
		{"4.5d", "82 29 EF 83 BF 52", "ws://node.kaazing.com:8001/echo?.kl=Y", nil},
		{"3.2 long", "82 7E 00 7E EF 83 BF 52", strings.Repeat("u", 122), nil},
	} {
		if tt.got == nil {
			tt.got = AppendRedirect(nil, []byte(tt.uri))
		}
		if want := append(unhex(t, tt.header), tt.uri...); !bytes.Equal(tt.got, want) {
			t.Errorf("%s: got % X want % X", tt.name, tt.got, want)
		}
	}
	for payload, want := range map[string]Directive{signature + "N": Continue, signature + "R": NoMember, signature + "Rws://h/": Redirect,
		signature + "NN": None, signature + "X": None, signature: None, "": None, "N": None} {
		if d, uri := ParseDirective([]byte(payload)); d != want || (d == Redirect) != (string(uri) == "ws://h/") {
			t.Errorf("ParseDirective(%q) = %v, %q", payload, d, uri)
		}
	}
}

// The table of protocol.md §3.2 and the rows without a member of §4.3.
func TestDirectiveTable(t *testing.T) {
	for _, tt := range []struct {
		name                           string
		extended, kl, balancer, member bool
		outer, inner                   Directive
	}{
		{"P on a service", false, false, false, false, None, None},
		{"L on a service", false, true, false, false, Continue, Continue},
		{"X .kl=Y on a service", true, true, false, false, Continue, Continue},
		{"X on a service", true, false, false, false, None, None},
		{"P on a balancer", false, false, true, true, None, None},
		{"L on a balancer", false, true, true, true, Redirect, Redirect},
		{"L, no member", false, true, true, false, NoMember, NoMember},
		{"X .kl=Y on a balancer", true, true, true, true, Continue, Redirect},
		{"X .kl=Y, no member", true, true, true, false, Continue, NoMember},
		{"X on a balancer", true, false, true, true, Continue, None},
		{"X, no member", true, false, true, false, NoMember, None},
	} {
		if got := AfterOuter(tt.extended, tt.kl, tt.balancer, tt.member); got != tt.outer {
			t.Errorf("%s: outer %v, want %v", tt.name, got, tt.outer)
		}
		if got := AfterInner(tt.kl, tt.balancer, tt.member); got != tt.inner {
			t.Errorf("%s: inner %v, want %v", tt.name, got, tt.inner)
		}
	}
	for status, want := range map[int]bool{101: false, 401: false, 302: true, 400: true, 403: true, 404: true} {
		if Closes(status) != want {
			t.Errorf("Closes(%d)", status)
		}
	}
}

func TestGrant(t *testing.T) {
	both := Extensions{true, 2 * time.Second}
	for _, tt := range []struct {
		config Extensions
		offer  string
		want   string
	}{
		{both, "x-kaazing-idle-timeout,x-kaazing-ping-pong", "x-kaazing-idle-timeout; timeout=2000|x-kaazing-ping-pong; 01010102"},
		{both, " x-kaazing-ping-pong;a=b , x-kaazing-idle-timeout,x-kaazing-ping-pong", "x-kaazing-idle-timeout; timeout=2000|x-kaazing-ping-pong; 01010102"},
		{both, "permessage-deflate, x-kaazing-http-revalidate", ""},
		{both, "", ""},
		{Extensions{PingPong: true}, "x-kaazing-idle-timeout,x-kaazing-ping-pong", "x-kaazing-ping-pong; 01010102"},
		{Extensions{Idle: 500 * time.Microsecond}, "x-kaazing-idle-timeout,x-kaazing-ping-pong", ""},
	} {
		var g Extensions
		g.Grant(tt.config, []byte(tt.offer))
		var got []string
		fields := g.Fields(nil)
		for _, f := range fields {
			got = append(got, string(f.Value))
		}
		if s := strings.Join(got, "|"); s != tt.want {
			t.Errorf("offer %q: %q, want %q", tt.offer, s, tt.want)
		}
		if again, ok := ParseGrants(fields); !ok || again.PingPong != g.PingPong || again.ms() != g.ms() {
			t.Errorf("client reads %+v from %+v", again, g)
		}
	}
	for _, bad := range []string{"x-kaazing-ping-pong", "x-kaazing-ping-pong; 0101010", "x-kaazing-idle-timeout",
		"x-kaazing-idle-timeout; timeout=0", "x-kaazing-idle-timeout; timeout=-5", "x-kaazing-idle-timeout; timeout=x"} {
		if _, ok := ParseGrants([]wsproto.Field{{Name: []byte("sec-websocket-extensions"), Value: []byte(bad)}}); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}
