package session

import (
	"errors"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// An exchange is an HTTP/1.1 connection on its loop: it collects request
// heads, one at a time, and gives each to what the route says. It ends when
// the connection is upgraded, handed over or closed; the worker reuses it.
type exchange struct {
	t    Transport
	w    *Worker
	port *Port
	held *bytebufferpool.ByteBuffer // an unfinished head
	done bool                       // no further request is read
}

// Open starts a session on a new connection. The engine calls it on the
// connection's loop and uses the handler it returns.
func (w *Worker) Open(t Transport, p *Port) Handler {
	x := w.takeExchange()
	x.t, x.w, x.port = t, w, p
	t.SetTimeout(w.shape.IdleTimeout)
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
	*x = exchange{}
	if len(w.idle) < maxIdleExchanges {
		w.idle = append(w.idle, x)
	}
}

// Data implements [Handler].
func (x *exchange) Data(p []byte) {
	if x.done {
		return
	}
	seen := 0
	if x.held != nil {
		seen = len(x.held.B)
		x.held.B = append(x.held.B, p...)
		p = x.held.B
	}
	x.requests(p, seen)
}

// requests serves the requests at the front of p until one is unfinished or
// takes the connection over. The first seen bytes were not enough before.
func (x *exchange) requests(p []byte, seen int) {
	w := x.w
	for ; len(p) > 0; seen = 0 {
		n, err := w.req.ParseFrom(p, seen, w.shape.Head)
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
			return
		}
		p = p[next:]
	}
	x.release()
	x.t.SetTimeout(w.shape.IdleTimeout)
}

// hold keeps an unfinished head; the time for it starts with its first byte.
func (x *exchange) hold(p []byte) {
	if x.held == nil {
		x.held = bytebufferpool.Get()
		x.held.Set(p)
		x.t.SetTimeout(x.w.shape.HeadTimeout)
	} else if len(p) < len(x.held.B) {
		n := copy(x.held.B, p)
		x.held.B = x.held.B[:n]
		x.t.SetTimeout(x.w.shape.HeadTimeout)
	}
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
	routes := x.port.Routes.Load()
	if _, key := r.Header("Sec-WebSocket-Key"); key || r.IsUpgrade() {
		if route, rest := routes.Route(r.Authority, r.Path, KindWebSocket); route != nil {
			return x.upgrade(route, rest, r, p, n)
		}
	}
	route, rest := routes.Route(r.Authority, r.Path, KindHTTP)
	switch {
	case route == nil:
		return x.notFound()
	case route.Balancer != nil:
		return x.redirectHTTP(route, rest, r, n)
	case route.HTTP:
		return x.handOver(p)
	}
	return x.notFound()
}

// handOver gives the connection to net/http together with what was read.
func (x *exchange) handOver(p []byte) int {
	prefix := append([]byte(nil), p...)
	port := x.port
	c, err := x.t.Detach()
	if err != nil {
		x.t.Abort()
		return -1
	}
	x.leave()
	port.Serve(&prefixConn{Conn: c, prefix: prefix})
	return -1
}

// refuse answers a request that could not be understood, and closes.
func (x *exchange) refuse(err error) {
	status := &wsproto.StatusError{Status: 400, Reason: "Bad Request"}
	errors.As(err, &status)
	x.answer(status, nil, "", x.w.Date())
}

// end closes the connection after what is queued.
func (x *exchange) end() int {
	x.done = true
	x.release()
	x.t.Close()
	return -1
}

// EOF implements [Handler].
func (x *exchange) EOF() { x.end() }

// Drained implements [Handler].
func (x *exchange) Drained() {}

// Timeout implements [Handler]: no request came, or its head took too long.
func (x *exchange) Timeout() {
	x.done = true
	x.t.Abort()
}

// Closed implements [Handler].
func (x *exchange) Closed(error) { x.leave() }
