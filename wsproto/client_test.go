package wsproto

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

func TestKey(t *testing.T) {
	if got := Key([16]byte([]byte("the sample nonce"))); got != sampleKey {
		t.Errorf("Key = %s, want %s", got, sampleKey)
	}
}

func TestHandshakeAppend(t *testing.T) {
	h := Handshake{Host: "localhost:8001", Target: "/echo?.kl=Y", Key: sampleKey, Origin: "http://localhost:8001",
		Protocols: []string{"x-kaazing-handshake", "chat"}, Extensions: []string{DeflateOffer, "x"}, Cookie: "a=b",
		Headers: []Field{field("Authorization", "Token 1")}}
	got, err := h.Append(nil)
	want := head("GET /echo?.kl=Y HTTP/1.1", "Host: localhost:8001", "Connection: Upgrade", "Upgrade: websocket", "Origin: http://localhost:8001",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: "+sampleKey, "Sec-WebSocket-Protocol: x-kaazing-handshake, chat",
		"Sec-WebSocket-Extensions: "+DeflateOffer+", x", "Cookie: a=b", "Authorization: Token 1")
	if err != nil || string(got) != want {
		t.Errorf("got %v\n%q, want\n%q", err, got, want)
	}
	if err := CheckUpgrade(parsed(t, string(got))); err != nil {
		t.Errorf("our server refuses it: %v", err)
	}
	h = Handshake{Host: "H", Key: sampleKey}
	got, err = h.Append(nil)
	if err != nil || CheckUpgrade(parsed(t, string(got))) != nil || !bytes.HasPrefix(got, []byte("GET / HTTP/1.1\r\nHost: H\r\n")) {
		t.Errorf("shortest: %v %q", err, got)
	}
}

func TestHandshakeRefusesBadParts(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Handshake)
	}{
		{"no host", func(h *Handshake) { h.Host = "" }},
		{"line end in the host", func(h *Handshake) { h.Host = "h\r\nX: y" }},
		{"userinfo", func(h *Handshake) { h.Host = "u@h" }},
		{"no key", func(h *Handshake) { h.Key = "" }},
		{"relative target", func(h *Handshake) { h.Target = "x" }},
		{"blank in the target", func(h *Handshake) { h.Target = "/a b" }},
		{"line end in the target", func(h *Handshake) { h.Target = "/a\r\n" }},
		{"line end in Origin", func(h *Handshake) { h.Origin = "o\r\nX: y" }},
		{"NUL in Cookie", func(h *Handshake) { h.Cookie = "a\x00" }},
		{"list as a subprotocol", func(h *Handshake) { h.Protocols = []string{"a, b"} }},
		{"empty subprotocol", func(h *Handshake) { h.Protocols = []string{""} }},
		{"line end in an extension", func(h *Handshake) { h.Extensions = []string{"a\n"} }},
		{"bad header name", func(h *Handshake) { h.Headers = []Field{field("A b", "c")} }},
		{"bad header value", func(h *Handshake) { h.Headers = []Field{field("A", "c\r\nd")} }},
		{"second Host", func(h *Handshake) { h.Headers = []Field{field("host", "g")} }},
		{"content", func(h *Handshake) { h.Headers = []Field{field("Content-Length", "3")} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := Handshake{Host: "h", Target: "/", Key: sampleKey}
			tt.change(&h)
			if got, err := h.Append([]byte("kept")); err == nil || string(got) != "kept" {
				t.Errorf("wrote %q, %v", got, err)
			}
		})
	}
}

func TestHandshakeCheck(t *testing.T) {
	const status, connection, upgrade, accept = "HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	tests := []struct {
		name     string
		in       string
		protocol string
		ok       bool
	}{
		{"plain", head(status, connection, upgrade, accept), "", true},
		{"any case", head(status, "connection: foo, upgrade", "UPGRADE: WebSocket", accept), "", true},
		{"no reason", head("HTTP/1.1 101", connection, upgrade, accept), "", true},
		{"protocol", head(status, connection, upgrade, accept, "Sec-WebSocket-Protocol: b"), "b", true},
		{"extension", head(status, connection, upgrade, accept, "Sec-WebSocket-Extensions: y; a=1; b, x"), "", true},
		{"200", head("HTTP/1.1 200 OK", connection, upgrade, accept), "", false},
		{"302", head("HTTP/1.1 302 Found", "Location: http://x/"), "", false},
		{"HTTP/1.0", head("HTTP/1.0 101 Switching Protocols", connection, upgrade, accept), "", false},
		{"no Upgrade", head(status, connection, accept), "", false},
		{"two Upgrades", head(status, connection, upgrade, upgrade, accept), "", false},
		{"Upgrade list", head(status, connection, "Upgrade: h2c, websocket", accept), "", false},
		{"no Connection", head(status, upgrade, accept), "", false},
		{"Connection close", head(status, "Connection: close", upgrade, accept), "", false},
		{"no Accept", head(status, connection, upgrade), "", false},
		{"wrong Accept", head(status, connection, upgrade, "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "", false},
		{"two Accepts", head(status, connection, upgrade, accept, accept), "", false},
		{"protocol not offered", head(status, connection, upgrade, accept, "Sec-WebSocket-Protocol: c"), "", false},
		{"protocol in other case", head(status, connection, upgrade, accept, "Sec-WebSocket-Protocol: B"), "", false},
		{"two protocols", head(status, connection, upgrade, accept, "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"), "", false},
		{"protocol list", head(status, connection, upgrade, accept, "Sec-WebSocket-Protocol: a, b"), "", false},
		{"empty protocol", head(status, connection, upgrade, accept, "Sec-WebSocket-Protocol:"), "", false},
		{"extension not offered", head(status, connection, upgrade, accept, "Sec-WebSocket-Extensions: z"), "", false},
		{"extension twice", head(status, connection, upgrade, accept, "Sec-WebSocket-Extensions: x, x"), "", false},
		{"garbled extension", head(status, connection, upgrade, accept, "Sec-WebSocket-Extensions: x; =1"), "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Response
			if n, err := r.Parse([]byte(tt.in), HeadLimits{}); n != len(tt.in) || err != nil {
				t.Fatalf("Parse = %d, %v", n, err)
			}
			h := Handshake{Host: "h", Key: sampleKey, Protocols: []string{"a", "b"}, Extensions: []string{"x", "y; p"}}
			protocol, err := h.Check(&r)
			if (err == nil) != tt.ok || protocol != tt.protocol {
				t.Errorf("Check = %q, %v; want %q, ok %v", protocol, err, tt.protocol, tt.ok)
			}
		})
	}
}

func TestHandshakeMeetsAnswer(t *testing.T) {
	h := Handshake{Host: "h", Key: Key([16]byte{1, 2, 3}), Protocols: []string{"p"}, Extensions: []string{DeflateOffer}}
	out, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	req := parsed(t, string(out))
	ext, ok := AcceptDeflate(req)
	if !ok {
		t.Fatal("deflate was not accepted")
	}
	a := Answer{Protocol: "p", Extensions: []string{ext}, Server: "S"}
	var r Response
	if _, err := r.Parse(a.Append(nil, req), HeadLimits{}); err != nil {
		t.Fatal(err)
	}
	if p, err := h.Check(&r); p != "p" || err != nil {
		t.Errorf("Check = %q, %v", p, err)
	}
	if on, err := DeflateAccepted(&r); !on || err != nil {
		t.Errorf("DeflateAccepted = %v, %v", on, err)
	}
}

func TestResponseParse(t *testing.T) {
	tests := []struct {
		name   string
		in     string
		status int // 0 = error, -1 = more bytes needed
	}{
		{"ok", head("HTTP/1.1 200 OK", "Content-Length: 5") + "12345", 200},
		{"empty reason", head("HTTP/1.1 200 ", "Connection: close"), 200},
		{"no reason", head("HTTP/1.1 200"), 200},
		{"1.0", head("HTTP/1.0 404 Not Found"), 404},
		{"chunked", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), 200},
		{"interim", head("HTTP/1.1 103 Early Hints", "Link: x"), 103},
		{"nothing", "", -1},
		{"cut in the version", "HTTP/1", -1},
		{"cut in the status", "HTTP/1.1 20", -1},
		{"cut behind the status", "HTTP/1.1 200", -1},
		{"cut in a header", "HTTP/1.1 200 OK\r\nA: b", -1},
		{"cut in the blank line", "HTTP/1.1 200 OK\r\n\r", -1},
		{"HTTP/2", "HTTP/2", 0},
		{"not HTTP", "ICY", 0},
		{"status of two digits", "HTTP/1.1 20 ", 0},
		{"status of four digits", "HTTP/1.1 2000", 0},
		{"status 099", "HTTP/1.1 099 ", 0},
		{"status 600", "HTTP/1.1 600 ", 0},
		{"bare LF", "HTTP/1.1 200 OK\n", 0},
		{"NUL in the reason", "HTTP/1.1 200 \x00", 0},
		{"obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c", 0},
		{"blank before the colon", "HTTP/1.1 200 OK\r\nA : b", 0},
		{"two lengths", head("HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5"), 0},
		{"bad length", head("HTTP/1.1 200 OK", "Content-Length: -5"), 0},
		{"both framings", head("HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"), 0},
		{"two codings", head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 0},
		{"other coding", head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip"), 0},
		{"too many headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", 257), 0},
		{"too big", "HTTP/1.1 200 " + strings.Repeat("x", 65536), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Response
			n, err := r.Parse([]byte(tt.in), HeadLimits{})
			switch {
			case err != nil:
				if tt.status != 0 {
					t.Errorf("refused: %v", err)
				}
			case n == 0:
				if tt.status != -1 {
					t.Error("wants more bytes")
				}
			case r.Status != tt.status:
				t.Errorf("status %d, want %d", r.Status, tt.status)
			}
			for i := range min(len(tt.in), 200) {
				m, e := r.Parse([]byte(tt.in[:i]), HeadLimits{})
				if m != 0 && m != n || e != nil && err == nil {
					t.Fatalf("prefix of %d: %d, %v; whole %d, %v", i, m, e, n, err)
				}
			}
		})
	}
}

// FuzzResponse compares with net/http as FuzzRequest does. net/http ignores
// lengths that contradict a bodiless status, so framing is compared for 200 only.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(head("HTTP/1.1 101 Web Socket Protocol Handshake", "Upgrade: websocket", "Connection: Upgrade")))
	f.Add([]byte(head("HTTP/1.1 200 OK", "Content-Length: 5")))
	f.Add([]byte(head("HTTP/1.1 200", "Transfer-Encoding: chunked", "Sec-WebSocket-Extensions: a; b=\"c\", d")))
	f.Fuzz(func(t *testing.T, in []byte) {
		var r Response
		n, err := r.Parse(in, HeadLimits{MaxBytes: 1000, MaxHeaders: 20})
		if err != nil || n == 0 {
			return
		}
		h := Handshake{Host: "h", Key: sampleKey, Protocols: []string{"a"}, Extensions: []string{"b", DeflateOffer}}
		if _, err := h.Check(&r); err == nil && r.Status != 101 {
			t.Fatalf("status %d opens a WebSocket", r.Status)
		}
		_, _ = DeflateAccepted(&r)
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in[:n])), nil)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", in[:n], err)
		}
		if std.StatusCode != r.Status || std.ProtoMinor != r.Minor {
			t.Fatalf("status %d 1.%d, net/http %s", r.Status, r.Minor, std.Status)
		}
		if r.Status == 200 && !r.Chunked && r.ContentLength != std.ContentLength {
			t.Fatalf("length %d, net/http %d", r.ContentLength, std.ContentLength)
		}
		for _, line := range r.Headers() {
			if v := std.Header.Values(string(line.Name)); len(v) > 0 && !strings.Contains(strings.Join(v, "\n"), string(line.Value)) {
				t.Fatalf("header %s = %q, net/http %q", line.Name, line.Value, v)
			}
		}
	})
}
