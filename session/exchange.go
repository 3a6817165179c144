package session

import (
	"bytes"
	"cmp"
	"errors"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// An exchange is an HTTP/1.1 connection on its loop: it collects requests, one
// at a time, and gives each to what the route says. Answers leave in the order
// of the requests: what arrives behind a request that is not yet answered
// waits. It ends when the connection is upgraded, handed over or closed; the
// worker reuses it.
type exchange struct {
	t    Transport
	w    *Worker
	port *Port
	held *bytebufferpool.ByteBuffer // bytes that are not served yet; nil when idle
	up   *upload                    // a request that is served as its content arrives
	poll *emulated                  // a request whose answer is to come

	wait   await         // for the content of the request at the front of held
	keep   time.Duration // http.keepalive.timeout of the last route; 0 is that of the port
	parked int           // where in the bytes at hand the next request begins, with poll
	gen    uint32        // counts the connections this was used for
	done   bool          // no further request is read
	full   bool          // no further request is served until the answers have drained
	behind bool          // held is to be handed over once the answers before it have left
}

// Open starts a session on a new connection. The engine calls it on the
// connection's loop and uses the handler it returns.
func (w *Worker) Open(t Transport, p *Port) Handler {
	x := w.takeExchange()
	x.t, x.w, x.port = t, w, p
	t.SetTimeout(x.idleTimeout())
	return x
}

func (w *Worker) takeExchange() *exchange {
	if n := len(w.idle); n > 0 {
		x := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return x
	}
	return new(exchange)
}

// maxIdleExchanges bounds what a worker keeps for reuse.
const maxIdleExchanges = 1024

// leave gives the exchange back. The transport has another handler, is
// detached, or has ended.
func (x *exchange) leave() {
	w := x.w
	x.release()
	*x = exchange{gen: x.gen + 1}
	if len(w.idle) < maxIdleExchanges {
		w.idle = append(w.idle, x)
	}
}

// Data implements [Handler].
func (x *exchange) Data(p []byte) {
	switch {
	case x.done:
		return
	case x.up != nil:
		x.uploading(p)
		return
	case x.poll != nil:
		x.parking(p)
		return
	}
	seen := 0
	if x.held != nil {
		seen = len(x.held.B)
		x.held.B = append(x.held.B, p...)
		p = x.held.B
	}
	if x.wait.on {
		if !x.wait.reached(p) {
			return
		}
		seen, x.wait = 0, await{}
	}
	x.requests(p, seen)
}

// requests serves the requests at the front of p until one is unfinished or
// takes the connection over. The first seen bytes were not enough before.
func (x *exchange) requests(p []byte, seen int) {
	w := x.w
	for ; len(p) > 0; seen = 0 {
		n, err := w.req.ParseFrom(p, seen, x.port.head(&w.shape.Head))
		switch {
		case err != nil:
			x.refuse(err)
			return
		case n == 0:
			x.hold(p)
			return
		}
		next := x.serve(&w.req, p, n)
		if next < 0 {
			if x.poll != nil {
				x.park(p[x.parked:])
			}
			return
		}
		p = p[next:]
		if x.t.Over() {
			x.park(p)
			x.full = true
			x.t.Pause()
			x.t.SetTimeout(0)
			return
		}
	}
	x.release()
	x.t.SetTimeout(x.idleTimeout())
}

// idleTimeout bounds the wait for the next request.
func (x *exchange) idleTimeout() time.Duration {
	return cmp.Or(x.keep, x.port.Idle, x.w.shape.IdleTimeout)
}

// hold keeps an unfinished head; the time for it starts with its first byte.
func (x *exchange) hold(p []byte) {
	if x.held == nil || len(p) < len(x.held.B) {
		x.t.SetTimeout(x.w.shape.HeadTimeout)
	}
	x.keepBytes(p)
}

// park keeps what stands behind a request whose answer is to come.
func (x *exchange) park(p []byte) {
	if len(p) == 0 {
		x.release()
		return
	}
	x.keepBytes(p)
}

// keepBytes makes p, which may be the end of what is held, all that is held.
func (x *exchange) keepBytes(p []byte) {
	if x.held == nil {
		x.held = bytebufferpool.Get()
	}
	x.held.B = append(x.held.B[:0], p...)
}

func (x *exchange) release() {
	if x.held != nil {
		bytebufferpool.Put(x.held)
		x.held = nil
	}
}

// serve handles one request, whose head is p[:n]. It returns the offset of
// the next request in p, or -1 when the connection has another owner or ends.
func (x *exchange) serve(r *wsproto.Request, p []byte, n int) int {
	if _, key := r.Header("Sec-WebSocket-Key"); key || r.IsUpgrade() {
		if route, rest := x.port.Routes.Load().Route(r.Authority, r.Path, KindWebSocket); route != nil {
			return x.upgrade(route, rest, r, p, n)
		}
	}
	return x.plain(r, p, n)
}

// handOverPoll is how often a connection is looked at that is to be handed over
// behind answers its client is slow to read.
const handOverPoll = 100 * time.Millisecond

// handOver gives the connection to net/http together with what was read.
func (x *exchange) handOver(p []byte) int {
	c, err := x.t.Detach()
	switch {
	case err == nil:
	case x.t.Pending() > 0:
		x.keepBytes(p)
		x.behind = true
		x.t.Pause()
		x.t.SetTimeout(handOverPoll)
		return -1
	default:
		x.t.Abort()
		return -1
	}
	prefix := append([]byte(nil), p...)
	port, limits := x.port, x.port.head(&x.w.shape.Head)
	x.leave()
	port.Serve(&handedConn{Conn: c, limits: limits, in: prefix})
	return -1
}

// withHost is p, at whose front r stands, with a Host line if it lacks one.
func withHost(r *wsproto.Request, p []byte) []byte {
	if !hostless(r) {
		return p
	}
	line := bytes.IndexByte(p, '\n') + 1
	b := append([]byte(nil), p[:line]...)
	b = append(append(append(b, "Host: "...), r.Authority...), "\r\n"...)
	return append(b, p[line:]...)
}

// refuse answers a request that could not be understood, and closes.
func (x *exchange) refuse(err error) int {
	status := &wsproto.StatusError{Status: 400, Reason: "Bad Request"}
	errors.As(err, &status)
	return x.answer(status, nil, "", x.w.Date())
}

// end closes the connection after what is queued.
func (x *exchange) end() int {
	x.done = true
	x.release()
	x.t.Close()
	return -1
}

// EOF implements [Handler].
func (x *exchange) EOF() {
	x.abandon()
	x.end()
}

// abandon ends the sessions whose request is cut short.
func (x *exchange) abandon() {
	if s := x.poll; s != nil {
		s.reset()
	}
	if u := x.up; u != nil {
		s := u.s
		x.endUpload()
		if s != nil {
			s.reset()
		}
	}
}

// Drained implements [Handler]: the client has read its answers and may have
// more of them.
func (x *exchange) Drained() {
	if !x.full {
		return
	}
	x.full = false
	x.t.Resume()
	if x.held == nil {
		x.t.SetTimeout(x.idleTimeout())
		return
	}
	rest := x.held
	x.held = nil
	x.requests(rest.B, 0)
	bytebufferpool.Put(rest)
}

// Timeout implements [Handler]: no request came, or it took too long, or the
// session whose poll waits here has something to do.
func (x *exchange) Timeout() {
	switch {
	case x.poll != nil:
		x.poll.Timeout()
		return
	case x.behind:
		x.handOver(x.held.B)
		return
	}
	if x.held == nil && x.up == nil {
		x.end()
		return
	}
	x.abandon()
	x.done = true
	x.t.Abort()
}

// Closed implements [Handler].
func (x *exchange) Closed(error) {
	x.abandon()
	x.leave()
}
