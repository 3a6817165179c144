package origin

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"http://LocalHost":         "http://localhost:80",
		"HTTPS://a.b:8443":         "https://a.b:8443",
		"https://a":                "https://a:443",
		"ws://a/":                  "http://a:80",
		"wss://a:1":                "https://a:1",
		"http://[::1]:80":          "http://[::1]:80",
		"http://[::1]":             "http://[::1]:80",
		"privileged://h:8000":      "privileged://h:8000",
		"file://x":                 "file://x",
		"null":                     "",
		"":                         "",
		"http://":                  "",
		"http://a/b":               "",
		"http://u@a":               "",
		"http://a:0":               "",
		"http://a:65536":           "",
		"http://a:":                "",
		"http://a b":               "",
		"://a":                     "",
		"http://a?b":               "",
		strings.Repeat("a", 400):   "",
		"http://a:80, http://b:80": "",
	} {
		if got, ok := Canonical(in); ok != (want != "") || ok && got != want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestDecide(t *testing.T) {
	member := &Policy{Accept: "http://node1.example.com:8081", Balance: []string{"http://balancer.example.com:8081"}}
	plain := &Policy{Accept: "http://localhost:8000"}
	one := &Policy{Accept: "http://localhost:8000", Constraints: []Constraint{{Origin: "http://page.example.com:80"},
		{Origin: "https://put.example.com:443", Methods: []string{"PUT"}}}}
	star := &Policy{Accept: "http://localhost:8000", Constraints: []Constraint{{Origin: "*"}}}
	for _, tt := range []struct {
		name      string
		p         *Policy
		method    string
		origin    string // "-" = absent
		host      string
		secure    bool
		verdict   Verdict
		cross, on bool // on: CORS lines
	}{
		{"0 no Origin", plain, "GET", "-", "localhost:8000", false, Allow, false, false},
		{"1 null, no constraint", plain, "GET", "null", "localhost:8000", false, Refuse, true, false},
		{"1 null, one constraint", one, "GET", "null", "localhost:8000", false, Refuse, true, false},
		{"1 null, star", star, "GET", "null", "localhost:8000", false, Allow, true, true},
		{"1 empty, star", star, "GET", "", "localhost:8000", false, Allow, true, true},
		{"1 empty, one constraint", one, "GET", "", "localhost:8000", false, Refuse, true, false},
		{"1 garbage, star", star, "GET", "http://a/b", "localhost:8000", false, Allow, true, true},
		{"2 accept authority", plain, "GET", "http://localhost:8000", "localhost:8000", false, Allow, false, false},
		{"2 scheme not compared", plain, "GET", "https://LOCALHOST:8000", "x", false, Allow, false, false},
		{"3a balance URI", member, "GET", "http://balancer.example.com:8081", "node1.example.com:8081", false, Allow, false, false},
		{"3a scheme compared", member, "GET", "https://balancer.example.com:8081", "node1.example.com:8081", false, Refuse, true, false},
		{"3b not with balance", member, "GET", "http://other:8081", "other:8081", false, Refuse, true, false},
		{"3b request's own", plain, "GET", "http://alias", "alias", false, Allow, false, false},
		{"3b TLS", plain, "GET", "https://alias", "alias:443", true, Allow, false, false},
		{"3b TLS differs", plain, "GET", "http://alias", "alias", true, Refuse, true, false},
		{"4 privileged", plain, "GET", "privileged://any:1", "localhost:8000", false, Allow, false, false},
		{"5 constraint", one, "POST", "http://page.example.com", "localhost:8000", false, Allow, true, true},
		{"5 method", one, "PUT", "http://page.example.com", "localhost:8000", false, Refuse, true, false},
		{"5 own methods", one, "PUT", "https://put.example.com", "localhost:8000", false, Allow, true, true},
		{"5 handshake needs GET", one, "GET", "https://put.example.com", "localhost:8000", false, Refuse, true, false},
		{"5 wrong port", one, "GET", "http://page.example.com:81", "localhost:8000", false, Refuse, true, false},
		{"5 wrong scheme", one, "GET", "https://page.example.com:80", "localhost:8000", false, Refuse, true, false},
		{"6 none", plain, "GET", "http://page.example.com", "localhost:8000", false, Refuse, true, false},
		{"OPTIONS, no preflight", star, "OPTIONS", "http://page.example.com", "localhost:8000", false, Refuse, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Request{Method: []byte(tt.method), Host: []byte(tt.host), Secure: tt.secure}
			if tt.origin != "-" {
				r.Origin = []byte(tt.origin)
			}
			d := Decide(tt.p, r)
			if d.Verdict != tt.verdict || d.CrossOrigin != tt.cross || (len(d.Fields(nil)) > 0) != tt.on {
				t.Errorf("got %+v, %d lines", d, len(d.Fields(nil)))
			}
			if n := testing.AllocsPerRun(10, func() { Decide(tt.p, r) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func render(d Decision) string {
	var r httpxe.Response
	d.Answer(&r)
	return strings.ReplaceAll(string(r.Append(nil, httpxe.Plain)), "\r\n", "\n")
}

const block = `Access-Control-Allow-Headers: content-type
Access-Control-Allow-Headers: authorization
Access-Control-Allow-Headers: x-websocket-extensions
Access-Control-Allow-Headers: x-websocket-version
Access-Control-Allow-Headers: x-websocket-protocol
`

func TestAnswers(t *testing.T) {
	p := &Policy{Accept: "http://localhost:8000", Constraints: []Constraint{{Origin: "http://page:80",
		Methods: []string{"GET", "PUT"}, Headers: []string{"x-one", "x-two"}, MaxAge: 60, HasMaxAge: true}, {Origin: "http://bare:80"}}}
	for _, tt := range []struct {
		name string
		r    Request
		want string
	}{
		{"1.8 refused", Request{Method: []byte("GET"), Origin: []byte("http://evil")}, `HTTP/1.1 403 Forbidden
Content-Type: text/html
Content-Length: 61

<html><head></head><body><h1>403 Forbidden</h1></body></html>`},
		{"1.8 allowed", Request{Method: []byte("GET"), Origin: []byte("http://PAGE")}, `HTTP/1.1 200 OK
Access-Control-Allow-Credentials: true
` + block + `Access-Control-Allow-Origin: http://PAGE
Content-Length: 0

`},
		{"1.8 .kac=ex same origin", Request{Method: []byte("GET"), Origin: []byte("http://localhost:8000"), AlwaysCORS: true}, `HTTP/1.1 200 OK
Access-Control-Allow-Credentials: true
` + block + `Access-Control-Allow-Origin: http://localhost:8000
Content-Length: 0

`},
		{"1.8 preflight", Request{Method: []byte("OPTIONS"), Origin: []byte("http://page"), ControlRequest: true}, `HTTP/1.1 200 OK
Access-Control-Allow-Credentials: true
Access-Control-Allow-Headers: x-one,x-two
` + block + `Access-Control-Allow-Methods: GET,PUT
Access-Control-Allow-Origin: http://page
Access-Control-Max-Age: 60
Max-Age: 60
Content-Length: 0

`},
		{"1.8 preflight, defaults", Request{Method: []byte("OPTIONS"), Origin: []byte("http://bare"), ControlRequest: true}, `HTTP/1.1 200 OK
Access-Control-Allow-Credentials: true
` + block + `Access-Control-Allow-Methods: GET,POST
Access-Control-Allow-Origin: http://bare
Content-Length: 0

`},
		{"1.8 preflight, no constraint", Request{Method: []byte("OPTIONS"), Origin: []byte("http://evil"), ControlRequest: true},
			"HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.Host = []byte("localhost:8000")
			if got := render(Decide(p, &tt.r)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestEffective(t *testing.T) {
	p := &Policy{Accept: "http://localhost:8000"}
	r := &Request{Host: []byte("localhost:8000")}
	opt := func(s string) []byte {
		if s == "" {
			return nil
		}
		return []byte(s)
	}
	const own, evil, good = "http://localhost:8000", "http://evil", "http://good"
	for _, tt := range []struct{ name, real, x, ko, want string }{
		{"none", "", "", "", ""},
		{"real", evil, "", "", evil},
		{"bridge", own, good, "", good},
		{"no Origin", "", good, "", good},
		{"null", "null", good, "", good},
		{"forged", evil, good, "", evil},
		{"token alone", "", "", good, good},
		{"token, own", own, "", good, good},
		{"token, forged", evil, "", good, evil},
		{"token, sandboxed page", "null", "", good, "null"},
		{"header before token", "", good, evil, good},
		{"privileged", "privileged://x:1", good, "", good},
	} {
		if got := string(Effective(p, r, opt(tt.real), opt(tt.x), opt(tt.ko))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMethodPath(t *testing.T) {
	for _, tt := range []struct {
		path, method, rest string
		ok                 bool
	}{
		{"/;get/echo/;e/cb", "GET", "/echo/;e/cb", true},
		{"/;post/echo", "POST", "/echo", true},
		{"/;put/", "PUT", "/", true},
		{"/;delete/x", "DELETE", "/x", true},
		{"/;get", "", "/;get", false},
		{"/echo/;get/x", "", "/echo/;get/x", false},
		{"/;trace/x", "", "/;trace/x", false},
	} {
		m, rest, ok := ParseMethodPath([]byte(tt.path))
		if m != tt.method || string(rest) != tt.rest || ok != tt.ok {
			t.Errorf("ParseMethodPath(%q) = %q, %q, %v", tt.path, m, rest, ok)
		}
	}
}

func TestProven(t *testing.T) {
	const o = "http://localhost:8000"
	for _, tt := range []struct {
		name, value, x string
		want           bool
	}{
		{"X-Origin-http%3A%2F%2Flocalhost%3A8000", o, o, true},
		{"x-origin-http%3a%2f%2flocalhost%3a8000", o, o, true},
		{"X-Origin-http%3A%2F%2Flocalhost%3A8001", o, o, false},
		{"X-Origin-http%3A%2F%2Flocalhost%3A8000", "http://other", o, false},
		{"X-Origin-", o, o, false},
		{"X-Origin", o, o, false},
		{"X-Origin-", "", "", false},
	} {
		f := []httpxe.Field{{Name: []byte("Host"), Value: []byte("h")}, {Name: []byte(tt.name), Value: []byte(tt.value)}}
		if got := Proven(f, []byte(tt.x)); got != tt.want {
			t.Errorf("Proven(%s: %s, %q) = %v", tt.name, tt.value, tt.x, got)
		}
	}
}

func TestAccessPolicy(t *testing.T) {
	got, age, ok := AppendAccessPolicy(nil, []Access{
		{"/echo", []Constraint{{Origin: "http://localhost:8001", MaxAge: 7, HasMaxAge: true, Headers: []string{"x-a"}}}},
		{"/a&b", []Constraint{{Origin: "*", Methods: []string{"GET"}, MaxAge: 9, HasMaxAge: true}}},
	})
	const want = `<?xml version="1.0" encoding="utf-8"?>
<access-policy>
<cross-domain-access>
<policy>
<allow-from http-request-headers="Authorization,X-WebSocket-Extensions,X-WebSocket-Version,X-Origin,X-Accept-Commands,X-Sequence-No,X-Origin-http%3A%2F%2Flocalhost%3A8001,x-a">
<domain uri="http://localhost:8001"/>
</allow-from>
<grant-to>
<resource path="/;get/echo" include-subpaths="true"/>
<resource path="/;post/echo" include-subpaths="true"/>
</grant-to>
</policy>
<policy>
<allow-from http-request-headers="Authorization,X-WebSocket-Extensions,X-WebSocket-Version,X-Origin,X-Accept-Commands,X-Sequence-No,X-Origin-null">
<domain uri="http://*"/>
<domain uri="https://*"/>
<domain uri="file:///"/>
</allow-from>
<grant-to>
<resource path="/;get/a&amp;b" include-subpaths="true"/>
</grant-to>
</policy>
</cross-domain-access>
</access-policy>
`
	if string(got) != want || age != 7 || !ok {
		t.Errorf("age %d ok %v\ngot\n%s", age, ok, got)
	}
	var any struct{}
	if err := xml.Unmarshal(got, &any); err != nil {
		t.Error(err)
	}
	if got, age, ok := AppendAccessPolicy([]byte("x"), []Access{{Path: "/echo"}}); ok || age != -1 || string(got) != "x" {
		t.Errorf("no constraint: %q %d %v", got, age, ok)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add("http://page", "localhost:8000", true)
	f.Add("http://[::1]:8000", "", false)
	p := &Policy{Accept: "http://localhost:8000", Constraints: []Constraint{{Origin: "http://page:80"}}}
	f.Fuzz(func(t *testing.T, o, host string, secure bool) {
		d := Decide(p, &Request{Method: []byte("GET"), Origin: []byte(o), Host: []byte(host), Secure: secure})
		c, ok := Canonical(o)
		if d.Verdict == Allow && (!ok || strings.ContainsAny(o, " \r\n\t@?#")) {
			t.Fatalf("origin %q allowed", o)
		}
		if again, ok2 := Canonical(c); ok && (!ok2 || again != c) {
			t.Fatalf("canonical %q of %q is not stable", c, o)
		}
		if d.Verdict == Allow && d.CrossOrigin && c != "http://page:80" {
			t.Fatalf("origin %q matched the constraint", o)
		}
	})
}
