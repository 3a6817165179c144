package httpxe

import (
	"bytes"
	"errors"
	"testing"
)

func TestEnvelope(t *testing.T) {
	const target = "/echo/;e/ct?.kn=1"
	for _, tt := range []struct {
		name, body string
		minor      int
		status     int // 0: accepted
		n          int
	}{
		{"minimal", "GET /echo/;e/ct?.kn=1 HTTP/1.1\n\n", 1, 0, 34},
		{"with body", "POST /echo/;e/ct?.kn=1 HTTP/1.1\nContent-Type: text/plain\nContent-Length: 3\n\nabc", 1, 0, 80},
		{"decoded equal", "GET /ech%6f/;e/ct?.kn=1 HTTP/1.1\n\n", 1, 0, 36},
		{"authorization inside", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nAuthorization: Basic x\n\n", 1, 0, 58},
		{"other URI", "GET /echo/;e/cb?.kn=1 HTTP/1.1\n\n", 1, 400, 0},
		{"longer URI", "GET /echo/;e/ct?.kn=12 HTTP/1.1\n\n", 1, 400, 0},
		{"other version", "GET /echo/;e/ct?.kn=1 HTTP/1.0\n\n", 1, 400, 0},
		{"version 1.0 in 1.0", "GET /echo/;e/ct?.kn=1 HTTP/1.0\n\n", 0, 0, 34},
		{"HTTP/2", "GET /echo/;e/ct?.kn=1 HTTP/2.0\n\n", 1, 400, 0},
		{"host", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nhost: x\n\n", 1, 400, 0},
		{"origin", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nOrigin: http://x\n\n", 1, 400, 0},
		{"cookie", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nCookie: a=b\n\n", 1, 400, 0},
		{"sec", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nSec-Fetch-Mode: cors\n\n", 1, 400, 0},
		{"proxy", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nProxy-Authorization: x\n\n", 1, 400, 0},
		{"transfer-encoding", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nTransfer-Encoding: chunked\n\n", 1, 400, 0},
		{"folded", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nX-A: b\n c\n\n", 1, 400, 0},
		{"space before colon", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nX-A : b\n\n", 1, 400, 0},
		{"incomplete", "GET /echo/;e/ct?.kn=1 HTTP/1.1\nX-A: b\n", 1, 0, 0},
		{"empty", "", 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e Envelope
			n, err := e.Parse([]byte(crlf(tt.body)), []byte(target), tt.minor)
			var se *StatusError
			if errors.As(err, &se) != (tt.status != 0) || se != nil && se.Status != tt.status || n != tt.n {
				t.Errorf("Parse = %d, %v; want %d, status %d", n, err, tt.n, tt.status)
			}
		})
	}
}

func TestEnvelopeEverySplit(t *testing.T) {
	body := []byte(crlf("POST /e HTTP/1.1\nX-One: 1\nX-Two:\t 2 \n\nrest"))
	var e Envelope
	for i := range len(body) + 1 {
		n, err := e.Parse(body[:i], []byte("/e"), 1)
		want := 0
		if i >= len(body)-4 {
			want = len(body) - 4
		}
		if err != nil || n != want {
			t.Fatalf("cut at %d: %d, %v; want %d", i, n, err, want)
		}
	}
	if v, _ := Find(e.Fields, "x-two"); string(v) != "2" || string(e.Method) != "POST" {
		t.Errorf("got %q %q", v, e.Method)
	}
}

func TestParseHeadBounds(t *testing.T) {
	long := append([]byte("GET / HTTP/1.1\r\nX: "), bytes.Repeat([]byte("a"), MaxHead)...)
	if _, _, _, err := ParseHead(long, nil); err == nil {
		t.Error("endless line accepted")
	}
	many := []byte("GET / HTTP/1.1\r\n" + string(bytes.Repeat([]byte("A: b\r\n"), MaxFields+1)) + "\r\n")
	if _, _, _, err := ParseHead(many, nil); err == nil {
		t.Error("too many fields accepted")
	}
	for _, s := range []string{"GET / HTTP/1.1\n\n", "\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nX: \x00\r\n\r\n", "A\rB\r\n\r\n"} {
		if _, _, _, err := ParseHead([]byte(s), nil); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

func TestEmptyIsNotAbsent(t *testing.T) {
	_, fields, _, err := ParseHead([]byte(crlf("GET / HTTP/1.1\nOrigin:  \n\n")), nil)
	if v, ok := Find(fields, "origin"); err != nil || !ok || v == nil || len(v) != 0 {
		t.Errorf("%q %v %v", v, ok, err)
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		method, ct, kct string
		xOrigin         bool
		want            Via
	}{
		{"GET", "", "", false, Plain},
		{"GET", "", "", true, Bridge},
		{"POST", "application/x-message-http", "", false, Enveloped},
		{"POST", "Application/X-Message-HTTP; charset=utf-8", "", true, Enveloped},
		{"POST", "text/plain", "application/x-message-http", false, Enveloped},
		{"POST", "text/plain", "", true, Bridge},
		{"GET", "application/x-message-http", "", false, Plain},
	} {
		if got := Detect([]byte(tt.method), []byte(tt.ct), []byte(tt.kct), tt.xOrigin); got != tt.want {
			t.Errorf("Detect(%q, %q, %q, %v) = %v, want %v", tt.method, tt.ct, tt.kct, tt.xOrigin, got, tt.want)
		}
	}
	if Plain.ForStatus(401, true) != Bridge || Plain.ForStatus(401, false) != Plain || Plain.ForStatus(403, true) != Plain ||
		Enveloped.ForStatus(401, true) != Enveloped {
		t.Error("ForStatus")
	}
	if Inherits([]byte("authorization")) || !Inherits([]byte("Origin")) {
		t.Error("Inherits")
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte("GET /e HTTP/1.1\r\nX-A: b\r\n\r\nbody"))
	f.Add([]byte("POST /%65 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Envelope
		n, err := e.Parse(b, []byte("/e"), 1)
		if n < 0 || n > len(b) || n > 0 && err != nil {
			t.Fatalf("Parse = %d, %v for %d bytes", n, err, len(b))
		}
		if n == 0 {
			return
		}
		r := Response{Status: 200, Fields: e.Fields, Length: LengthNone}
		head := r.Append(nil, Plain)
		var again Envelope
		start, got, m, err := ParseHead(head, again.Fields)
		if err != nil || m != len(head) || string(start) != "HTTP/1.1 200 OK" || len(got) != len(e.Fields) {
			t.Fatalf("rendered fields do not parse: %q: %v", head, err)
		}
	})
}
