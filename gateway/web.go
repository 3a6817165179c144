package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// A web serves the plain HTTP requests of one port with net/http. The event
// loop reads the first request of a connection and hands the connection over
// when the request is for an HTTP service; a later request for anything else
// goes back to a loop.
type web struct {
	g      *Gateway
	port   *port
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// webBacklog bounds the connections handed over but not yet taken.
const webBacklog = 1024

func newWeb(g *Gateway, p *port) *web {
	w := &web{g: g, port: p, conns: make(chan net.Conn, webBacklog), closed: make(chan struct{})}
	w.server = &http.Server{
		Handler:           w,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    64 << 10,

		ConnContext: withVisit,

		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	return w
}

// Accept, Close and Addr implement [net.Listener] for the server.
func (w *web) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *web) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

func (w *web) Addr() net.Addr { return &net.TCPAddr{} }

// serve runs until stop; it is the goroutine of one web.
func (w *web) serve() {
	if err := w.server.Serve(w); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		w.g.log.Error("web server ended", "err", err)
	}
}

// take queues a connection without blocking the loop it comes from.
func (w *web) take(c session.HandedConn) {
	select {
	case w.conns <- c:
	default:
		c.Close()
	}
}

func (w *web) stop(ctx context.Context) {
	w.server.Shutdown(ctx)
	w.server.Close()
	w.Close()
}

// ServeHTTP implements [http.Handler].
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	v := r.Context().Value(visitKey{}).(*visit)
	v.requests++
	if r.RequestURI == session.ReturnTarget && v.conn.Returns() {
		w.giveBack(rw, r, v.conn)
		return
	}
	route := w.find(r)
	switch {
	case route == nil && v.requests == 1:
		deny(rw, http.StatusNotFound)
		return
	case route == nil:
		w.giveBack(rw, r, v.conn)
		return
	}
	if !r.ProtoAtLeast(1, 1) {
		rw.Header().Set("Connection", "close") // whatever it asks for (spec/protocol.md §1.6)
	}
	if w.g.shape.Server != "" {
		rw.Header().Set("Server", w.g.shape.Server)
	}
	params, _ := wse.ParseParams([]byte(r.URL.RawQuery))
	if !emulateMethod(r, &params) {
		deny(rw, http.StatusForbidden)
		return
	}
	wrap(rw, r, &params, w.g.handlers[route])
}

// A visit is a connection that a loop has handed over. It belongs to the
// goroutine that serves it.
type visit struct {
	conn session.HandedConn
	// requests so far; the first was sent here by a loop and is not sent back.
	requests int
}

type visitKey struct{}

func withVisit(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, visitKey{}, &visit{conn: c.(session.HandedConn)})
}

// find looks the route up as a loop does; nil is none for us.
func (w *web) find(r *http.Request) *session.Route {
	authority, path := []byte(strings.ToLower(r.Host)), singleSlashes(r.URL.Path)
	if r.Header.Get("Upgrade") != "" && r.Header.Get("Sec-WebSocket-Key") != "" {
		if route, _ := w.port.routes.Route(authority, path, session.KindWebSocket); route != nil {
			if !route.HTTP {
				return nil
			}
			return route
		}
	}
	if _, rest, found := origin.ParseMethodPath(path); found {
		path = rest
	}
	return w.port.Web(authority, path, []byte(r.URL.RawQuery))
}

// singleSlashes is a path as the loops' parser makes it.
func singleSlashes(path string) []byte {
	var b []byte
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			b = append(b, path[i])
		}
	}
	if len(b) == 0 {
		b = append(b, '/')
	}
	return b
}

// emulateMethod gives r the method that its client could not send: one in
// front of the path, or a token in the query (spec/protocol.md §0, §1.8). It
// reports false when the client has no right to the former. The token counts
// with an X-Origin only: without, any page's image could delete (ADR 0010).
func emulateMethod(r *http.Request, params *wse.Params) bool {
	if params.Method != "" && header(r, "X-Origin") != nil {
		r.Method = params.Method
	}
	method, rest, found := origin.ParseMethodPath([]byte(r.URL.Path))
	if !found {
		return true
	}
	var fields []wsproto.Field
	for name, values := range r.Header {
		for _, v := range values {
			fields = append(fields, wsproto.Field{Name: []byte(name), Value: []byte(v)})
		}
	}
	if !origin.Proven(fields, header(r, "X-Origin")) {
		return false
	}
	r.Method, r.URL.Path, r.URL.RawPath = method, string(rest), ""
	r.RequestURI = r.URL.RequestURI()
	return true
}

// giveBack returns a connection to an event loop, because its request is for
// what only a loop serves, or judges. The request's head is written anew in front of
// what else was read.
func (w *web) giveBack(rw http.ResponseWriter, r *http.Request, handed session.HandedConn) {
	c, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		w.g.log.Debug("connection not taken back", "err", err)
		return
	}
	c.SetDeadline(time.Time{})
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	prefix := handed.TakeBack(r.RequestURI, appendHead(nil, r), rest)
	if err := w.g.engine.Attach(c, prefix, w.g.opener(w.port)); err != nil {
		c.Close()
	}
}

// appendHead renders the head of r as an HTTP/1.1 request.
func appendHead(dst []byte, r *http.Request) []byte {
	dst = fmt.Appendf(dst, "%s %s HTTP/%d.%d\r\nHost: %s\r\n", r.Method, r.RequestURI, r.ProtoMajor, r.ProtoMinor, r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			dst = fmt.Appendf(dst, "%s: %s\r\n", name, v)
		}
	}
	if len(r.TransferEncoding) > 0 {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if r.Close && r.Header.Get("Connection") == "" {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}
