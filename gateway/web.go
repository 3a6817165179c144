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
func (w *web) take(c net.Conn) {
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
	kind := session.KindHTTP
	if r.Header.Get("Upgrade") != "" && r.Header.Get("Sec-WebSocket-Key") != "" {
		kind = session.KindWebSocket
	}
	route, _ := w.port.routes.Route([]byte(strings.ToLower(r.Host)), []byte(r.URL.Path), kind)
	if route == nil || !route.HTTP {
		w.giveBack(rw, r)
		return
	}
	if w.g.shape.Server != "" {
		rw.Header().Set("Server", w.g.shape.Server)
	}
	w.g.handlers[route].ServeHTTP(rw, r)
}

// giveBack returns a connection to an event loop, because its request is for
// what only a loop serves. The request's head is written anew in front of
// what else was read.
func (w *web) giveBack(rw http.ResponseWriter, r *http.Request) {
	c, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		w.g.log.Debug("connection not taken back", "err", err)
		return
	}
	c.SetDeadline(time.Time{})
	prefix := appendHead(nil, r)
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	prefix = append(prefix, rest...)
	if err := w.g.engine.Attach(c, prefix, w.g.opener(w.port)); err != nil {
		c.Close()
	}
}

// appendHead renders the head of r as an HTTP/1.1 request.
func appendHead(dst []byte, r *http.Request) []byte {
	dst = fmt.Appendf(dst, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Host)
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
