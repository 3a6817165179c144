package wsproto

import (
	"crypto/sha1"
	"encoding/base64"
	"strconv"
)

// acceptGUID is the constant of RFC 6455 §1.3.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AppendAccept appends the 28 bytes of Sec-WebSocket-Accept that answer key
// (RFC 6455 §4.2.2).
func AppendAccept(dst, key []byte) []byte {
	var buf [64 + len(acceptGUID)]byte
	sum := sha1.Sum(append(append(buf[:0], key...), acceptGUID...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// An Answer is the 101 of a successful opening handshake (protocol.md §1.7).
// The zero value is complete; every field adds lines. It may be reused.
type Answer struct {
	Protocol   string   // chosen subprotocol
	Extensions []string // one Sec-WebSocket-Extensions line each
	Headers    []Field  // extra lines in any order, such as Access-Control-*
	SetCookie  []byte   // value of a Set-Cookie line, written last
	Server     string
	Date       []byte // IMF-fixdate, 29 bytes
}

// Append appends the answer to r, which [CheckUpgrade] has let pass. The
// Upgrade value is `WebSocket` if the client wrote exactly that.
func (a *Answer) Append(dst []byte, r *Request) []byte {
	key, _ := r.Header("Sec-WebSocket-Key")
	return a.AppendFor(dst, key, UpgradeValue(r))
}

// UpgradeValue returns the value of the Upgrade line that answers r: its own
// `WebSocket`, or `websocket`.
func UpgradeValue(r *Request) string {
	if v, _ := r.Header("Upgrade"); string(v) == "WebSocket" {
		return "WebSocket"
	}
	return "websocket"
}

// AppendFor is [Answer.Append] when the request itself is gone, as in the inner
// handshake of protocol.md §3.4: key is its Sec-WebSocket-Key.
func (a *Answer) AppendFor(dst, key []byte, upgrade string) []byte {
	dst = append(dst, "HTTP/1.1 101 Web Socket Protocol Handshake\r\n"...)
	var buf [24]Field
	h := inOrder(a.Headers, buf[:0])
	dst, h = appendOwn(dst, h, "Connection", "Upgrade")
	if len(a.Date) > 0 {
		dst, h = appendOwn(dst, h, "Date", a.Date)
	}
	dst, h = appendUpTo(dst, h, "Sec-WebSocket-Accept")
	dst = append(dst, "Sec-WebSocket-Accept: "...)
	dst = append(AppendAccept(dst, key), '\r', '\n')
	for _, e := range a.Extensions {
		dst, h = appendOwn(dst, h, "Sec-WebSocket-Extensions", e)
	}
	if a.Protocol != "" {
		dst, h = appendOwn(dst, h, "Sec-WebSocket-Protocol", a.Protocol)
	}
	if a.Server != "" {
		dst, h = appendOwn(dst, h, "Server", a.Server)
	}
	dst, h = appendOwn(dst, h, "Upgrade", upgrade)
	dst = appendRest(dst, h, a.SetCookie)
	return append(dst, '\r', '\n')
}

// AppendStatus appends a complete response without a body of its own: headers
// in the order of protocol.md §1.4, the HTML page of §1.3 for an error status,
// `Content-Length: 0` otherwise. An empty reason means [ReasonPhrase], an empty
// setCookie, server or date leaves the line out. [Reply] can do more.
func AppendStatus(dst []byte, status int, reason string, h []Field, setCookie []byte, server string, date []byte) []byte {
	r := Reply{Status: status, Reason: reason, Headers: h, SetCookie: setCookie, Server: server, Date: date}
	return r.Append(dst)
}

// A Reply is a complete HTTP/1.1 response.
type Reply struct {
	Status    int
	Reason    string  // empty = ReasonPhrase(Status)
	Headers   []Field // in any order; Set-Cookie lines stand after all others
	SetCookie []byte  // one more Set-Cookie value
	Server    string
	Date      []byte

	// Body is the content. Nil means our own: the HTML page for an error
	// status, otherwise nothing. Not nil but empty means none in any case.
	// Its type is the caller's to name in Headers.
	Body []byte
	Head bool // the request was HEAD: Body is counted but not written
}

// Append appends head and body. It allocates only to grow dst or when Headers
// are not sorted and more than 24.
func (r *Reply) Append(dst []byte) []byte {
	reason := r.Reason
	if reason == "" {
		reason = ReasonPhrase(r.Status)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	dst = append(dst, '\r', '\n')

	page := r.Body == nil && r.Status >= 400
	bodiless := r.Status < 200 || r.Status == 204 || r.Status == 304
	size := len(r.Body)
	if page {
		size = len("<html><head></head><body><h1>000 </h1></body></html>") + len(reason)
	}
	var buf [24]Field
	h := inOrder(r.Headers, buf[:0])
	if len(r.Body) > 0 && !bodiless {
		dst, h = appendUpTo(dst, h, "Content-Length")
		dst = appendLength(dst, size)
	}
	if page {
		dst, h = appendOwn(dst, h, "Content-Type", "text/html")
	}
	if len(r.Date) > 0 {
		dst, h = appendOwn(dst, h, "Date", r.Date)
	}
	if r.Server != "" {
		dst, h = appendOwn(dst, h, "Server", r.Server)
	}
	dst = appendRest(dst, h, r.SetCookie)
	if len(r.Body) == 0 && !bodiless {
		dst = appendLength(dst, size)
	}
	dst = append(dst, '\r', '\n')
	if r.Head || bodiless {
		return dst
	}
	if page {
		dst = append(dst, "<html><head></head><body><h1>"...)
		dst = strconv.AppendInt(dst, int64(r.Status), 10)
		dst = append(dst, ' ')
		dst = append(dst, reason...)
		return append(dst, "</h1></body></html>"...)
	}
	return append(dst, r.Body...)
}

func appendLength(dst []byte, n int) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}
