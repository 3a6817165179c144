package wsproto

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// head writes a request with CRLF line ends and a blank line.
func head(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// summary is everything a request says, for comparisons.
func summary(r *Request) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s 1.%d raw=%s path=%s query=%s host=%s cl=%d chunked=%v close=%v expect=%v", r.Method, r.Target, r.Minor,
		r.RawPath, r.Path, r.RawQuery, r.Authority, r.ContentLength, r.Chunked, r.Close, r.Expect100)
	for _, f := range r.Headers() {
		fmt.Fprintf(&s, " [%s=%s]", f.Name, f.Value)
	}
	return s.String()
}

func statusOf(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *StatusError
	if !errors.As(err, &e) {
		t.Fatalf("error is %T, want *StatusError", err)
	}
	return e.Status
}

// parseEverySplit parses in whole, and as it grows byte by byte and from each
// prefix, with and without the hint what was seen. All must agree.
func parseEverySplit(t testing.TB, in string, lim HeadLimits) (r *Request, n, status int) {
	t.Helper()
	r = new(Request)
	b := []byte(in)
	n, err := r.Parse(b, lim)
	status = statusOf(t, err)
	if string(b) != in {
		t.Fatal("input was changed")
	}
	if status == 0 && n == 0 {
		return r, 0, 0
	}
	var g Request
	grow := func(hint bool) {
		t.Helper()
		for i := 0; i <= len(b); i++ {
			seen := 0
			if hint && i > 0 {
				seen = i - 1
			}
			m, err := g.ParseFrom(b[:i:i], seen, lim)
			if s := statusOf(t, err); s != 0 || m != 0 {
				if s != status || m != n {
					t.Fatalf("hint %v, %d bytes: n %d status %d, whole gives n %d status %d (%v)", hint, i, m, s, n, status, err)
				}
				if s == 0 && summary(&g) != summary(r) {
					t.Fatalf("hint %v, %d bytes: %s\nwhole: %s", hint, i, summary(&g), summary(r))
				}
				return
			}
		}
		t.Fatalf("hint %v: nothing came out, whole gives n %d status %d", hint, n, status)
	}
	if len(b) < 2000 {
		grow(false)
	}
	grow(true)
	for i := 1; i < len(b); i += max(1, len(b)/200) {
		m, err := g.Parse(b[:i:i], lim)
		if s := statusOf(t, err); (s != 0 || m != 0) && (s != status || m != n) {
			t.Fatalf("prefix of %d: n %d status %d, whole gives n %d status %d", i, m, s, n, status)
		} else if s != 0 || m != 0 {
			continue
		}
		m, err = g.ParseFrom(b, i, lim)
		if s := statusOf(t, err); (m != n || s != status) && !(s == 0 && m == 0 && status != 0) {
			t.Fatalf("rest after %d: n %d status %d, whole gives n %d status %d", i, m, s, n, status)
		}
	}
	return r, n, status
}

func TestRequestAccepted(t *testing.T) {
	tests := []struct {
		name string
		in   string
		lim  HeadLimits
		want string
	}{
		{"plain", head("GET /echo HTTP/1.1", "Host: localhost:8000"), HeadLimits{},
			"GET /echo 1.1 raw=/echo path=/echo query= host=localhost:8000 cl=-1 chunked=false close=false expect=false [Host=localhost:8000]"},
		{"query", head("GET /echo?.kl=Y&a=%zz\\ HTTP/1.1", "Host: h"), HeadLimits{},
			"GET /echo?.kl=Y&a=%zz\\ 1.1 raw=/echo path=/echo query=.kl=Y&a=%zz\\ host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"percent", head("GET /%69ndex%2ehtml HTTP/1.1", "Host: h"), HeadLimits{},
			"GET /%69ndex%2ehtml 1.1 raw=/%69ndex%2ehtml path=/index.html query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"decoded once", head("GET /%252e%252e/x HTTP/1.1", "Host: h"), HeadLimits{},
			"GET /%252e%252e/x 1.1 raw=/%252e%252e/x path=/%2e%2e/x query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"slashes", head("GET //a///b// HTTP/1.1", "Host: h"), HeadLimits{},
			"GET //a///b// 1.1 raw=//a///b// path=/a/b/ query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"dots that do not climb", head("GET /a/..b/.../.c HTTP/1.1", "Host: h"), HeadLimits{},
			"GET /a/..b/.../.c 1.1 raw=/a/..b/.../.c path=/a/..b/.../.c query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"marker path", head("GET /echo/;e/cbm?.kn=1 HTTP/1.1", "Host: h"), HeadLimits{},
			"GET /echo/;e/cbm?.kn=1 1.1 raw=/echo/;e/cbm path=/echo/;e/cbm query=.kn=1 host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"host in capitals", head("GET / HTTP/1.1", "HOST:\t LocalHost:8000 "), HeadLimits{},
			"GET / 1.1 raw=/ path=/ query= host=localhost:8000 cl=-1 chunked=false close=false expect=false [HOST=LocalHost:8000]"},
		{"IPv6", head("GET / HTTP/1.1", "Host: [::1]:80"), HeadLimits{},
			"GET / 1.1 raw=/ path=/ query= host=[::1]:80 cl=-1 chunked=false close=false expect=false [Host=[::1]:80]"},
		{"absolute", head("GET http://H:8000/a HTTP/1.1", "Host: h:8000"), HeadLimits{},
			"GET http://H:8000/a 1.1 raw=/a path=/a query= host=h:8000 cl=-1 chunked=false close=false expect=false [Host=h:8000]"},
		{"absolute, default port", head("GET http://h/a HTTP/1.1", "Host: h:80"), HeadLimits{},
			"GET http://h/a 1.1 raw=/a path=/a query= host=h:80 cl=-1 chunked=false close=false expect=false [Host=h:80]"},
		{"absolute, default port of https", head("GET HTTPS://h:443/a HTTP/1.1", "Host: h"), HeadLimits{},
			"GET HTTPS://h:443/a 1.1 raw=/a path=/a query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"absolute without path", head("GET http://h?q HTTP/1.1", "Host: h"), HeadLimits{},
			"GET http://h?q 1.1 raw= path=/ query=q host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"absolute without Host", head("GET ws://h/ HTTP/1.1"), HeadLimits{},
			"GET ws://h/ 1.1 raw=/ path=/ query= host=h cl=-1 chunked=false close=false expect=false"},
		{"absolute with empty Host", head("GET http://h/ HTTP/1.0", "Host:"), HeadLimits{},
			"GET http://h/ 1.0 raw=/ path=/ query= host=h cl=-1 chunked=false close=true expect=false [Host=]"},
		{"asterisk", head("OPTIONS * HTTP/1.1", "Host: h"), HeadLimits{},
			"OPTIONS * 1.1 raw=* path=* query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"connect", head("CONNECT h:443 HTTP/1.1", "Host: h:443"), HeadLimits{},
			"CONNECT h:443 1.1 raw= path= query= host=h:443 cl=-1 chunked=false close=false expect=false [Host=h:443]"},
		{"body", head("POST / HTTP/1.1", "Host: h", "Content-Length: 12", "Expect: 100-Continue"), HeadLimits{},
			"POST / 1.1 raw=/ path=/ query= host=h cl=12 chunked=false close=false expect=true [Host=h] [Content-Length=12] [Expect=100-Continue]"},
		{"chunked", head("PATCH / HTTP/1.1", "Host: h", "Transfer-Encoding: Chunked", "Connection: a, CLOSE"), HeadLimits{},
			"PATCH / 1.1 raw=/ path=/ query= host=h cl=-1 chunked=true close=true expect=false [Host=h] [Transfer-Encoding=Chunked] [Connection=a, CLOSE]"},
		{"1.0", head("GET / HTTP/1.0", "Host: h", "Connection: keep-alive"), HeadLimits{},
			"GET / 1.0 raw=/ path=/ query= host=h cl=-1 chunked=false close=true expect=false [Host=h] [Connection=keep-alive]"},
		{"empty and odd values", head("GET / HTTP/1.1", "Host: h", "A:", "B: \t ", "C: a\tb \xe4", "!#$%&'*+-.^_`|~9:x:y"), HeadLimits{},
			"GET / 1.1 raw=/ path=/ query= host=h cl=-1 chunked=false close=false expect=false [Host=h] [A=] [B=] [C=a\tb \xe4] [!#$%&'*+-.^_`|~9=x:y]"},
		{"obs-fold", head("GET / HTTP/1.1", "Host: h", "A: b", "  c  ", "\td", "B:", " e", "C: f", "  ", "A: g", " h"), HeadLimits{ObsFold: true},
			"GET / 1.1 raw=/ path=/ query= host=h cl=-1 chunked=false close=false expect=false [Host=h] [A=b c d] [B=e] [C=f] [A=g h]"},
		{"exactly MaxBytes", head("GET / HTTP/1.1", "Host: h"), HeadLimits{MaxBytes: 27},
			"GET / 1.1 raw=/ path=/ query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
		{"exactly MaxHeaders", head("GET / HTTP/1.1", "Host: h", "a: b"), HeadLimits{MaxHeaders: 2},
			"GET / 1.1 raw=/ path=/ query= host=h cl=-1 chunked=false close=false expect=false [Host=h] [a=b]"},
		{"exactly MaxTarget", head("GET /234567 HTTP/1.1", "Host: h"), HeadLimits{MaxTarget: 7},
			"GET /234567 1.1 raw=/234567 path=/234567 query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, n, status := parseEverySplit(t, tt.in, tt.lim)
			if status != 0 || n != len(tt.in) {
				t.Fatalf("n %d status %d, want n %d", n, status, len(tt.in))
			}
			if got := summary(r); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if n, err := r.Parse([]byte(tt.in+"\x81\x80abcd"), tt.lim); n != len(tt.in) || err != nil {
				t.Errorf("with early data: n %d, %v", n, err)
			}
		})
	}
}

func TestRequestRefused(t *testing.T) {
	long := strings.Repeat("x", 8192)
	many := make([]string, 257)
	for i := range many {
		many[i] = "a: b"
	}
	get := func(lines ...string) string { return head(append([]string{"GET / HTTP/1.1", "Host: h"}, lines...)...) }
	tests := []struct {
		name string
		in   string
		want int
	}{
		{"unknown method", "DIVIDE ", 501},
		{"HTTP/2 preface", "PRI ", 501},
		{"method in lower case", "get ", 501},
		{"endless method", strings.Repeat("A", 33), 501},
		{"method with a colon", "GE:", 400},
		{"TLS", "\x16", 400},
		{"blank line first", "\r", 400},
		{"leading blank", " ", 400},
		{"NUL", "\x00", 400},
		{"tab after the method", "GET\t", 400},
		{"no target", "GET\r", 400},
		{"empty target", "GET  ", 400},
		{"HTTP/0.9", "GET /\r", 400},
		{"space in the target", "GET /a b", 400},
		{"raw UTF-8 in the target", "GET /\xc3", 400},
		{"control in the target", "GET /\x01", 400},
		{"NUL in the target", "GET /\x00", 400},
		{"fragment", "GET /a#", 400},
		{"long target", "GET /" + long, 414},
		{"HTTP/2.0", "GET / HTTP/2.0\r", 505},
		{"HTTP/0.9 by name", "GET / HTTP/0.9\r", 505},
		{"garbled version", "GET / HTP", 400},
		{"version in lower case", "GET / h", 400},
		{"long version", "GET / HTTP/1.10", 400},
		{"blank after the version", "GET / HTTP/1.1 ", 400},
		{"bare LF after the version", "GET / HTTP/1.1\n", 400},
		{"bare CR after the version", "GET / HTTP/1.1\rX", 400},
		{"relative target", "GET a HTTP/1.1\r\n", 400},
		{"unknown scheme", "GET ftp://h/ HTTP/1.1\r\n", 400},
		{"GET *", "GET * HTTP/1.1\r\n", 400},
		{"escaped slash", "GET /a%2fb HTTP/1.1\r\n", 400},
		{"escaped backslash", "GET /a%5Cb HTTP/1.1\r\n", 400},
		{"bare backslash", "GET /a\\b HTTP/1.1\r\n", 400},
		{"escaped NUL", "GET /a%00 HTTP/1.1\r\n", 400},
		{"broken escape", "GET /a%zz HTTP/1.1\r\n", 400},
		{"cut escape", "GET /a%2 HTTP/1.1\r\n", 400},
		{"dots", "GET /a/../b HTTP/1.1\r\n", 400},
		{"a dot", "GET /a/./b HTTP/1.1\r\n", 400},
		{"a dot at the end", "GET /a/. HTTP/1.1\r\n", 400},
		{"an escaped dot", "GET /%2e/b HTTP/1.1\r\n", 400},
		{"dots at the end", "GET /.. HTTP/1.1\r\n", 400},
		{"escaped dots", "GET /a/%2E./b HTTP/1.1\r\n", 400},
		{"absolute with dots", "GET http://h/.. HTTP/1.1\r\n", 400},
		{"blank-led first header", "GET / HTTP/1.1\r\n ", 400},
		{"tab-led first header", "GET / HTTP/1.1\r\n\t", 400},
		{"blank before the colon", "GET / HTTP/1.1\r\nHost ", 400},
		{"no name", "GET / HTTP/1.1\r\n:", 400},
		{"no colon", "GET / HTTP/1.1\r\nHost\r", 400},
		{"paren in a name", "GET / HTTP/1.1\r\nHo(", 400},
		{"UTF-8 in a name", "GET / HTTP/1.1\r\nH\xc3", 400},
		{"bare LF in a header", "GET / HTTP/1.1\r\nHost: h\n", 400},
		{"bare CR in a header", "GET / HTTP/1.1\r\nHost: h\rX", 400},
		{"NUL in a value", "GET / HTTP/1.1\r\nHost: h\x00", 400},
		{"DEL in a value", "GET / HTTP/1.1\r\nHost: h\x7f", 400},
		{"obs-fold", "GET / HTTP/1.1\r\nHost: h\r\n ", 400},
		{"bare CR for the blank line", "GET / HTTP/1.1\r\nHost: h\r\n\rX", 400},
		{"bare LF for the blank line", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
		{"many headers", "GET / HTTP/1.1\r\n" + strings.Join(many, "\r\n")[:256*6+1], 431},
		{"big header", "GET / HTTP/1.1\r\na: " + strings.Repeat("x", 65536-19), 431},
		{"big head", "GET / HTTP/1.1\r\n" + strings.Repeat("a: "+strings.Repeat("x", 995)+"\r\n", 66)[:65536-16], 431},
		{"no Host", head("GET / HTTP/1.1"), 400},
		{"no Host in 1.0", head("GET / HTTP/1.0"), 400},
		{"empty Host", head("GET / HTTP/1.1", "Host: "), 400},
		{"two Hosts", get("Host: h"), 400},
		{"two Hosts, absolute", head("GET http://h/ HTTP/1.1", "Host: h", "host: h"), 400},
		{"other Host", head("GET http://h/ HTTP/1.1", "Host: g"), 400},
		{"other port", head("GET http://h/ HTTP/1.1", "Host: h:8000"), 400},
		{"https port for http", head("GET http://h/ HTTP/1.1", "Host: h:443"), 400},
		{"userinfo", head("GET http://u:p@h/ HTTP/1.1", "Host: h"), 400},
		{"userinfo without Host", head("GET http://u@h/ HTTP/1.1"), 400},
		{"userinfo in Host", head("GET / HTTP/1.1", "Host: u@h"), 400},
		{"empty authority", head("GET http:///a HTTP/1.1"), 400},
		{"list in Host", head("GET / HTTP/1.1", "Host: a, b"), 400},
		{"path in Host", head("GET / HTTP/1.1", "Host: h/x"), 400},
		{"escape in Host", head("GET / HTTP/1.1", "Host: h%20"), 400},
		{"empty port", head("GET / HTTP/1.1", "Host: h:"), 400},
		{"port 0", head("GET / HTTP/1.1", "Host: h:0"), 400},
		{"port 65536", head("GET / HTTP/1.1", "Host: h:65536"), 400},
		{"port of letters", head("GET / HTTP/1.1", "Host: h:http"), 400},
		{"signed port", head("GET / HTTP/1.1", "Host: h:+80"), 400},
		{"open bracket", head("GET / HTTP/1.1", "Host: [::1"), 400},
		{"zone", head("GET / HTTP/1.1", "Host: [fe80::1%25eth0]"), 400},
		{"after the bracket", head("GET / HTTP/1.1", "Host: [::1]x"), 400},
		{"only a port", head("GET / HTTP/1.1", "Host: :80"), 400},
		{"long name", head("GET / HTTP/1.1", "Host: "+strings.Repeat("a", 262)), 400},
		{"CONNECT elsewhere", head("CONNECT h:1 HTTP/1.1", "Host: g:1"), 400},
		{"CL and TE", get("Content-Length: 3", "Transfer-Encoding: chunked"), 400},
		{"TE and CL", get("Transfer-Encoding: chunked", "Content-Length: 3"), 400},
		{"two CLs", get("Content-Length: 3", "Content-Length: 4"), 400},
		{"two equal CLs", get("Content-Length: 3", "Content-Length: 3"), 400},
		{"CL list", get("Content-Length: 3, 3"), 400},
		{"CL with a sign", get("Content-Length: +3"), 400},
		{"negative CL", get("Content-Length: -1"), 400},
		{"hexadecimal CL", get("Content-Length: 0x3"), 400},
		{"empty CL", get("Content-Length:"), 400},
		{"huge CL", get("Content-Length: 9999999999999999999"), 400},
		{"two TEs", get("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400},
		{"unknown TE", get("Transfer-Encoding: xchunked"), 501},
		{"TE list", get("Transfer-Encoding: gzip, chunked"), 501},
		{"TE identity", get("Transfer-Encoding: identity"), 501},
		{"TE with vertical tab", get("Transfer-Encoding:\x0b")[:44], 400},
		{"TE in 1.0", head("POST / HTTP/1.0", "Host: h", "Transfer-Encoding: chunked"), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, n, status := parseEverySplit(t, tt.in, HeadLimits{})
			if status != tt.want || n != 0 {
				t.Errorf("n %d status %d, want status %d", n, status, tt.want)
			}
			var r Request
			if m, err := r.Parse([]byte(tt.in[:len(tt.in)-1]), HeadLimits{}); m != 0 || err != nil {
				t.Errorf("one byte less: n %d, %v; want more bytes", m, err)
			}
			_, err := r.Parse([]byte(tt.in), HeadLimits{})
			var e *StatusError
			if errors.As(err, &e); e == nil || !e.Close || e.Reason != ReasonPhrase(tt.want) || e.Err == nil {
				t.Errorf("error %+v does not close or is not explained", e)
			}
		})
	}
}

func TestRequestLookup(t *testing.T) {
	in := head("GET /p?a=1&.kl=Y&&b&a=2&c=x=y HTTP/1.1", "Host: h", "Upgrade: h2c , WebSocket,", "x: 1", "X: 2", "Y: ")
	var r Request
	if _, err := r.Parse([]byte(in), HeadLimits{}); err != nil {
		t.Fatal(err)
	}
	var each []string
	r.Each("X", func(v []byte) bool { each = append(each, string(v)); return true })
	if got := strings.Join(each, ","); got != "1,2" || r.Count("x") != 2 {
		t.Errorf("Each = %s, Count %d", got, r.Count("x"))
	}
	r.Each("X", func(v []byte) bool { each = append(each, string(v)); return false })
	if len(each) != 3 {
		t.Errorf("Each did not stop: %v", each)
	}
	if v, ok := r.Header("y"); !ok || len(v) != 0 {
		t.Errorf("Header(y) = %q, %v", v, ok)
	}
	if _, ok := r.Header("z"); ok {
		t.Error("Header(z) found")
	}
	if !r.IsUpgrade() || !r.IsHandshake() || r.HasToken("Upgrade", "h2") || !r.HasToken("upgrade", "H2C") || r.HasToken("Y", "z") {
		t.Error("tokens of Upgrade")
	}
	for name, want := range map[string]string{"a": "1", ".kl": "Y", "b": "", "c": "x=y"} {
		if v, ok := r.QueryParam(name); !ok || string(v) != want {
			t.Errorf("QueryParam(%s) = %q, %v, want %q", name, v, ok, want)
		}
	}
	if _, ok := r.QueryParam("k"); ok {
		t.Error("QueryParam(k) found")
	}
	var pairs []string
	r.EachParam(func(pair, _, _ []byte) bool { pairs = append(pairs, string(pair)); return true })
	if got := strings.Join(pairs, " "); got != "a=1 .kl=Y b a=2 c=x=y" {
		t.Errorf("EachParam: %s", got)
	}
}

func TestIsHandshake(t *testing.T) {
	for line, want := range map[string]bool{"Upgrade: websocket": true, "Sec-WebSocket-Key: x": true, "Upgrade: h2c": false} {
		if got := parsed(t, head("GET / HTTP/1.1", "Host: h", line)).IsHandshake(); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}

func TestRequestReuse(t *testing.T) {
	var r Request
	if _, err := r.Parse([]byte(head("POST http://HOST//x%41?q HTTP/1.0", "Host: HOST", "Content-Length: 5")), HeadLimits{}); err != nil {
		t.Fatal(err)
	}
	in := head("GET / HTTP/1.1", "Host: h")
	if _, err := r.Parse([]byte(in), HeadLimits{}); err != nil {
		t.Fatal(err)
	}
	want := "GET / 1.1 raw=/ path=/ query= host=h cl=-1 chunked=false close=false expect=false [Host=h]"
	if got := summary(&r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

var browserHead = []byte(head("GET /echo?.kl=Y HTTP/1.1", "Host: Localhost:8001", "Connection: keep-alive, Upgrade", "Pragma: no-cache",
	"Cache-Control: no-cache", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Upgrade: websocket", "Origin: http://localhost:8001", "Sec-WebSocket-Version: 13", "Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-US,en;q=0.9", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol: x-kaazing-handshake"))

func TestRequestAllocations(t *testing.T) {
	var r Request
	var out []byte
	date := []byte("Sun, 22 Nov 2026 11:00:00 GMT")
	cors := []Field{{[]byte("Access-Control-Allow-Origin"), []byte("http://localhost:8001")}, {[]byte("Access-Control-Allow-Credentials"), []byte("true")}}
	allocs := testing.AllocsPerRun(100, func() {
		n, err := r.Parse(browserHead, HeadLimits{})
		if n != len(browserHead) || err != nil || CheckUpgrade(&r) != nil {
			t.Fatal(n, err)
		}
		if _, ok := r.QueryParam(".kl"); !ok {
			t.Fatal("no .kl")
		}
		a := Answer{Protocol: "x", Headers: cors, Server: "Kaazing Gateway", Date: date}
		out = a.Append(out[:0], &r)
		out = AppendStatus(out[:0], 302, "", cors, date, "Kaazing Gateway", date)
	})
	if allocs != 0 {
		t.Errorf("%v allocations per handshake, want 0", allocs)
	}
}

func BenchmarkRequest(b *testing.B) {
	short := []byte(head("GET /echo HTTP/1.1", "Host: localhost:8001", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"))
	for name, in := range map[string][]byte{"short": short, "browser": browserHead} {
		b.Run(name, func(b *testing.B) {
			var r Request
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if n, err := r.Parse(in, HeadLimits{}); n == 0 || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHandshake(b *testing.B) {
	var r Request
	var out []byte
	date := bytes.Repeat([]byte{'d'}, 29)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := r.Parse(browserHead, HeadLimits{}); n == 0 || err != nil || CheckUpgrade(&r) != nil {
			b.Fatal(err)
		}
		a := Answer{Server: "Kaazing Gateway", Date: date}
		out = a.Append(out[:0], &r)
	}
}
