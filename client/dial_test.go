package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

func mustDial(t testing.TB, uri string, o Options) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustClose(t testing.TB, c *Conn) {
	t.Helper()
	if err := c.Close(wsproto.CodeNormal, ""); err != nil {
		t.Error(err)
	}
}

// say sends a text and wants it back.
func say(t testing.TB, c *Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), Message{true, []byte(text)}); err != nil {
		t.Fatal(err)
	}
	m, err := c.Read(t.Context())
	if err != nil || !m.Text || string(m.Data) != text {
		t.Fatalf("got %q, %v, %v, want %q", m.Data, m.Text, err, text)
	}
}

func TestEchoOfAllLengths(t *testing.T) {
	w := newWorld(t)
	w.host("m", echoServer)
	c := mustDial(t, "ws://M:80", w.options())
	defer mustClose(t, c)
	if c.URI() != "ws://m/" {
		t.Errorf("URI %s", c.URI())
	}
	for _, n := range []int{0, 1, 125, 126, 4095, 4096, 32 << 10, 65535, 65536, 1 << 20} {
		sent := bytes.Repeat([]byte{'x', 0xff, 3}, n/3+1)[:n]
		kept := bytes.Clone(sent)
		errs := make(chan error, 1)
		go func() { errs <- c.Write(t.Context(), Message{false, sent}) }()
		m, err := c.Read(t.Context())
		if err != nil || m.Text || !bytes.Equal(m.Data, kept) {
			t.Fatalf("%d bytes: got %d bytes, %v", n, len(m.Data), err)
		}
		if err := <-errs; err != nil || !bytes.Equal(sent, kept) {
			t.Fatalf("%d bytes: %v, or the caller's data was changed", n, err)
		}
	}
	say(t, c, "zoë")
}

func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		name   string
		inBand bool
		hosts  map[string]func(*peer)
		want   string // visited
		member string
		err    error
	}{
		{"none", false, map[string]func(*peer){"b": echoServer}, "b/echo?q=1", "ws://b/echo?q=1", nil},
		{"in-band N", true, map[string]func(*peer){"b": directed}, "b/echo?q=1&.kl=Y", "ws://b/echo?q=1", nil},
		{"in-band, server without directives", true, map[string]func(*peer){"b": func(p *peer) {
			p.accept()
			p.frame(wsproto.OpText, "hello")
			p.echo()
		}}, "b/echo?q=1&.kl=Y", "ws://b/echo?q=1", nil},
		{"301 302 307 308", false, map[string]func(*peer){
			"b": found(301, "http://c/echo"), "c": found(302, "ws://d:80/echo"), "d": found(307, "//e/echo"), "e": found(308, "/other"),
		}, "b/echo?q=1 c/echo d/echo e/echo e/other", "", ErrLoop /* e redirects /other to itself */},
		{"to http", false, map[string]func(*peer){"b": found(302, "http://m:80/echo"), "m": echoServer}, "b/echo?q=1 m/echo", "ws://m/echo", nil},
		{"R binary", true, map[string]func(*peer){"b": inBand(wsproto.OpBinary, "ws://m/echo?.kl=Y"), "m": directed}, "b/echo?q=1&.kl=Y m/echo?.kl=Y", "ws://m/echo", nil},
		{"R text", true, map[string]func(*peer){"b": inBand(wsproto.OpText, "ws://m/echo?q=1&.kl=Y"), "m": directed}, "b/echo?q=1&.kl=Y m/echo?q=1&.kl=Y", "ws://m/echo?q=1", nil},
		{"both kinds", true, map[string]func(*peer){"b": found(302, "http://c/echo"), "c": inBand(wsproto.OpBinary, "ws://m/echo?.kl=Y"), "m": directed},
			"b/echo?q=1&.kl=Y c/echo?.kl=Y m/echo?.kl=Y", "ws://m/echo", nil},
		{"bare R", true, map[string]func(*peer){"b": inBand(wsproto.OpBinary, "")}, "b/echo?q=1&.kl=Y", "", ErrNoMember},
		{"loop of one", false, map[string]func(*peer){"b": found(302, "http://b/echo?q=1")}, "b/echo?q=1", "", ErrLoop},
		{"loop of two", true, map[string]func(*peer){"b": inBand(wsproto.OpText, "ws://c/"), "c": inBand(wsproto.OpText, "ws://b/echo?.kl=Y&q=1")},
			"b/echo?q=1&.kl=Y c/?.kl=Y", "", ErrLoop},
		{"six", false, map[string]func(*peer){
			"b": found(302, "ws://c"), "c": found(302, "ws://d"), "d": found(302, "ws://e"), "e": found(302, "ws://f"), "f": found(302, "ws://g"), "g": found(302, "ws://h"),
		}, "b/echo?q=1 c/ d/ e/ f/ g/", "", ErrTooManyRedirects},
		{"five", false, map[string]func(*peer){
			"b": found(302, "ws://c"), "c": found(302, "ws://d"), "d": found(302, "ws://e"), "e": found(302, "ws://f"), "f": found(302, "ws://m"), "m": echoServer,
		}, "b/echo?q=1 c/ d/ e/ f/ m/", "ws://m/", nil},
		{"to nonsense", false, map[string]func(*peer){"b": found(302, "ftp://m/")}, "b/echo?q=1", "", ErrRedirect},
		{"R to nonsense", true, map[string]func(*peer){"b": inBand(wsproto.OpText, "%zz:")}, "b/echo?q=1&.kl=Y", "", ErrRedirect},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for name, serve := range c.hosts {
					w.host(name, serve)
				}
				o := w.options()
				o.InBand = c.inBand
				conn, err := Dial(t.Context(), "ws://b/echo?q=1", o)
				if !errors.Is(err, c.err) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				if conn != nil {
					if conn.URI() != c.member {
						t.Errorf("member %s, want %s", conn.URI(), c.member)
					}
					if strings.Contains(c.name, "without") {
						if m, err := conn.Read(t.Context()); err != nil || string(m.Data) != "hello" {
							t.Errorf("first message %q, %v", m.Data, err)
						}
					}
					say(t, conn, "hi")
					mustClose(t, conn)
				}
				if got := w.visited(); got != c.want {
					t.Errorf("visited %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestDowngradeIsRefused(t *testing.T) {
	for _, to := range []string{"ws://m/", "http://m/", "ws:/x"} {
		from, _ := parseURI("wss://b/x")
		if u, err := redirected(from, to); err == nil {
			t.Errorf("wss://b/x to %s gave %s", to, u)
		}
	}
	from, _ := parseURI("wss://b/x?y")
	for to, want := range map[string]string{"wss://M:443/z#f": "wss://m/z", "https://m": "wss://m/", "//m:8/": "wss://m:8/", "/z": "wss://b/z"} {
		if u, err := redirected(from, to); err != nil || u.String() != want {
			t.Errorf("%s: got %v, %v, want %s", to, u, err, want)
		}
	}
}

func TestSilentServerCountsAsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.host("b", func(p *peer) {
			p.accept()
			// Half a frame must survive the deadline.
			p.write("\x81\x05he")
			time.Sleep(10 * time.Second)
			p.write("llo")
			p.echo()
		})
		o := w.options()
		o.InBand = true
		began := time.Now()
		c := mustDial(t, "ws://b/", o)
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("open after %v", got)
		}
		if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "hello" {
			t.Errorf("got %q, %v", m.Data, err)
		}
		mustClose(t, c)
	})
}

func TestHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.host("b", func(p *peer) { p.next() })
		began := time.Now()
		_, err := Dial(t.Context(), "ws://b/", w.options())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err = Dial(ctx, "ws://b/", w.options())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("caller's deadline: %v after %v", err, time.Since(began))
		}
	})
}

func TestAddressesAreTriedFromARandomOne(t *testing.T) {
	w := newWorld(t)
	addr := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, i}) }
	w.names["b"] = []netip.Addr{addr(1), addr(2), addr(3), netip.MustParseAddr("::ffff:10.0.0.4")}
	w.hosts["10.0.0.2:80"] = echoServer
	for _, c := range []struct {
		rand float64
		want string
	}{
		{0, "10.0.0.1:80 10.0.0.2:80"},
		{0.3, "10.0.0.2:80"},
		{0.5, "10.0.0.3:80 10.0.0.4:80 10.0.0.1:80 10.0.0.2:80"},
		{0.99, "10.0.0.4:80 10.0.0.1:80 10.0.0.2:80"},
	} {
		w.dials = nil
		o := w.options()
		o.Rand = func() float64 { return c.rand }
		mustClose(t, mustDial(t, "ws://b/", o))
		if got := strings.Join(w.dials, " "); got != c.want {
			t.Errorf("%v: dialled %s, want %s", c.rand, got, c.want)
		}
	}
	if _, err := Dial(t.Context(), "ws://nobody/", w.options()); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("unknown name: %v", err)
	}
	delete(w.hosts, "10.0.0.2:80")
	if _, err := Dial(t.Context(), "ws://b/", w.options()); err == nil || strings.Count(err.Error(), "connection refused") != 4 {
		t.Errorf("all dead: %v", err)
	}
}

func TestRequest(t *testing.T) {
	w := newWorld(t)
	got := make(chan map[string]string, 1)
	w.host("m", func(p *peer) {
		h := map[string]string{}
		for _, f := range p.req.Headers() {
			h[http.CanonicalHeaderKey(string(f.Name))] += string(f.Value)
		}
		got <- h
		p.accept("Sec-WebSocket-Protocol: b", "X-Answer: yes", "Set-Cookie: late=1")
		p.echo()
	})
	w.host("b", func(p *peer) {
		p.status("302 Found", "location: http://m/", "Set-Cookie: sticky=m; Path=/", "Set-Cookie: other=1; Domain=elsewhere.example")
	})
	o := w.options()
	o.Origin = "http://page.example"
	o.Subprotocols = []string{"a", "b"}
	o.Header = http.Header{"X-Mine": {"1", "2"}}
	c := mustDial(t, "ws://joe:welcome@b/", o)
	defer mustClose(t, c)
	h := <-got
	for name, want := range map[string]string{
		"Host": "m", "Origin": "http://page.example", "Sec-Websocket-Protocol": "a, b", "Sec-Websocket-Version": "13",
		"Upgrade": "websocket", "Connection": "Upgrade", "X-Mine": "12", "Cookie": "",
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("joe:welcome")),
	} {
		if h[name] != want {
			t.Errorf("%s: got %q, want %q", name, h[name], want)
		}
	}
	if key, err := base64.StdEncoding.DecodeString(h["Sec-Websocket-Key"]); err != nil || len(key) != 16 {
		t.Errorf("key %q", h["Sec-Websocket-Key"])
	}
	if c.Subprotocol() != "b" || c.Header().Get("X-Answer") != "yes" || strings.Contains(c.URI(), "joe") {
		t.Errorf("subprotocol %q, header %v, URI %s", c.Subprotocol(), c.Header(), c.URI())
	}
}

func TestRefusedHeaders(t *testing.T) {
	for _, h := range []http.Header{
		{"X-Mine": {"1\r\nX-Evil: 2"}}, {"X Mine": {"1"}}, {"Sec-Websocket-Key": {"x"}}, {"Upgrade": {"h2c"}},
	} {
		w := newWorld(t)
		w.host("b", echoServer)
		o := w.options()
		o.Header = h
		if _, err := Dial(t.Context(), "ws://b/", o); err == nil {
			t.Errorf("%q: no error", h)
		}
	}
}

func TestInterimAnswersArePassedOver(t *testing.T) {
	c := dialTo(t, nil, func(p *peer) {
		p.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n")
		echoServer(p)
	})
	say(t, c, "hi")
	mustClose(t, c)
}

func TestBadAnswers(t *testing.T) {
	accept := func(p *peer) string {
		key, _ := p.req.Header("Sec-WebSocket-Key")
		return "Sec-WebSocket-Accept: " + string(wsproto.AppendAccept(nil, key))
	}
	const up, conn = "Upgrade: websocket", "Connection: keep-alive, Upgrade"
	for name, serve := range map[string]func(*peer){
		"no accept":         func(p *peer) { p.status("101 X", up, conn) },
		"wrong accept":      func(p *peer) { p.status("101 X", up, conn, "Sec-WebSocket-Accept: x") },
		"no upgrade":        func(p *peer) { p.status("101 X", conn, accept(p)) },
		"no connection":     func(p *peer) { p.status("101 X", up, accept(p)) },
		"foreign protocol":  func(p *peer) { p.status("101 X", up, conn, accept(p), "Sec-WebSocket-Protocol: z") },
		"foreign extension": func(p *peer) { p.status("101 X", up, conn, accept(p), "Sec-WebSocket-Extensions: permessage-deflate") },
		"endless head":      func(p *peer) { p.write("HTTP/1.1 101 X\r\nA: " + strings.Repeat("x", maxAnswer)) },
	} {
		w := newWorld(t)
		w.host("b", serve)
		if _, err := Dial(t.Context(), "ws://b/", w.options()); !errors.Is(err, ErrHandshake) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWorld(t)
	w.host("b", func(p *peer) { p.write("SSH-2.0-x\r\n") })
	if _, err := Dial(t.Context(), "ws://b/", w.options()); err == nil {
		t.Error("no HTTP: no error")
	}
	for _, uri := range []string{"", "b", "ftp://b/", "ws://", "ws:b", "ws:///x", "ws://b:x/", "ws://b/\n"} {
		if _, err := Dial(t.Context(), uri, w.options()); err == nil {
			t.Errorf("%q: no error", uri)
		}
	}
}

func TestStatusError(t *testing.T) {
	w := newWorld(t)
	w.host("b", func(p *peer) { p.status("503 Service Unavailable", "Retry-After: 7", "X-Why: full") })
	_, err := Dial(t.Context(), "ws://b/", w.options())
	var e *StatusError
	if !errors.As(err, &e) || e.Code != 503 || e.Reason != "Service Unavailable" || e.RetryAfter != 7*time.Second || e.Header.Get("X-Why") != "full" {
		t.Errorf("got %v, %+v", err, e)
	}
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "0": 0, "3": 3 * time.Second, "999999999": time.Hour,
		"Fri, 02 Jan 2026 00:00:09 GMT": 9 * time.Second, "Thu, 01 Jan 2026 00:00:00 GMT": 0,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("Retry-After %q: got %v, want %v", v, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		p := &peer{Conn: c, t: t}
		p.in = bufio.NewReader(c)
		key := r.Header.Get("Sec-WebSocket-Key")
		p.write("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
			string(wsproto.AppendAccept(nil, []byte(key))) + "\r\n\r\n")
		p.echo()
	}))
	defer s.Close()
	uri := strings.Replace(s.URL, "https", "wss", 1)
	if _, err := Dial(t.Context(), uri, Options{}); err == nil || retryable(err) {
		t.Errorf("unknown certificate: %v", err)
	}
	c := mustDial(t, uri, Options{TLS: s.Client().Transport.(*http.Transport).TLSClientConfig})
	defer mustClose(t, c)
	say(t, c, "over TLS")
}

func FuzzRedirected(f *testing.F) {
	for _, s := range []string{"ws://m/", "//m:80/x?.kl=Y&a", "http:x", "wss://[::1]:443/", "/;e/cb#f", "?", "\x00", "wss://u:p@h/%zz"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, to string, secure bool) {
		from, err := parseURI(map[bool]string{true: "wss://b/x?y", false: "ws://b/x?y"}[secure])
		if err != nil {
			t.Fatal(err)
		}
		u, err := redirected(from, to)
		if err != nil {
			return
		}
		if secure && u.Scheme != "wss" || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" || u.User != nil {
			t.Fatalf("%q leads to %s", to, u)
		}
		again, err := normal(u)
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q: %s is not in normal form: %v, %v", to, u, again, err)
		}
		if a, b := bare(withToken(u)), bare(u); a != b || bare(withToken(withToken(u))) != b {
			t.Fatalf("%q: token changes %s to %s", to, b, a)
		}
	})
}

func FuzzObey(f *testing.F) {
	f.Add([]byte("\uf0ffN"), true)
	f.Add([]byte("\uf0ffRws://m/"), false)
	f.Add([]byte("\xef\x83"), true)
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		c := &Conn{said: true, lock: make(chan struct{}, 1), o: &Options{CloseTimeout: time.Second}}
		op := wsproto.OpBinary
		if text {
			op = wsproto.OpText
		}
		next, err := c.obey(op, bytes.Clone(data))
		directive := bytes.HasPrefix(data, []byte("\uf0ffR")) || string(data) == "\uf0ffN"
		if directive != (c.first == nil) {
			t.Fatalf("%q: kept %v", data, c.first)
		}
		if !directive && (!bytes.Equal(c.first.Data, data) || c.first.Text != text) || string("\uf0ffR"+next) != string(data) && next != "" {
			t.Fatalf("%q: %q, %v", data, next, err)
		}
	})
}
