package balance

import (
	"bytes"
	"testing"
)

func targetOf(t testing.TB, balance, uri string) *Target {
	t.Helper()
	m := &member{id: "m", name: "m", advert: &Advert{}, load: new(load)}
	tg := newTarget(m, &Entry{Balance: balance}, uri, nil)
	if tg == nil {
		t.Fatalf("%s under %s is no target", uri, balance)
	}
	return tg
}

func TestAppendURI(t *testing.T) {
	const refused = "refused"
	node1 := "ws://node1.example.com:8081/echo"
	for _, c := range []struct {
		name, uri string
		r         Redirect
		path      string
		query     string
		want      string
	}{
		{"P §4.5(a)", node1, Redirect{Kind: KindP}, "", "", "http://node1.example.com:8081/echo"},
		{"P drops the query", node1, Redirect{Kind: KindP}, "", "a=b", "http://node1.example.com:8081/echo"},
		{"P keeps the query", node1, Redirect{Kind: KindP, KeepQuery: true}, "", ".kn=1&a=b&.ki=p&c", "http://node1.example.com:8081/echo?a=b&c"},
		{"P ws", node1, Redirect{Kind: KindP, Form: FormWS}, "", "", node1},
		{"P relative", node1, Redirect{Kind: KindP, Form: FormRelative, KeepQuery: true}, "", "a", "//node1.example.com:8081/echo?a"},
		{"P TLS", "wss://n:443/x", Redirect{Kind: KindP}, "", "", "https://n:443/x"},
		{"P TLS ws", "wss://n:443/x", Redirect{Kind: KindP, Form: FormWS}, "", "", "wss://n:443/x"},
		{"L §4.5(b)", "ws://localhost:8001/echo1", Redirect{Kind: KindL}, "", ".kl=Y", "ws://localhost:8001/echo1?.kl=Y"},
		{"L with parameter", "ws://node1.example.com:8001/echo", Redirect{Kind: KindL}, "", ".kl=Y&topic=a", "ws://node1.example.com:8001/echo?.kl=Y&topic=a"},
		{"L merges", "ws://n:1/x?m=1", Redirect{Kind: KindL}, "", ".kn=7&.kl=Y", "ws://n:1/x?m=1&.kl=Y"},
		{"L ignores the form", node1, Redirect{Kind: KindL, Form: FormHTTP}, "", "", node1},
		{"X §4.5(d)", "ws://node.kaazing.com:8001/echo", Redirect{Kind: KindX}, "", ".kl=Y", "ws://node.kaazing.com:8001/echo?.kl=Y"},
		{"X §4.5(e)", "ws://node.kaazing.com:8001/echo", Redirect{Kind: KindX}, "", "a=b&x.kl=Y", "http://node.kaazing.com:8001/echo"},
		{"E §4.5(f)", node1, Redirect{Kind: KindE}, "/;e/cbm", ".kn=1&topic=a", "http://node1.example.com:8081/echo/;e/cbm?topic=a"},
		{"E §4.5(g)", node1, Redirect{Kind: KindE}, "/;e/ctm", ".kn=3737770856823772", "http://node1.example.com:8081/echo/;e/ctm"},
		{"E keeps .kl", node1, Redirect{Kind: KindE}, "/;e/ctem", ".kl=Y", "http://node1.example.com:8081/echo/;e/ctem?.kl=Y"},
		{"E at root", "ws://n:1/", Redirect{Kind: KindE}, "/;e/cb", "", "http://n:1/;e/cb"},
		{"E without path", "ws://n:1", Redirect{Kind: KindE}, "/;e/cb", "", "http://n:1/;e/cb"},
		{"E merges", "wss://n:1/x?m=1", Redirect{Kind: KindE}, "/;e/cte", "a", "https://n:1/x/;e/cte?m=1&a"},
		{"E pre-flight §5.2", node1, Redirect{Kind: KindE}, "/;e/cookies", ".krn=42&.kl=Y", "http://node1.example.com:8081/echo?.kl=Y"},
		{"E data URL", node1, Redirect{Kind: KindE}, "/;e/ub/1", "", refused},
		{"E longer suffix", node1, Redirect{Kind: KindE}, "/;e/cb/", "", refused},
		{"E empty suffix", node1, Redirect{Kind: KindE}, "", "", refused},
		{"E line end in suffix", node1, Redirect{Kind: KindE}, "/;e/cb\r\nX: y", "", refused},
		{"S", "sse://n:80/s", Redirect{Kind: KindS}, "", ".kn=1&a=b", "http://n:80/s?a=b"},
		{"S TLS", "sse+ssl://n:443/s", Redirect{Kind: KindS}, "", "", "https://n:443/s"},
		{"H", "http://n:80/h", Redirect{Kind: KindH}, "", "a=%20&&b=", "http://n:80/h?a=%20&b="},
		{"H TLS", "https://n:443/h", Redirect{Kind: KindH}, "", ".krn=1", "https://n:443/h"},
		{"escapes", node1, Redirect{Kind: KindL}, "", "a=\r\n b\xc3\xa9\x7f\x00", node1 + "?a=%0D%0A%20b%C3%A9%7F%00"},
		{"fragment", node1, Redirect{Kind: KindL}, "", "a=b#c&d", node1 + "?a=b"},
		{"names that only begin alike", "http://n:80/h", Redirect{Kind: KindH}, "", ".knp=x&.kr", "http://n:80/h?.knp=x&.kr"},
		{"IPv6", "ws://[::1]:8001/echo", Redirect{Kind: KindP}, "", "", "http://[::1]:8001/echo"},
	} {
		tg := targetOf(t, echo, c.uri)
		c.r.Path, c.r.Query = []byte(c.path), []byte(c.query)
		got, ok := tg.AppendURI([]byte("kept "), &c.r)
		want := "kept " + c.want
		if c.want == refused {
			want = "kept "
		}
		if string(got) != want || ok != (c.want != refused) {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, ok, want)
		}
	}
}

func TestDirectiveLengths(t *testing.T) {
	for _, c := range []struct {
		uri, query string
		want       int // second byte of the frame, protocol.md §4.5(b)
	}{
		{"ws://localhost:8001/echo1", ".kl=Y", 0x23},
		{"ws://node1.example.com:8001/echo", ".kl=Y", 0x2A},
		{"ws://node1.example.com:8001/echo", ".kl=Y&topic=a", 0x32},
	} {
		got, _ := targetOf(t, echo, c.uri).AppendURI(nil, &Redirect{Kind: KindL, Query: []byte(c.query)})
		if 4+len(got) != c.want {
			t.Errorf("%s?%s: payload of %d bytes, want %d", c.uri, c.query, 4+len(got), c.want)
		}
	}
}

func TestFormFor(t *testing.T) {
	for _, c := range []struct {
		f    Form
		ua   string
		want Form
	}{
		{FormAuto, "Python/3.11 websockets/10.4", FormWS},
		{FormAuto, "Go-http-client/1.1", FormHTTP},
		{FormAuto, "", FormHTTP},
		{FormRelative, "websockets/10.4", FormRelative},
		{FormHTTP, "websockets/10.4", FormHTTP},
	} {
		if got := c.f.For([]byte(c.ua)); got != c.want {
			t.Errorf("%d for %q: got %d, want %d", c.f, c.ua, got, c.want)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	for _, uri := range []string{
		"", "ws:", "ws://", "ws:///x", "tcp://n:1", "WS://n:1/", "ws://u@n:1/", "ws://n:1/#f", "ws://n:1/ x", "ws://n:1/\r\n", "n:1",
	} {
		if _, ok := parseAddress(uri); ok {
			t.Errorf("%q accepted", uri)
		}
	}
}

func TestAppendURIAllocations(t *testing.T) {
	tg := targetOf(t, echo, "ws://node1.example.com:8081/echo")
	buf := make([]byte, 0, 256)
	query, path := []byte(".kl=Y&.kn=1&a=b c"), []byte("/;e/cbm")
	if n := testing.AllocsPerRun(100, func() {
		for k := KindP; k <= KindH; k++ {
			buf, _ = tg.AppendURI(buf[:0], &Redirect{Kind: k, KeepQuery: true, Path: path, Query: query})
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAppendURI(f *testing.F) {
	f.Add(uint8(KindE), uint8(FormWS), true, []byte("/;e/cbm"), []byte("a=b&.kn=1#x"))
	f.Add(uint8(KindL), uint8(0), false, []byte(nil), []byte(".kl=Y\r\nSet-Cookie: x"))
	tg := targetOf(f, echo, "ws://node1.example.com:8081/echo")
	f.Fuzz(func(t *testing.T, kind, form uint8, keep bool, path, query []byte) {
		got, ok := tg.AppendURI(nil, &Redirect{Kind: Kind(kind % 6), Form: Form(form % 4), KeepQuery: keep, Path: path, Query: query})
		if !ok {
			if len(got) != 0 {
				t.Fatalf("refused, yet %q", got)
			}
			return
		}
		for _, c := range got {
			if c <= ' ' || c >= 0x7f || c == '#' {
				t.Fatalf("byte %#x in %q", c, got)
			}
		}
		_, rest, _ := bytes.Cut(got, []byte("//"))
		if !bytes.HasPrefix(rest, []byte("node1.example.com:8081/echo")) {
			t.Fatalf("request shaped the address: %q", got)
		}
		if tail := rest[len("node1.example.com:8081/echo"):]; len(tail) > 0 && tail[0] != '?' && !bytes.HasPrefix(tail, []byte("/;e/c")) {
			t.Fatalf("request shaped the path: %q", got)
		}
		if bytes.Contains(got, []byte(".kn=")) && (bytes.Contains(got, []byte("?.kn=")) || bytes.Contains(got, []byte("&.kn="))) {
			t.Fatalf("cache buster in %q", got)
		}
	})
}
