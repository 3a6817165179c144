package cookies

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		path, service string
		op            Op
		ok            bool
	}{
		{"/echo/;api/get-cookies", "/echo", Get, true},
		{"/a/b/;api/set-cookies", "/a/b", Set, true},
		{"/;api/delete-cookies", "/", Delete, true},
		{"/echo/;api/set-cookies&.kn=1", "/echo", Set, true},
		{"/echo/;api/other", "/echo", Unknown, true},
		{"/echo/;api/", "/echo", Unknown, true},
		{"/echo/;api", "", Unknown, false},
		{"/echo", "", Unknown, false},
	} {
		s, op, ok := ParsePath([]byte(tt.path))
		if string(s) != tt.service || op != tt.op || ok != tt.ok {
			t.Errorf("ParsePath(%q) = %q, %v, %v", tt.path, s, op, ok)
		}
	}
}

// Answers of protocol.md §1.10; heads and bodies with LF for CRLF.
func TestAnswer(t *testing.T) {
	const plain = "text/plain; charset=utf-8"
	const bad = `HTTP/1.1 400 Bad Request
Content-Type: text/html
Content-Length: 63

<html><head></head><body><h1>400 Bad Request</h1></body></html>`
	const gone = `HTTP/1.1 404 Not Found
Content-Type: text/html
Content-Length: 61

<html><head></head><body><h1>404 Not Found</h1></body></html>`
	ok := func(cookies ...string) string {
		s := "HTTP/1.1 200 OK\n"
		for _, c := range cookies {
			s += "Set-Cookie: " + c + "\n"
		}
		return s + "Content-Length: 0\n\n"
	}
	for _, tt := range []struct {
		name     string
		o        Options
		op       Op
		ct, body string
		want     string
	}{
		{"set", Options{}, Set, plain, "a=1; Path=/\nb=2; HttpOnly; Secure", ok("a=1; Path=/", "b=2; HttpOnly; Secure")},
		{"set, last line ended", Options{}, Set, "TEXT/PLAIN", "a=1\n", ok("a=1")},
		{"set nothing", Options{}, Set, plain, "", ok()},
		{"set strips domain", Options{}, Set, plain, "a=1; domain=.example.com;Path=/ ;DOMAIN", ok("a=1; Path=/")},
		{"set keeps domain", Options{Domain: "example.com"}, Set, plain, "a=1; domain=.example.com;Path=/", ok("a=1; domain=.example.com;Path=/")},
		{"delete", Options{}, Delete, plain, "a=; Max-Age=0; Domain=x", ok("a=; Max-Age=0")},
		{"delete appends domain", Options{Domain: "example.com"}, Delete, plain, "a=; Max-Age=0; Domain=x", ok("a=; Max-Age=0; Domain=example.com")},
		{"get", Options{}, Get, "", ">|<", "HTTP/1.1 200 OK\nContent-Type: text/plain; charset=UTF-8\nContent-Length: 0\n\n"},
		{"other", Options{}, Unknown, plain, "", gone},
		{"off", Options{Off: true}, Set, plain, "a=1", gone},
		{"no type", Options{}, Set, "", "a=1", bad},
		{"other type", Options{}, Set, "text/html", "a=1", bad},
		{"other type on delete", Options{}, Delete, "application/octet-stream", "a=1", bad},
		{"affinity", Options{}, Set, plain, "a=1\ngwha-YZo3oS_B=1", bad},
		{"affinity, host", Options{}, Set, plain, "__host-GWHA-x=1", bad},
		{"affinity, secure", Options{Domain: "x"}, Delete, plain, " __Secure-gwha-x =1", bad},
		{"no name", Options{}, Set, plain, "=1", bad},
		{"no value", Options{}, Set, plain, "a", bad},
		{"bad name", Options{}, Set, plain, "a b=1", bad},
		{"control byte", Options{}, Set, plain, "a=1\x00", bad},
		{"bare CR", Options{}, Set, plain, "a=1\rSet-Cookie: b=2", bad},
		{"too large", Options{}, Set, plain, "a=" + strings.Repeat("x", MaxBody), bad},
		{"too many", Options{}, Set, plain, strings.Repeat("a=1\n", MaxLines+1), bad},
		{"full", Options{}, Set, plain, strings.Repeat("a=1\n", MaxLines), ok(strings.Fields(strings.Repeat("a=1 ", MaxLines))...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r httpxe.Response
			body := []byte(strings.ReplaceAll(tt.body, "\n", "\r\n"))
			before := bytes.Clone(body)
			err := Answer(&r, &tt.o, tt.op, []byte(tt.ct), body)
			got := strings.ReplaceAll(string(r.Append(nil, httpxe.Plain)), "\r\n", "\n")
			if got != tt.want || (err != nil) != (tt.want == bad) {
				t.Errorf("error %v, got\n%s\nwant\n%s", err, got, tt.want)
			}
			if !bytes.Equal(body, before) {
				t.Error("the body was changed")
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	var r httpxe.Response
	Preflight(&r, []byte("http://node1.example.com:8081/echo"), []byte("a=1; b=2"))
	want := strings.ReplaceAll(`HTTP/1.1 200 OK
Content-Type: text/plain;charset=UTF-8
Location: http://node1.example.com:8081/echo
Content-Length: 8

a=1; b=2`, "\n", "\r\n")
	if got := string(r.Append(nil, httpxe.Plain)); got != want {
		t.Errorf("got %q want %q", got, want)
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte("a=1; Path=/\r\nb=2; Domain=x\r\n"), true)
	f.Fuzz(func(t *testing.T, body []byte, del bool) {
		op := Set
		if del {
			op = Delete
		}
		values, err := Values(&Options{}, op, []byte("text/plain"), body)
		if err != nil && values != nil {
			t.Fatal("values beside an error")
		}
		for _, v := range values {
			if bytes.ContainsAny(v, "\r\n\x00") || bytes.Contains(bytes.ToLower(v), []byte("; domain=")) || isAffinity(v) {
				t.Fatalf("value %q", v)
			}
		}
	})
}
