package wse

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

const testID = "abcdefghijklmnopqrstuvwxyz012345"

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		path    string
		ok      bool
		service string
		kind    Kind
		enc     Encoding
		params  string
	}{
		{"/echo", false, "", Unknown, 0, ""},
		{"/echo/;e", false, "", Unknown, 0, ""},
		{"/echo/;e/cb", true, "/echo", Create, Binary, ""},
		{"/echo/;e/cbm", true, "/echo", Create, BinaryMixed, ""},
		{"/echo/;e/ct", true, "/echo", Create, Text, ""},
		{"/echo/;e/ctm", true, "/echo", Create, TextMixed, ""},
		{"/a/b/;e/cte", true, "/a/b", Create, Escaped, ""},
		{"/;e/ctem", true, "/", Create, EscapedMixed, ""},
		{"/echo/;e/ctem&.kn=1", true, "/echo", Create, EscapedMixed, ".kn=1"},
		{"/echo/;e/cookies", true, "/echo", Cookies, 0, ""},
		{"/echo/;e/cookies?.krn=1", true, "/echo", Cookies, 0, ".krn=1"},
		{"/echo/;e/ub/" + testID, true, "/echo", Upstream, Binary, ""},
		{"/echo/;e/dtem/" + testID + "&.krn=0.68&.kb=4", true, "/echo", Downstream, EscapedMixed, ".krn=0.68&.kb=4"},
		{"/echo/;e/utm/" + testID + "?x", true, "/echo", Upstream, TextMixed, "x"},
		{"/echo/;e/", true, "/echo", Unknown, 0, ""},
		{"/echo/;e/cx", true, "/echo", Unknown, 0, ""},
		{"/echo/;e/cb/", true, "/echo", Unknown, 0, ""},
		{"/echo/;e/cb/../x", true, "/echo", Unknown, 0, ""},
		{"/echo/;e/CB", true, "/echo", Unknown, 0, ""},
		{"/echo/;e/ub", true, "/echo", Unknown, 0, ""},
		{"/echo/;e/ub/short", true, "/echo", Unknown, Binary, ""},
		{"/echo/;e/ub/" + testID + "x", true, "/echo", Unknown, Binary, ""},
		{"/echo/;e/ub/" + testID[:31] + "-", true, "/echo", Unknown, Binary, ""},
		{"/echo/;e/xb/" + testID, true, "/echo", Unknown, 0, ""},
	} {
		p, ok := ParsePath([]byte(tt.path))
		if ok != tt.ok || string(p.Service) != tt.service || p.Kind != tt.kind || p.Encoding != tt.enc ||
			string(p.Params) != tt.params {
			t.Errorf("ParsePath(%q) = %q %v %v %q, %v", tt.path, p.Service, p.Kind, p.Encoding, p.Params, ok)
		}
		if k := p.Kind; (k == Upstream || k == Downstream) && string(p.ID.Append(nil)) != testID {
			t.Errorf("ParsePath(%q): id %s", tt.path, p.ID.Append(nil))
		}
	}
}

func TestID(t *testing.T) {
	random := make([]byte, 256)
	for i := range random {
		random[i] = byte(i)
	}
	id, ok := MakeID(random)
	if want := alphabet[:32]; !ok || string(id[:]) != want {
		t.Errorf("MakeID = %s, want %s", id[:], want)
	}
	if _, ok := MakeID(bytes.Repeat([]byte{0xFF}, 1000)); ok {
		t.Error("bytes 248 to 255 would be drawn with bias")
	}
	if _, ok := MakeID(random[:31]); ok {
		t.Error("31 bytes were enough")
	}
	if again, ok := ParseID(id[:]); !ok || again != id {
		t.Error("own id refused")
	}
	if s := id.String(); bytes.Contains([]byte(s), id[6:12]) || len(s) > 10 {
		t.Errorf("String leaks %q", s)
	}
}

func TestCreateBody(t *testing.T) {
	id, _ := ParseID([]byte(testID))
	const up, down = "http://node1.example.com:8081/echo/;e/ubm/" + testID, "http://node1.example.com:8081/echo/;e/dbm/" + testID
	for _, tt := range []struct {
		base, query, want string
		n                 int
	}{
		{"http://node1.example.com:8081/echo", "", up + "\n" + down + "\n", 150},
		{"http://node1.example.com:8081/echo/", "topic=a", up + "?topic=a\n" + down + "?topic=a\n", 166},
		{"http://node1.example.com:8081/echo", ".kn=1&topic=a&.krn=2", up + "?topic=a\n" + down + "?topic=a\n", 166},
		{"http://node1.example.com:8081/echo", ".kn=1", up + "\n" + down + "\n", 150},
	} {
		got := AppendCreateBody(nil, []byte(tt.base), BinaryMixed, &id, []byte(tt.query))
		if string(got) != tt.want || len(got) != tt.n {
			t.Errorf("query %q:\ngot  %q (%d)\nwant %q (%d)", tt.query, got, len(got), tt.want, tt.n)
		}
	}
	if got := AppendCreateSuffix(nil, TextMixed); string(got) != "/;e/ctm" {
		t.Errorf("suffix %s", got)
	}
}

// The Location of a redirected create and pre-flight (protocol.md §4.5f, §5.2).
func TestRedirectPieces(t *testing.T) {
	const member = "http://node1.example.com:8081/echo"
	for _, tt := range []struct{ path, query, want string }{
		{"/echo/;e/cbm", ".kn=1&topic=a", member + "/;e/cbm?topic=a"},
		{"/echo/;e/ctm", ".kn=3737770856823772", member + "/;e/ctm"},
		{"/echo/;e/cookies", ".krn=42&.kl=Y", member + "?.kl=Y"},
	} {
		p, _ := ParsePath([]byte(tt.path))
		got := []byte(member)
		if p.Kind == Create {
			got = AppendCreateSuffix(got, p.Encoding)
		}
		if got = AppendQuery(got, []byte(tt.query)); string(got) != tt.want {
			t.Errorf("%s?%s: %s, want %s", tt.path, tt.query, got, tt.want)
		}
	}
}

func TestLongPoll(t *testing.T) {
	on, off := NewSequence(1), Sequence{}
	for _, tt := range []struct {
		p         Params
		buffering string
		s         *Sequence
		want, ok  bool
	}{
		{Params{}, "", &on, false, true}, {Params{}, "off", &off, false, true}, {Params{Proxy: true}, "", &on, true, true},
		{Params{}, "on", &on, true, true}, {Params{Proxy: true}, "", &off, false, false}, {Params{}, "on", &off, false, false},
	} {
		if got, err := LongPoll(&tt.p, []byte(tt.buffering), tt.s); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}

func TestParams(t *testing.T) {
	p, err := ParseParams([]byte("topic=a&.kl=Y&.kv=10.05&.ki=p&.kd=s&.kns=1&.kac=ex&.ksn=9007199254740991&.kb=4096&.kp=2048" +
		"&.kbp=4096&.kkt=20&.kf=200&.kc=text/plain;charset=windows-1252&.kcc=private&.kct=application%2Fx-message-http" +
		"&.ko=http%3A%2F%2Fa%3A1&.km=D&.knp=x&.kid=77&.kr=xs&.kn=1&12345"))
	if err != nil {
		t.Fatal(err)
	}
	want := Params{Legacy: true, Directives: true, EndMarker: true, Proxy: true, SameScheme: true, NoSniff: true,
		AlwaysCORS: true, Sequenced: true, Sequence: MaxSequence, Buffer: 4 << 20, Padding: 2048, BlockPadding: 4096,
		Heartbeat: 20 * time.Second, FirstFlush: 200 * time.Millisecond, Method: "DELETE"}
	texts := [][2]string{{string(p.ContentType), "text/plain;charset=windows-1252"}, {string(p.CacheControl), "private"},
		{string(p.RequestType), "application/x-message-http"}, {string(p.Origin), "http://a:1"},
		{string(p.NextProtocol), "x"}, {string(p.ClientID), "77"}, {string(p.Resource), "xs"}}
	for _, v := range texts {
		if v[0] != v[1] {
			t.Errorf("got %q want %q", v[0], v[1])
		}
	}
	p.ContentType, p.CacheControl, p.RequestType, p.Origin, p.NextProtocol, p.ClientID, p.Resource =
		nil, nil, nil, nil, nil, nil, nil
	if !equalParams(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

// equalParams compares the comparable part of two Params.
func equalParams(a, b Params) bool {
	return a.Legacy == b.Legacy && a.Directives == b.Directives && a.EndMarker == b.EndMarker && a.Proxy == b.Proxy &&
		a.SameScheme == b.SameScheme && a.NoSniff == b.NoSniff && a.AlwaysCORS == b.AlwaysCORS && a.Sequenced == b.Sequenced &&
		a.Sequence == b.Sequence && a.Buffer == b.Buffer && a.Padding == b.Padding && a.BlockPadding == b.BlockPadding &&
		a.Heartbeat == b.Heartbeat && a.FirstFlush == b.FirstFlush && a.Method == b.Method
}

func TestParamsOdd(t *testing.T) {
	for _, tt := range []struct {
		query string
		check func(p *Params) bool
	}{
		{"", func(p *Params) bool { return equalParams(*p, Params{}) }},
		{"x.kl=Y", func(p *Params) bool { return !p.Legacy }},
		{"a=.kl=Y", func(p *Params) bool { return !p.Directives }}, // deviation 12
		{".kl=nq", func(p *Params) bool { return p.Legacy && !p.Directives && !p.EndMarker }},
		{".kv=10.05", func(p *Params) bool { return p.Legacy && !p.Directives && p.EndMarker }},
		{".kl=y", func(p *Params) bool { return !p.Directives }},
		{".ksn=5&.ksn=6", func(p *Params) bool { return p.Sequence == 6 }},
		{".kb=99999999999999999999", func(p *Params) bool { return p.Buffer == maxBufferKiB<<10 }},
		{".kb=-1&.kp=x&.kkt=&.kf", func(p *Params) bool { return equalParams(*p, Params{}) }},
		{".kc=text/html", func(p *Params) bool { return p.ContentType == nil }},
		{".kc=image/svg%2Bxml", func(p *Params) bool { return p.ContentType == nil }},
		{".kc=text/plain", func(p *Params) bool { return string(p.ContentType) == "text/plain;charset=UTF-8" }},
		{".kc=text/plain%0d%0aX:%20y", func(p *Params) bool { return p.ContentType == nil }},
		{".kcc=a%0ab", func(p *Params) bool { return p.CacheControl == nil }},
		{".kcc=a%", func(p *Params) bool { return p.CacheControl == nil }},
		{".km=X", func(p *Params) bool { return p.Method == "" }},
		{".km=G&.km=T", func(p *Params) bool { return p.Method == "PUT" }},
	} {
		p, err := ParseParams([]byte(tt.query))
		if err != nil || !tt.check(&p) {
			t.Errorf("%q: %+v, %v", tt.query, p, err)
		}
	}
	for _, q := range []string{".ksn=-1", ".ksn=1.5", ".ksn=9007199254740992", ".ksn=", ".ksn=a"} {
		var se *httpxe.StatusError
		if _, err := ParseParams([]byte(q)); !errors.As(err, &se) || se.Status != 400 {
			t.Errorf("%q: %v", q, err)
		}
	}
	var p Params
	p.ForBrowser([]byte("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko"))
	if p.Padding != 2048 || string(p.CacheControl) != "private" || p.FirstFlush != 200*time.Millisecond {
		t.Errorf("IE11: %+v", p)
	}
}

func TestPadding(t *testing.T) {
	got := AppendPadding(AppendNOP(nil), 4, 2048)
	want := append([]byte("\x0100\xFF\x01"), append(bytes.Repeat([]byte{'0'}, 2044), 0xFF)...)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	for _, total := range []int{0, 4, 5} {
		if got := AppendPadding(nil, 4, total); len(got) != 0 {
			t.Errorf("total %d: % X", total, got)
		}
	}
	if got := decode(&Options{}, AppendReconnect(AppendPadding(nil, 0, 9))); got != "reconnect" {
		t.Errorf("decoded %s", got)
	}
}

func TestSequence(t *testing.T) {
	s := NewSequence(5)
	for _, tt := range []struct {
		n       int64
		present bool
		ok      bool
	}{{6, true, true}, {6, true, false}, {8, true, false}, {0, false, false}, {7, true, true}} {
		if err := s.Advance(tt.n, tt.present); (err == nil) != tt.ok {
			t.Errorf("Advance(%d, %v) = %v", tt.n, tt.present, err)
		}
	}
	var free Sequence
	if free.On() || free.Advance(0, false) != nil || free.Advance(99, true) != nil {
		t.Error("unsequenced session refused a request")
	}
	if s := NewSequence(0); !s.On() || s.Advance(1, true) != nil {
		t.Error("create with number 0")
	}
}

func TestCheckCreate(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		method, version, accept string
		seq, query              string
		strict                  bool
		reason                  string // "" = accepted, "-" = 400 of the standard phrase
		ping, sequenced         bool
	}{
		{name: "browser", method: "GET"},
		{name: "full", method: "POST", version: "wseb-1.0", accept: "ping", seq: "5", strict: true, ping: true, sequenced: true},
		{name: "token", method: "POST", query: ".ksn=5", sequenced: true},
		{name: "method", method: "PUT", reason: "Forbidden wse create request method PUT"},
		{name: "version", method: "POST", version: "wseb-1.1", reason: "WebSocket-Version not supported"},
		{name: "strict version", method: "POST", seq: "1", strict: true, reason: "WebSocket-Version not supported"},
		{name: "strict number", method: "POST", version: "wseb-1.0", strict: true, reason: "-"},
		{name: "commands", method: "POST", accept: "pong", reason: "-"},
		{name: "negative", method: "POST", seq: "-1", reason: "-"},
		{name: "too large", method: "POST", seq: "9007199254740992", reason: "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := func(s string) []byte {
				if s == "" {
					return nil
				}
				return []byte(s)
			}
			p, err := ParseParams([]byte(tt.query))
			if err != nil {
				t.Fatal(err)
			}
			c, err := CheckCreate(&CreateRequest{Method: []byte(tt.method), Version: opt(tt.version),
				AcceptCommands: opt(tt.accept), SequenceNo: opt(tt.seq), Params: &p, Strict: tt.strict})
			var se *httpxe.StatusError
			errors.As(err, &se)
			switch {
			case tt.reason == "" && (err != nil || c.Ping != tt.ping || c.Sequenced != tt.sequenced):
				t.Errorf("got %+v, %v", c, err)
			case tt.reason == "-" && (se == nil || se.Status != 400 || se.Reason != "Bad Request"):
				t.Errorf("got %v", err)
			case len(tt.reason) > 1 && (se == nil || se.Status != 400 || se.Reason != tt.reason):
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("/echo/;e/ub/"+testID+"&.krn=1", ".kl=Y&.ksn=5&.kc=text%2Fplain&a=b")
	f.Fuzz(func(t *testing.T, path, query string) {
		p, ok := ParsePath([]byte(path))
		if ok && len(p.Service) == 0 {
			t.Fatalf("no service in %q", path)
		}
		if p.Kind == Create {
			again, _ := ParsePath(AppendCreateSuffix(nil, p.Encoding))
			if again.Kind != Create || again.Encoding != p.Encoding {
				t.Fatalf("suffix of %q", path)
			}
		}
		ParseParams([]byte(query))
		once := AppendQuery(nil, []byte(query))
		if len(once) > len(query)+1 {
			t.Fatalf("query grew: %q", once)
		}
		if len(once) > 0 {
			if twice := AppendQuery(nil, once[1:]); !bytes.Equal(once, twice) {
				t.Fatalf("%q then %q", once, twice)
			}
		}
	})
}
