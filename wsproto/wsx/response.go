package wsx

import (
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
)

var (
	hAccept       = []byte("Sec-WebSocket-Accept")
	hAuthenticate = []byte("WWW-Authenticate")
	hConnection   = []byte("Connection")
	hLocation     = []byte("location") // lower case on the wire
	hProtocol     = []byte("Sec-WebSocket-Protocol")
	hUpgrade      = []byte("Upgrade")

	vUpgrade   = []byte("Upgrade")
	vWebSocket = []byte("websocket")
)

// AppendResponse appends r as one unfragmented binary frame. What it says is
// the head, and the page of an error.
func AppendResponse(dst []byte, r *httpxe.Response) []byte {
	const gap = 4 // header of a frame of 126 to 65535 bytes
	start := len(dst)
	dst = append(dst, make([]byte, gap)...)
	dst = r.Append(dst, httpxe.Plain)
	n := len(dst) - start - gap
	h := wsproto.HeaderLen(int64(n))
	switch {
	case h < gap:
		dst = append(dst[:start+h], dst[start+gap:]...)
	case h > gap:
		dst = append(dst, make([]byte, h-gap)...)
		copy(dst[start+h:], dst[start+gap:])
	}
	wsproto.PutHeaderBefore(dst, start+h, wsproto.OpBinary, true, false, int64(n))
	return dst
}

// Upgrade fills r with a 101 (protocol.md §1.7, §3.4). accept is the outer
// Sec-WebSocket-Accept value, inside and outside alike; protocol is what was
// negotiated, nil for none; upgrade is the Upgrade value to repeat, nil for
// "websocket". Date, Server and CORS lines are the caller's.
func Upgrade(r *httpxe.Response, accept, protocol, upgrade []byte, granted Extensions) {
	r.Status, r.Length = 101, httpxe.LengthNone
	r.Add(hConnection, vUpgrade)
	r.Add(hAccept, accept)
	r.Fields = granted.Fields(r.Fields)
	if len(protocol) > 0 {
		r.Add(hProtocol, protocol)
	}
	if upgrade == nil {
		upgrade = vWebSocket
	}
	r.Add(hUpgrade, upgrade)
}

// Found fills r with the redirect for a client that does not know directives
// (protocol.md §4.5e). Extensions were negotiated before and stay visible.
func Found(r *httpxe.Response, location []byte, granted Extensions) {
	r.Status, r.Length = 302, httpxe.LengthLast
	r.Add(hLocation, location)
	r.Fields = granted.Fields(r.Fields)
}

// Challenge fills r with a 401; it carries neither Date nor Server. The client
// may send another inner request afterwards.
func Challenge(r *httpxe.Response, challenge []byte) {
	r.Add(hAuthenticate, challenge)
	r.Fail(401, "")
}

// Refusal fills r with the answer to a refused request, with its page.
func Refusal(r *httpxe.Response, err *wsproto.StatusError) {
	r.Fail(err.Status, err.Reason)
	r.Fields = append(r.Fields, err.Headers...)
}

// Closes reports whether Close 1000 follows an inner response (protocol.md §3.5):
// after everything but 101 and 401.
func Closes(status int) bool { return status != 101 && status != 401 }
