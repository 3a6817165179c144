package session

import (
	"bytes"
	"strings"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// A relay tunnels a client that cannot follow a redirect to the member that
// the balancer chose (architecture §4). Both ends live on one loop; the
// WebSocket inside is not looked at once the member has agreed to it.
//
//	client ◀─── near ── relay ── far ───▶ member
type relay struct {
	w      *Worker
	route  *Route // the balancer's, which counts it
	near   relayEnd
	far    relayEnd
	answer *bytebufferpool.ByteBuffer // the member's response head until it is whole
	cookie []byte                     // Set-Cookie value for the response
	early  []byte                     // sent by the client before the member agreed
	open   bool                       // the member answered 101
}

// A relayEnd is one of the two streams; it receives that stream's events.
type relayEnd struct {
	r     *relay
	t     Transport // nil once closed
	other *relayEnd
	data  func(p []byte)
}

// relay opens a tunnel to the member of a and sends it the client's request,
// re-rendered for the member's authority and path.
func (x *exchange) relay(route *Route, a *Answer, r *wsproto.Request, p []byte, n int) int {
	w := x.w
	y := &relay{w: w, route: route, answer: bytebufferpool.Get(), cookie: append([]byte(nil), a.SetCookie...)}
	w.out = appendRelayed(w.out[:0], r, a)
	request := append([]byte(nil), w.out...)
	y.early = append(y.early, p[n:]...)
	y.near = relayEnd{r: y, t: x.t, other: &y.far, data: y.fromClient}
	y.far = relayEnd{r: y, other: &y.near, data: y.fromMember}
	x.t.SetTimeout(0)
	x.t.SetHandler(&y.near)
	w.relays[y] = struct{}{}
	route.Sessions.Add(1)
	w.Loop.Dial(a.Dial, w.shape.DialTimeout, func(t Transport) Handler {
		y.far.t = t
		t.Write(request)
		t.SetTimeout(w.shape.DialTimeout + w.shape.HeadTimeout)
		return &y.far
	})
	x.leave()
	return -1
}

// appendRelayed renders the client's upgrade request for the member.
func appendRelayed(dst []byte, r *wsproto.Request, a *Answer) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, a.Path...)
	if len(r.RawQuery) > 0 {
		dst = append(append(dst, '?'), r.RawQuery...)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(append(dst, a.Authority...), "\r\n"...)
	for _, f := range r.Headers() {
		if strings.EqualFold(string(f.Name), "Host") {
			continue
		}
		dst = append(append(dst, f.Name...), ": "...)
		dst = append(append(dst, f.Value...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// fromClient passes on what the client sends; before the member agreed it is
// held, and the client is not read from again.
func (y *relay) fromClient(p []byte) {
	if !y.open {
		y.early = append(y.early, p...)
		y.near.t.Pause()
		return
	}
	y.far.forward(p)
}

// fromMember waits for the response head, puts our cookie into it, and then
// passes everything on.
func (y *relay) fromMember(p []byte) {
	if y.open {
		y.near.forward(p)
		return
	}
	y.answer.B = append(y.answer.B, p...)
	end := headEnd(y.answer.B)
	switch {
	case end < 0 && len(y.answer.B) > maxRelayedHead:
		y.far.t.Abort()
		return
	case end < 0:
		return
	}
	y.open = true
	head := y.answer.B[:end]
	if switched(head) {
		y.far.t.SetTimeout(0)
	} else {
		// What follows is the refusal, for which the member has its time; the
		// client must not ask it for anything past our rules.
		y.near.data = func([]byte) {}
		y.far.t.SetTimeout(y.w.shape.HeadTimeout)
	}
	y.near.t.Write(head)
	if len(y.cookie) > 0 {
		y.near.t.Write([]byte("Set-Cookie: "))
		y.near.t.Write(y.cookie)
		y.near.t.Write([]byte("\r\n"))
	}
	y.near.t.Write(y.answer.B[end:])
	y.drop()
	if len(y.early) > 0 {
		y.near.data(y.early)
		y.early = nil
	}
	y.near.t.Resume()
}

// switched reports whether a response head is that of a 101.
func switched(head []byte) bool {
	_, status, _ := bytes.Cut(head, []byte(" "))
	return bytes.HasPrefix(status, []byte("101 "))
}

const maxRelayedHead = 16 << 10

// headEnd is the offset of the blank line that ends a head, or -1.
func headEnd(b []byte) int {
	for i := 0; i+3 < len(b); i++ {
		if b[i] == '\r' && b[i+1] == '\n' && b[i+2] == '\r' && b[i+3] == '\n' {
			return i + 2
		}
	}
	return -1
}

func (y *relay) drop() {
	if y.answer != nil {
		bytebufferpool.Put(y.answer)
		y.answer = nil
	}
}

// forward queues p for this end and stops reading the other while this one
// is over its high-water mark.
func (e *relayEnd) forward(p []byte) {
	if e.t == nil {
		return
	}
	e.t.Send(p)
	if e.t.Over() && e.other.t != nil {
		e.other.t.Pause()
	}
}

// Data implements [Handler].
func (e *relayEnd) Data(p []byte) { e.data(p) }

// EOF implements [Handler]: a WebSocket has no use for half a connection.
func (e *relayEnd) EOF() { e.t.Close() }

// Drained implements [Handler].
func (e *relayEnd) Drained() {
	if e.other.t != nil {
		e.other.t.Resume()
	}
}

// Timeout implements [Handler]: the member did not answer in time.
func (e *relayEnd) Timeout() { e.t.Abort() }

// close ends the tunnel from our side. What is under way in it cannot be cut in
// order: the client sees its connection end.
func (y *relay) close() {
	for _, e := range []*relayEnd{&y.near, &y.far} {
		if e.t != nil {
			e.t.Close()
		}
	}
}

// remove forgets the tunnel when neither end is left.
func (y *relay) remove() {
	if _, open := y.w.relays[y]; open && y.near.t == nil && y.far.t == nil {
		delete(y.w.relays, y)
		y.route.Sessions.Add(-1)
	}
}

// Closed implements [Handler].
func (e *relayEnd) Closed(error) {
	y := e.r
	e.t = nil
	defer y.remove()
	if near := y.near.t; e == &y.far && near != nil && !y.open {
		y.w.out = errDraining.Append(y.w.out[:0], retryAfter, "", nil)
		near.Send(y.w.out)
	}
	y.drop()
	if e.other.t != nil {
		e.other.t.Close()
	}
}
