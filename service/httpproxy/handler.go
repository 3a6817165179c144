// Package httpproxy forwards plain HTTP requests to one back end
// (protocol.md §8.2, config.md §12.1 row "http.proxy").
//
// It is a net/http handler for requests whose connection has left the event
// loops, built on httputil.ReverseProxy. Requests and responses are re-serialised,
// never forwarded raw, and stream in both directions without being collected.
// It never follows redirects, never decompresses, never repeats a request whose
// body was read, and opens a tunnel for nothing but a 101 that answers an
// upgrade the client asked for.
//
//	client ──▶ method, Via, path ──▶ Forwarded, Via ──▶ transport ──▶ back end
//	  ◀── Location, Set-Cookie, Server ◀── 101 check ◀────────────────┘
//
//	h, err := httpproxy.New(httpproxy.Options{
//		Accepts: []*url.URL{accept}, // http://localhost:8110/
//		Connect: connect,            // http://localhost:8080/
//	})
package httpproxy

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Forwarded says what becomes of the client's X-Forwarded-* and Forwarded
// headers (use-forwarded).
type Forwarded string

const (
	Ignore  Forwarded = "ignore"  // passed through; the default
	Exclude Forwarded = "exclude" // removed
	Inject  Forwarded = "inject"  // passed through with our own values appended
)

// A Mapping replaces From by To in a Location, cookie domain or cookie path.
type Mapping struct{ From, To string }

// Options says where a [Handler] forwards to and how. Accepts and Connect are
// required; the other zero values are the predecessor's defaults.
type Options struct {
	// Accepts are the external accept URIs, http or https, each with a path
	// that ends in a slash. Location headers are rewritten to the one that the
	// request came in by.
	Accepts []*url.URL

	// Connect is the back end, http or https, with a path that ends in a slash.
	Connect *url.URL

	// TLS is used for an https back end; nil = the system's roots. It is cloned.
	TLS *tls.Config

	// ID is the name in our Via header after "kaazing-"; "" = a random UUID.
	// Two handlers with one ID take each other's requests for a loop.
	ID string

	Forwarded Forwarded // "" = Ignore

	// KeepLocation leaves Location as the back end wrote it (rewrite-location
	// disabled). Otherwise the first of LocationMappings whose From begins it is
	// applied, else Connect is replaced by the accept URI.
	KeepLocation     bool
	LocationMappings []Mapping

	// RewriteCookieDomain and RewriteCookiePath change the attributes of
	// Set-Cookie by the first mapping that fits; a domain must be equal to From,
	// a path must begin with it at a segment boundary, and an empty To removes
	// the attribute. When none fits, the back end's host and path become those
	// of the accept URI.
	RewriteCookieDomain  bool
	CookieDomainMappings []Mapping
	RewriteCookiePath    bool
	CookiePathMappings   []Mapping

	// CompatErrors answers 504 whenever the back end fails
	// (http.proxy.errors=compat). Otherwise that is for timeouts, all else 502.
	CompatErrors bool

	// NoKeepAlive opens a back-end connection per request and says
	// "Connection: close" on it (http.keepalive=disabled).
	NoKeepAlive bool
	// KeepAliveTimeout is how long an idle back-end connection is kept; 0 = 30 s.
	KeepAliveTimeout time.Duration
	// KeepAliveConnections is how many are kept idle; 0 = 2 per processor.
	KeepAliveConnections int

	// ConnectTimeout bounds lookup and connect, and separately the TLS
	// handshake; 0 = 10 s.
	ConnectTimeout time.Duration
	// ResponseTimeout bounds the wait for the response head after the request
	// has been sent; 0 = none, since long polls wait for minutes.
	ResponseTimeout time.Duration
	// MaxRequestBody is the most bytes of a request body, more is 413; 0 = no limit.
	MaxRequestBody int64
	// MaxResponseHead is the most bytes of a response head; 0 = 1 MiB.
	MaxResponseHead int64

	// Logger gets debug records of failed exchanges; nil = none.
	Logger *slog.Logger
}

// A Handler forwards to one back end. It is safe for any goroutine. Close ends
// what an http.Server does not know of.
type Handler struct {
	accepts   []accept
	connect   *url.URL
	via       string
	forwarded Forwarded
	rewrite   rewriter
	compat    bool
	maxBody   int64
	linger    time.Duration
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	log       *slog.Logger

	mu      sync.Mutex // guards what follows; a leaf of the lock order
	tunnels map[*userEnd]struct{}
	closed  bool
}

// New checks o and returns its handler. The error names the faulty option.
func New(o Options) (*Handler, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("httpproxy: %w", err)
	}
	h := &Handler{
		connect: o.Connect, forwarded: o.Forwarded, compat: o.CompatErrors,
		maxBody: o.MaxRequestBody, linger: tunnelLinger, log: o.Logger,
		rewrite: newRewriter(&o), transport: newTransport(&o),
		tunnels: make(map[*userEnd]struct{}),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if o.ID == "" {
		o.ID = uuid()
	}
	h.via = "kaazing-" + o.ID
	for _, u := range o.Accepts {
		h.accepts = append(h.accepts, newAccept(u))
	}
	h.proxy = &httputil.ReverseProxy{
		Rewrite:        h.rewriteRequest,
		ModifyResponse: h.modifyResponse,
		ErrorHandler:   h.answerError,
		Transport:      h.transport,
		FlushInterval:  -1,
		BufferPool:     &buffers,
		ErrorLog:       slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	return h, nil
}

func (o *Options) check() error {
	if len(o.Accepts) == 0 {
		return errors.New("no accept URI")
	}
	for _, u := range o.Accepts {
		if err := checkURI("accept", u); err != nil {
			return err
		}
	}
	if err := checkURI("connect", o.Connect); err != nil {
		return err
	}
	switch o.Forwarded {
	case "", Ignore, Exclude, Inject:
	default:
		return fmt.Errorf("use-forwarded %q: must be ignore, exclude or inject", o.Forwarded)
	}
	if !token(o.ID) && o.ID != "" {
		return fmt.Errorf("id %q: not a token", o.ID)
	}
	return nil
}

func checkURI(kind string, u *url.URL) error {
	switch {
	case u == nil:
		return fmt.Errorf("no %s URI", kind)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%s %q: not an http or https URI", kind, u)
	case !strings.HasSuffix(u.Path, "/"):
		return fmt.Errorf("%s %q: path %q does not end in a slash", kind, u, u.Path)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("%s %q: query, fragment or user", kind, u)
	}
	return nil
}

func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ServeHTTP forwards one request. It returns when the response has been
// written, or after a 101 when the tunnel has ended. It panics with
// http.ErrAbortHandler, which makes net/http cut the connection, when the back
// end fails in the middle of a response body or the client has gone.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := h.refuse(r); status != 0 {
		if status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge {
			w.Header().Set("Connection", "close")
		}
		fail(w, r, status)
		return
	}
	a, path, status := h.route(r)
	if status != 0 {
		fail(w, r, status)
		return
	}
	x := newExchange(h, w, r, a, path)
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	h.proxy.ServeHTTP(x.prepare(r))
}

// methods are those of protocol.md §1.1; CONNECT is known but not forwarded.
var methods = map[string]bool{
	"OPTIONS": true, "GET": true, "HEAD": true, "POST": true, "PUT": true,
	"DELETE": true, "TRACE": true, "PATCH": true, "CONNECT": true,
}

// refuse returns the status for a request that is not for any back end, or 0.
// net/http removes Content-Length from a chunked request before a handler can
// see both; the check is for servers that leave it in.
func (h *Handler) refuse(r *http.Request) int {
	switch {
	case !methods[r.Method]:
		return http.StatusNotImplemented
	case r.Method == http.MethodConnect:
		return http.StatusMethodNotAllowed
	case len(r.TransferEncoding) > 0 && r.Header["Content-Length"] != nil:
		return http.StatusBadRequest
	case h.looped(r.Header["Via"]):
		return http.StatusLoopDetected
	case h.maxBody > 0 && r.ContentLength > h.maxBody:
		return http.StatusRequestEntityTooLarge
	}
	return 0
}

// looped reports whether one of the Via values is ours.
func (h *Handler) looped(via []string) bool {
	for _, v := range via {
		for hop := range strings.SplitSeq(v, ",") {
			fields := strings.Fields(hop)
			if len(fields) > 1 && strings.EqualFold(fields[1], h.via) {
				return true
			}
		}
	}
	return false
}

// Tunnels is the number of upgraded connections that are open.
func (h *Handler) Tunnels() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.tunnels)
}

// Close cuts all tunnels, refuses new ones and drops idle back-end connections.
// Requests in flight are the http.Server's to end.
func (h *Handler) Close() error {
	h.mu.Lock()
	h.closed = true
	open := make([]*userEnd, 0, len(h.tunnels))
	for u := range h.tunnels {
		open = append(open, u)
	}
	h.mu.Unlock()
	for _, u := range open {
		u.Close()
	}
	h.transport.CloseIdleConnections()
	return nil
}
