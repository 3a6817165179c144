package httpxe

import (
	"strings"
	"testing"
)

const date = "Fri, 02 Jan 2026 00:00:00 GMT"

// crlf turns the readable form of a head into its bytes.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func fields(s string) (f []Field) {
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		if name, value, ok := strings.Cut(l, ": "); ok {
			f = append(f, Field{Name: []byte(name), Value: []byte(value)})
		}
	}
	return f
}

const id = "abcdefghijklmnopqrstuvwxyz012345"

const createBody = "http://localhost:8000/echo/;e/ut/" + id + "\nhttp://localhost:8000/echo/;e/dt/" + id + "\n"

func TestGolden(t *testing.T) {
	created := Response{Status: 201, Length: LengthSorted, Body: []byte(createBody), Date: []byte(date),
		Server: []byte("Kaazing Gateway"),
		Fields: fields("Content-Type: text/plain;charset=UTF-8\nCache-Control: no-cache")}
	redirect := Response{Status: 302, Date: []byte(date), Server: []byte("Kaazing Gateway"), Length: LengthNone,
		Fields: fields("Location: http://node1.example.com:8081/echo/;e/ctm")}
	redirectWrapped := redirect
	redirectWrapped.Length = LengthLast
	var notFound, challenge Response
	notFound.Fail(404, "")
	challenge.Add([]byte("WWW-Authenticate"), []byte("Application Token"))
	challenge.Fail(401, "")
	empty := Response{Status: 200, Date: []byte(date), Server: []byte("Kaazing Gateway")}
	down := Response{Status: 200, Length: LengthNone, Date: []byte(date), Server: []byte("Kaazing Gateway"),
		Fields: fields("X-Idle-Timeout: 60\nX-Content-Type-Options: nosniff\nCache-Control: no-cache\n" +
			"Connection: close\nContent-Type: text/plain; charset=windows-1252")}
	sse := down
	sse.Fields = fields("X-Content-Type-Options: nosniff\nCache-Control: no-cache\n" +
		"Connection: close\nContent-Type: text/event-stream")
	cookie := Response{Status: 302, Date: []byte(date), Server: []byte("Kaazing Gateway"),
		Cookies: [][]byte{[]byte("n=v; Path=/")},
		Fields:  fields("location: http://node1.example.com:8081/echo")}

	for _, tt := range []struct {
		name string
		r    Response
		via  Via
		want string
	}{
		{"1.5 unknown authority", notFound, Plain, `HTTP/1.1 404 Not Found
Content-Type: text/html
Content-Length: 61

<html><head></head><body><h1>404 Not Found</h1></body></html>`},
		{"1.4 + 4.5a redirect with cookie, Content-Length last", cookie, Plain, `HTTP/1.1 302 Found
Date: ` + date + `
location: http://node1.example.com:8081/echo
Server: Kaazing Gateway
Set-Cookie: n=v; Path=/
Content-Length: 0

`},
		{"6.3 create, plain", created, Plain, `HTTP/1.1 201 Created
Cache-Control: no-cache
Content-Length: 132
Content-Type: text/plain;charset=UTF-8
Date: ` + date + `
Server: Kaazing Gateway

@` + createBody},
		{"1.9 create, bridge", created, Bridge, `HTTP/1.1 200 OK
Cache-Control: no-cache
Content-Length: 196
Content-Type: text/plain;charset=UTF-8
Date: ` + date + `
Server: Kaazing Gateway

HTTP/1.1 201 Created
Content-Type: text/plain;charset=UTF-8

@` + createBody},
		{"4.5g redirect, bridge", redirectWrapped, Bridge, `HTTP/1.1 200 OK
Cache-Control: no-cache
Content-Length: 75
Content-Type: text/plain;charset=UTF-8
Date: ` + date + `
Server: Kaazing Gateway

HTTP/1.1 302 Found
Location: http://node1.example.com:8081/echo/;e/ctm

`},
		{"1.9 empty 200 is 19 bytes", empty, Bridge, `HTTP/1.1 200 OK
Content-Length: 19
Content-Type: text/plain;charset=UTF-8
Date: ` + date + `
Server: Kaazing Gateway

HTTP/1.1 200 OK

`},
		{"6.5 downstream, plain", down, Plain, `HTTP/1.1 200 OK
Cache-Control: no-cache
Connection: close
Content-Type: text/plain; charset=windows-1252
Date: ` + date + `
Server: Kaazing Gateway
X-Content-Type-Options: nosniff
X-Idle-Timeout: 60

`},
		{"6.5 downstream, bridge", down, Bridge, `HTTP/1.1 200 OK
Cache-Control: no-cache
Connection: close
Content-Type: text/plain;charset=windows-1252
Date: ` + date + `
Server: Kaazing Gateway
X-Content-Type-Options: nosniff

HTTP/1.1 200 OK
Content-Type: text/plain; charset=windows-1252
X-Idle-Timeout: 60

`},
		{"7 event stream, bridge", sse, Bridge, `HTTP/1.1 200 OK
Cache-Control: no-cache
Connection: close
Content-Type: text/event-stream
Date: ` + date + `
Server: Kaazing Gateway
X-Content-Type-Options: nosniff

HTTP/1.1 200 OK
Content-Type: text/event-stream

`},
		{"7 event stream, envelope", sse, Enveloped, `HTTP/1.1 200 OK
Cache-Control: no-cache
Connection: close
Content-Type: text/plain
Date: ` + date + `
Server: Kaazing Gateway
X-Content-Type-Options: nosniff

HTTP/1.1 200 OK
Content-Type: text/event-stream

`},
		{"1.9 404 stays 404 outside", notFound, Bridge, `HTTP/1.1 404 Not Found
Cache-Control: no-cache
Content-Length: 112
Content-Type: text/plain

HTTP/1.1 404 Not Found
Content-Type: text/html

<html><head></head><body><h1>404 Not Found</h1></body></html>`},
		{"1.9 401 is wrapped", challenge, Bridge, `HTTP/1.1 200 OK
Cache-Control: no-cache
Content-Length: 155
Content-Type: text/plain

HTTP/1.1 401 Unauthorized
Content-Type: text/html
WWW-Authenticate: Application Token

<html><head></head><body><h1>401 Unauthorized</h1></body></html>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head, body, _ := strings.Cut(tt.want, "@")
			want := crlf(head) + body
			for i := range 2 {
				if got := string(tt.r.Append(nil, tt.via)); got != want {
					t.Fatalf("rendering %d:\ngot  %q\nwant %q", i, got, want)
				}
			}
		})
	}
}

func TestPageLengths(t *testing.T) {
	for _, tt := range []struct {
		status int
		reason string
		want   int
	}{
		{400, "", 63}, {401, "", 64}, {403, "", 61}, {404, "", 61}, {404, "WebSocket Upgrade Failure", 77},
		{405, "", 70}, {426, "", 68}, {431, "", 83}, {414, "", 72}, {500, "", 66}, {501, "", 67},
		{502, "", 63}, {503, "", 71}, {504, "", 67}, {505, "", 73}, {508, "", 65},
	} {
		if got := len(AppendHTML(nil, tt.status, tt.reason)); got != tt.want {
			t.Errorf("AppendHTML(%d, %q) is %d bytes, want %d (§1.3)", tt.status, tt.reason, got, tt.want)
		}
	}
}

func TestOuterType(t *testing.T) {
	for _, tt := range []struct {
		inner string
		via   Via
		want  string
	}{
		{"text/plain;charset=ascii", Bridge, "text/plain;charset=ascii"},
		{"text/plain; charset=Windows-1252", Bridge, "text/plain;charset=Windows-1252"},
		{"text/plain; x=y; charset=\"utf-8\"", Bridge, "text/plain;charset=utf-8"},
		{"text/plain;charset=utf-16", Bridge, "text/plain"},
		{"text/plain", Bridge, "text/plain"},
		{"text/html;charset=utf-8", Bridge, "text/plain"},
		{"TEXT/css", Bridge, "text/plain"},
		{"text/event-stream", Bridge, "text/event-stream"},
		{"text/event-stream", Enveloped, "text/plain"},
		{"application/octet-stream", Bridge, "application/octet-stream"},
		{"image/png", Enveloped, "application/octet-stream"},
		{"", Bridge, "application/octet-stream"},
	} {
		var r Response
		if got := string(r.outerType([]byte(tt.inner), tt.via)); got != tt.want {
			t.Errorf("outer type of %q via %v = %q, want %q", tt.inner, tt.via, got, tt.want)
		}
	}
}

func TestPartition(t *testing.T) {
	r := Response{Status: 200, Length: LengthNone, Fields: fields(`X-WebSocket-Protocol: x
Set-Other: in
transfer-encoding: chunked
Pragma: out
Location: in
last-modified: out
ETag: out
Content-Encoding: gzip
Content-Length: 77
Access-Control-Allow-Origin: out`), Cookies: [][]byte{[]byte("a=b")}}
	want := crlf(`HTTP/1.1 200 OK
Access-Control-Allow-Origin: out
Content-Encoding: gzip
Content-Type: text/plain;charset=UTF-8
ETag: out
last-modified: out
Pragma: out
transfer-encoding: chunked
Set-Cookie: a=b

HTTP/1.1 200 OK
Location: in
Set-Other: in
X-WebSocket-Protocol: x

`)
	if got := string(r.Append(nil, Bridge)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestValueCannotSplit(t *testing.T) {
	r := Response{Status: 200, Fields: []Field{{Name: []byte("Location"), Value: []byte("x\r\nSet-Cookie: a=b\x00")}}}
	want := "HTTP/1.1 200 OK\r\nLocation: x  Set-Cookie: a=b \r\nContent-Length: 0\r\n\r\n"
	if got := string(r.Append(nil, Plain)); got != want {
		t.Errorf("got %q want %q", got, want)
	}
}

func TestHead(t *testing.T) {
	r := Response{Status: 200, Body: []byte("12345"), Head: true}
	if got, want := string(r.Append(nil, Plain)), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"; got != want {
		t.Errorf("got %q want %q", got, want)
	}
}

func TestResponseAllocs(t *testing.T) {
	var r Response
	dst := make([]byte, 0, 4096)
	name, value := []byte("Location"), []byte("http://h/")
	ct, plain := []byte("Content-Type"), []byte("text/plain; charset=utf-8")
	render := func() {
		r.Reset()
		r.Status, r.Date, r.Server, r.Body = 302, value, value, value
		r.Add(name, value)
		r.Add(ct, plain)
		dst = r.Append(dst[:0], Bridge)
		dst = r.Append(dst[:0], Plain)
	}
	render()
	if n := testing.AllocsPerRun(100, render); n != 0 {
		t.Errorf("%v allocations per response, want 0", n)
	}
}
