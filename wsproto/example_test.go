package wsproto_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kzfast/kzfast/wsproto"
)

// A server's side of the opening handshake.
func Example() {
	received := []byte("GET /echo HTTP/1.1\r\nHost: localhost:8001\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	var r wsproto.Request
	n, err := r.Parse(received, wsproto.HeadLimits{})
	if err != nil || n == 0 {
		return // an answer is owed, or more bytes are needed
	}
	if refused := wsproto.CheckUpgrade(&r); refused != nil {
		fmt.Printf("%s", refused.Append(nil, nil, "Kaazing Gateway", nil))
		return
	}
	a := wsproto.Answer{Server: "Kaazing Gateway", Date: []byte("Sun, 22 Nov 2026 11:00:00 GMT")}
	fmt.Print(strings.ReplaceAll(string(a.Append(nil, &r)), "\r\n", "\n"))
	// Output:
	// HTTP/1.1 101 Web Socket Protocol Handshake
	// Connection: Upgrade
	// Date: Sun, 22 Nov 2026 11:00:00 GMT
	// Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
	// Server: Kaazing Gateway
	// Upgrade: websocket
}

// Frames are echoed inside the receive buffer: the answer's header goes where
// the received one was.
func ExampleDecoder() {
	p := []byte{0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}
	var dec wsproto.Decoder
	var f wsproto.Frame
	lim := wsproto.Limits{MaxMessage: 1 << 20}
	for len(p) > 0 {
		n, ok, err := dec.Next(p, &lim, &f)
		if err != nil {
			fmt.Println(err)
			return
		}
		if ok && f.Whole() && dec.HeaderBytes() > 0 {
			fmt.Printf("%v %q\n", f.Op, f.Data)
			start := wsproto.PutHeaderBefore(p, n-len(f.Data), f.Op, f.Fin, false, f.Len)
			fmt.Printf("% x\n", p[start:n])
		}
		p = p[n:]
	}
	// Output:
	// text "Hello"
	// 81 05 48 65 6c 6c 6f
}

// An error says with which code the connection is failed.
func ExampleCloseError() {
	var dec wsproto.Decoder
	var f wsproto.Frame
	_, _, err := dec.Next([]byte("\x81\x05Hello"), &wsproto.Limits{}, &f)
	var failed *wsproto.CloseError
	if errors.As(err, &failed) {
		fmt.Printf("% x\n", wsproto.AppendClose(nil, failed.Code, nil))
	}
	// Output: 88 02 03 ea
}

func ExampleParseClose() {
	code, reason, err := wsproto.ParseClose([]byte("\x03\xe9bye"))
	fmt.Printf("%d %s %v\n", code, reason, err == nil)
	fmt.Printf("% x\n", wsproto.AppendClose(nil, code, reason))
	// Output:
	// 1001 bye true
	// 88 05 03 e9 62 79 65
}

func ExampleAppendStatus() {
	location := []wsproto.Field{{Name: []byte("location"), Value: []byte("http://node1.example.com:8081/echo")}}
	date := []byte("Sun, 22 Nov 2026 11:00:00 GMT")
	out := wsproto.AppendStatus(nil, 302, "", location, nil, "Kaazing Gateway", date)
	fmt.Print(strings.ReplaceAll(string(out), "\r\n", "\n"))
	// Output:
	// HTTP/1.1 302 Found
	// Date: Sun, 22 Nov 2026 11:00:00 GMT
	// location: http://node1.example.com:8081/echo
	// Server: Kaazing Gateway
	// Content-Length: 0
}

// A client's side of the opening handshake, and its first frame.
func ExampleHandshake() {
	h := wsproto.Handshake{Host: "localhost:8001", Target: "/echo", Key: wsproto.Key([16]byte([]byte("the sample nonce")))}
	out, err := h.Append(nil)
	if err != nil {
		return
	}
	fmt.Println(len(out), "bytes to send")
	received := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	var r wsproto.Response
	if n, err := r.Parse(received, wsproto.HeadLimits{}); err != nil || n == 0 {
		return
	}
	_, err = h.Check(&r)
	fmt.Println("open:", err == nil)
	fmt.Printf("% x\n", wsproto.AppendMaskedFrame(nil, wsproto.OpText, []byte("Hello"), [4]byte{0x37, 0xFA, 0x21, 0x3D}))
	// Output:
	// 157 bytes to send
	// open: true
	// 81 85 37 fa 21 3d 7f 9f 4d 51 58
}

func ExampleInflate() {
	compressed := wsproto.Deflate(nil, []byte(strings.Repeat("kzfast ", 1000)))
	_, err := wsproto.Inflate(nil, compressed, 1000)
	var failed *wsproto.CloseError
	fmt.Println(errors.As(err, &failed) && failed.Code == wsproto.CodeTooBig)
	content, err := wsproto.Inflate(nil, compressed, 7000)
	fmt.Println(len(content), err)
	// Output:
	// true
	// 7000 <nil>
}
