package wire

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
)

// guid is the constant of RFC 6455 §1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AppendRequest appends a client's opening handshake (RFC 6455 §4.1). key is
// the Sec-WebSocket-Key, already in base64.
func AppendRequest(dst []byte, host, path, key string) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, path...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, host...)
	dst = append(dst, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "...)
	dst = append(dst, key...)
	return append(dst, "\r\nSec-WebSocket-Version: 13\r\n\r\n"...)
}

// Accept is the Sec-WebSocket-Accept a server owes for key (RFC 6455 §4.2.2).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A Response is the head of an HTTP answer. Its text aliases nothing.
type Response struct {
	Status int
	fields []string // name, value, name, value, ...
}

// Header returns the first value of name, compared without case; empty when
// there is none.
func (r *Response) Header(name string) string {
	for i := 0; i < len(r.fields); i += 2 {
		if strings.EqualFold(r.fields[i], name) {
			return r.fields[i+1]
		}
	}
	return ""
}

// ContentLength is the announced length of the body in bytes, -1 without one.
func (r *Response) ContentLength() int {
	n, err := strconv.Atoi(r.Header("Content-Length"))
	if err != nil {
		return -1
	}
	return n
}

// ParseResponse reads an answer's head from the front of b. n is its length in
// bytes with the blank line; zero means that b holds no whole head yet. A head
// that is not HTTP has Status 0.
func ParseResponse(b []byte) (r Response, n int) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return r, 0
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	if first := strings.Fields(lines[0]); len(first) >= 2 && strings.HasPrefix(first[0], "HTTP/1.") {
		r.Status, _ = strconv.Atoi(first[1])
	}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		r.fields = append(r.fields, name, strings.TrimSpace(value))
	}
	return r, end + 4
}
