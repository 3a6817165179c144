package wsproto

import (
	"errors"
	"strings"
	"testing"
)

var testDate = []byte("Sun, 22 Nov 2026 11:00:00 GMT")

func handshake(lines ...string) string {
	return head(append([]string{"GET /echo HTTP/1.1", "Host: localhost:8001"}, lines...)...)
}

var upgradeLines = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

func parsed(t testing.TB, in string) *Request {
	t.Helper()
	r := new(Request)
	if n, err := r.Parse([]byte(in), HeadLimits{}); n != len(in) || err != nil {
		t.Fatalf("Parse(%q) = %d, %v", in, n, err)
	}
	return r
}

func field(name, value string) Field { return Field{[]byte(name), []byte(value)} }

func TestAppendAccept(t *testing.T) {
	for key, want := range map[string]string{
		"dGhlIHNhbXBsZSBub25jZQ==": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", // RFC 6455 §1.3
		"x3JJHMbDL1EzLkh9GBhXDw==": "HSmrc0sMlYUkAGmm5OPpG2HaGWk=", // a widely published pair
	} {
		if got := string(AppendAccept(nil, []byte(key))); got != want {
			t.Errorf("accept of %s = %s, want %s", key, got, want)
		}
	}
}

func TestAnswer(t *testing.T) {
	const plain = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n" +
		"Connection: Upgrade\r\n" +
		"Date: Sun, 22 Nov 2026 11:00:00 GMT\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
		"Server: Kaazing Gateway\r\n" +
		"Upgrade: websocket\r\n" +
		"\r\n"
	const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	cors := []Field{
		field("Access-Control-Allow-Credentials", "true"),
		field("Access-Control-Allow-Headers", "content-type"),
		field("Access-Control-Allow-Headers", "authorization"),
		field("Access-Control-Allow-Headers", "x-websocket-extensions"),
		field("Access-Control-Allow-Headers", "x-websocket-version"),
		field("Access-Control-Allow-Headers", "x-websocket-protocol"),
		field("Access-Control-Allow-Origin", "http://localhost:8001"),
	}
	both := []string{"x-kaazing-idle-timeout; timeout=2000", "x-kaazing-ping-pong; 01010102"}
	server := Answer{Server: "Kaazing Gateway", Date: testDate}
	with := func(change func(*Answer)) Answer { a := server; change(&a); return a }
	tests := []struct {
		name    string
		answer  Answer
		upgrade string
		size    int // of protocol.md §3.4 and §3.5, 0 = not pinned
		want    string
	}{
		{"plain", server, "websocket", 201, plain},
		{"capital Upgrade", server, "WebSocket", 201, strings.Replace(plain, "websocket", "WebSocket", 1)},
		{"Upgrade in a list", server, "h2c, WebSocket", 201, plain},
		{"Upgrade in capitals", server, "WEBSOCKET", 201, plain},
		{"ping-pong", with(func(a *Answer) { a.Extensions = both[1:] }), "websocket", 258, ""},
		{"idle-timeout", with(func(a *Answer) { a.Extensions = both[:1] }), "websocket", 265, ""},
		{"both extensions", with(func(a *Answer) { a.Extensions = both }), "websocket", 322,
			strings.Replace(plain, accept, accept+"Sec-WebSocket-Extensions: x-kaazing-idle-timeout; timeout=2000\r\n"+
				"Sec-WebSocket-Extensions: x-kaazing-ping-pong; 01010102\r\n", 1)},
		{"CORS", with(func(a *Answer) { a.Extensions, a.Headers = both, cors }), "websocket", 0, ""},
		{"protocol", with(func(a *Answer) { a.Protocol = "x-kaazing-handshake" }), "websocket", 246,
			strings.Replace(plain, accept, accept+"Sec-WebSocket-Protocol: x-kaazing-handshake\r\n", 1)},
		{"everything", Answer{Protocol: "p", Extensions: []string{"e"}, Server: "S", Date: []byte("D"), SetCookie: []byte("a=b; Path=/"),
			Headers: []Field{field("X-Z", "1"), field("Set-Cookie", "first=1"), field("access-control-allow-origin", "o"), field("Retry-After", "2"),
				field("X-A", "3"), field("X-a", "4")}}, "websocket", 0,
			"HTTP/1.1 101 Web Socket Protocol Handshake\r\naccess-control-allow-origin: o\r\nConnection: Upgrade\r\nDate: D\r\nRetry-After: 2\r\n" +
				accept + "Sec-WebSocket-Extensions: e\r\nSec-WebSocket-Protocol: p\r\nServer: S\r\nUpgrade: websocket\r\n" +
				"X-A: 3\r\nX-a: 4\r\nX-Z: 1\r\nSet-Cookie: first=1\r\nSet-Cookie: a=b; Path=/\r\n\r\n"},
		{"bare", Answer{}, "websocket", 0, "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\n" + accept + "Upgrade: websocket\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parsed(t, handshake("Connection: Upgrade", "Upgrade: "+tt.upgrade, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
			if err := CheckUpgrade(r); err != nil {
				t.Fatal(err)
			}
			got := string(tt.answer.Append([]byte("kept"), r))
			if !strings.HasPrefix(got, "kept") {
				t.Fatalf("dst was lost: %q", got)
			}
			got = got[4:]
			if tt.want != "" && got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if tt.size != 0 && len(got) != tt.size {
				t.Errorf("%d bytes, want %d: %q", len(got), tt.size, got)
			}
		})
	}
}

// TestStatusPages pins the lengths of protocol.md §1.3.
func TestStatusPages(t *testing.T) {
	tests := []struct {
		status int
		reason string // "" = ours
		line   string
		body   int
	}{
		{400, "", "400 Bad Request", 63},
		{401, "", "401 Unauthorized", 64},
		{403, "", "403 Forbidden", 61},
		{404, "", "404 Not Found", 61},
		{404, "WebSocket Upgrade Failure", "404 WebSocket Upgrade Failure", 77},
		{405, "", "405 Method Not Allowed", 70},
		{414, "", "414 Request URI Too Long", 72},
		{426, "", "426 Upgrade Required", 68},
		{431, "", "431 Request Header Fields Too Large", 83},
		{500, "", "500 Internal Error", 66},
		{501, "", "501 Not Implemented", 67},
		{502, "", "502 Bad Gateway", 63},
		{503, "", "503 Service Unavailable", 71},
		{504, "", "504 Gateway Timeout", 67},
		{505, "", "505 Version Not Supported", 73},
		{508, "", "508 Loop detected", 65},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got := string(AppendStatus(nil, tt.status, tt.reason, nil, nil, "", nil))
			top, body, _ := strings.Cut(got, "\r\n\r\n")
			wantTop := "HTTP/1.1 " + tt.line + "\r\nContent-Type: text/html\r\nContent-Length: " + itoa(tt.body)
			if top != wantTop || len(body) != tt.body || body != "<html><head></head><body><h1>"+tt.line+"</h1></body></html>" {
				t.Errorf("got %q, want head %q and %d bytes", got, wantTop, tt.body)
			}
			r := Reply{Status: tt.status, Reason: tt.reason, Head: true}
			if got := string(r.Append(nil)); got != wantTop+"\r\n\r\n" {
				t.Errorf("for HEAD %q, want %q", got, wantTop)
			}
		})
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func TestReply(t *testing.T) {
	tests := []struct {
		name  string
		reply Reply
		want  string
	}{
		{"unknown authority", Reply{Status: 404},
			"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 61\r\n\r\n<html><head></head><body><h1>404 Not Found</h1></body></html>"},
		{"redirect of §4.5 a", Reply{Status: 302, Headers: []Field{field("location", "http://node1.example.com:8081/echo")}, Server: "Kaazing Gateway", Date: testDate},
			"HTTP/1.1 302 Found\r\nDate: Sun, 22 Nov 2026 11:00:00 GMT\r\nlocation: http://node1.example.com:8081/echo\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"},
		{"redirect with affinity", Reply{Status: 302, Headers: []Field{field("location", "l")}, Server: "S", Date: []byte("D"), SetCookie: []byte("a=b")},
			"HTTP/1.1 302 Found\r\nDate: D\r\nlocation: l\r\nServer: S\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"},
		{"WSE create of §6.3", Reply{Status: 201, Headers: []Field{field("X-WebSocket-Protocol", "x"), field("Content-Type", "text/plain;charset=UTF-8"), field("Cache-Control", "no-cache")},
			Server: "Kaazing Gateway", Date: testDate, Body: []byte("body\n")},
			"HTTP/1.1 201 Created\r\nCache-Control: no-cache\r\nContent-Length: 5\r\nContent-Type: text/plain;charset=UTF-8\r\nDate: Sun, 22 Nov 2026 11:00:00 GMT\r\nServer: Kaazing Gateway\r\nX-WebSocket-Protocol: x\r\n\r\nbody\n"},
		{"challenge of §3.5", Reply{Status: 401, Headers: []Field{field("WWW-Authenticate", "Application Token")}},
			"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: Application Token\r\nContent-Length: 64\r\n\r\n<html><head></head><body><h1>401 Unauthorized</h1></body></html>"},
		{"error without page", Reply{Status: 400, Reason: "WebSocket-Version not supported", Body: []byte{}},
			"HTTP/1.1 400 WebSocket-Version not supported\r\nContent-Length: 0\r\n\r\n"},
		{"not modified", Reply{Status: 304, Headers: []Field{field("ETag", "\"x\"")}}, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"},
		{"no content", Reply{Status: 204, Body: []byte("x")}, "HTTP/1.1 204 No Content\r\n\r\n"},
		{"empty", Reply{Status: 200}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"head of a body", Reply{Status: 200, Body: []byte("12345"), Head: true}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
		{"cookies last", Reply{Status: 200, Headers: []Field{field("set-cookie", "a=1"), field("X-Y", "z"), field("Set-Cookie", "b=2"), field("Age", "1")}},
			"HTTP/1.1 200 OK\r\nAge: 1\r\nX-Y: z\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"},
		{"unknown status", Reply{Status: 299}, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.reply.Append(nil)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	many := Reply{Status: 200}
	for i := range 30 {
		many.Headers = append(many.Headers, field("X-"+string(rune('a'+(29-i)%26)), itoa(i)))
	}
	before := len(many.Headers)
	if got := string(many.Append(nil)); strings.Count(got, "\r\n") != 33 || len(many.Headers) != before || string(many.Headers[0].Name) != "X-d" {
		t.Errorf("30 headers: %q", got)
	}
}

func TestStatusErrorAppend(t *testing.T) {
	err := errNot13
	want := "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nContent-Type: text/html\r\nDate: D\r\nSec-WebSocket-Version: 13\r\n" +
		"Server: S\r\nUpgrade: websocket\r\nContent-Length: 68\r\n\r\n<html><head></head><body><h1>426 Upgrade Required</h1></body></html>"
	if got := string(err.Append(nil, nil, "S", []byte("D"))); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got := string(err.Append(nil, []Field{field("Access-Control-Allow-Origin", "o")}, "", nil))
	if !strings.HasPrefix(got, "HTTP/1.1 426 Upgrade Required\r\nAccess-Control-Allow-Origin: o\r\nConnection: Upgrade\r\n") {
		t.Errorf("with an extra line %q", got)
	}
	if got := string(AppendField(nil, "A", []byte("b"))); got != "A: b\r\n" {
		t.Errorf("AppendField = %q", got)
	}
	if !errors.Is(err, err.Err) {
		t.Error("cause is hidden")
	}
	if got := err.Error(); got != "426 Upgrade Required: WebSocket version is not 13" {
		t.Errorf("error is %q", got)
	}
}

func TestCheckUpgrade(t *testing.T) {
	const key, version, connection, upgrade = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Connection: Upgrade", "Upgrade: websocket"
	lines := func(first string, l ...string) string { return head(append([]string{first, "Host: h"}, l...)...) }
	const get = "GET / HTTP/1.1"
	tests := []struct {
		name  string
		in    string
		want  int
		close bool
	}{
		{"good", lines(get, connection, upgrade, key, version), 0, false},
		{"any case", lines(get, "CONNECTION: keep-alive, upgrade", "upgrade: WebSocket", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "SEC-WEBSOCKET-VERSION: 13"), 0, false},
		{"Upgrade list", lines(get, connection, "Upgrade: h2c, websocket", key, version), 0, false},
		{"Connection in two lines", lines(get, "Connection: keep-alive", connection, upgrade, key, version), 0, false},
		{"version list", lines(get, connection, upgrade, key, "Sec-WebSocket-Version: 8, 13"), 0, false},
		{"Content-Length 0", lines(get, connection, upgrade, key, version, "Content-Length: 0"), 0, false},
		{"key without Upgrade", lines(get, connection, key, version), 400, true},
		{"Upgrade to something else", lines(get, connection, "Upgrade: websockets", key, version), 400, true},
		{"Upgrade without key", lines(get, connection, upgrade, version), 400, true},
		{"hixie-76", lines(get, connection, "Upgrade: WebSocket", "Sec-WebSocket-Key1: 1", "Sec-WebSocket-Key2: 2"), 400, true},
		{"HTTP/1.0", lines("GET / HTTP/1.0", connection, upgrade, key, version), 400, true},
		{"POST", lines("POST / HTTP/1.1", connection, upgrade, key, version), 405, false},
		{"POST with content", lines("POST / HTTP/1.1", connection, upgrade, key, version, "Content-Length: 1"), 405, true},
		{"POST comes before Connection and version", lines("POST / HTTP/1.1", upgrade, key), 405, false},
		{"no Connection", lines(get, upgrade, key, version), 400, true},
		{"Connection without upgrade", lines(get, "Connection: keep-alive", upgrade, key, version), 400, true},
		{"Connection comes before the version", lines(get, "Connection: close", upgrade, key), 400, true},
		{"content", lines(get, connection, upgrade, key, version, "Content-Length: 1"), 400, true},
		{"chunked content", lines(get, connection, upgrade, key, version, "Transfer-Encoding: chunked"), 400, true},
		{"no version", lines(get, connection, upgrade, key), 426, false},
		{"version 8", lines(get, connection, upgrade, key, "Sec-WebSocket-Version: 8"), 426, false},
		{"version 130", lines(get, connection, upgrade, key, "Sec-WebSocket-Version: 130"), 426, false},
		{"version comes before the key", lines(get, connection, upgrade, "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 8"), 426, false},
		{"empty key", lines(get, connection, upgrade, "Sec-WebSocket-Key:", version), 400, true},
		{"key of 15 bytes", lines(get, connection, upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j", version), 400, true},
		{"key of 17 bytes", lines(get, connection, upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=", version), 400, true},
		{"key not base64", lines(get, connection, upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!==", version), 400, true},
		{"key without padding", lines(get, connection, upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ", version), 400, true},
		{"two keys", lines(get, connection, upgrade, key, key, version), 400, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckUpgrade(parsed(t, tt.in))
			switch {
			case err == nil && tt.want != 0:
				t.Errorf("let pass, want %d", tt.want)
			case err != nil && (err.Status != tt.want || err.Close != tt.close || err.Reason != ReasonPhrase(tt.want)):
				t.Errorf("got %v close %v, want %d close %v", err, err.Close, tt.want, tt.close)
			}
		})
	}
}
