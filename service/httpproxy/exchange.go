package httpproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"net/http/httputil"
)

type exchangeKey struct{}

// An exchange is what one request's hooks need to know of each other. It
// belongs to the goroutine of its ServeHTTP.
type exchange struct {
	h       *Handler
	w       http.ResponseWriter
	accept  *accept
	path    string      // escaped path at the back end
	preset  http.Header // what the gateway set before calling us, such as Server
	body    *clientBody // nil without a request body
	upgrade string      // protocol the back end may switch to, "" = none
	key     string      // Sec-WebSocket-Key
	user    *userEnd    // set when a 101 has taken the client's connection over
}

func newExchange(h *Handler, w http.ResponseWriter, r *http.Request, a *accept, path string) *exchange {
	x := &exchange{h: h, w: w, accept: a, path: path, preset: w.Header().Clone()}
	clear(w.Header())
	if r.ProtoAtLeast(1, 1) {
		x.upgrade = upgradeOf(r.Header)
		x.key = r.Header.Get("Sec-Websocket-Key")
	}
	return x
}

func exchangeOf(r *http.Request) *exchange {
	return r.Context().Value(exchangeKey{}).(*exchange)
}

// prepare returns what the reverse proxy is to see. r is ours to change, its
// header map is not.
func (x *exchange) prepare(r *http.Request) (http.ResponseWriter, *http.Request) {
	w := x.w
	if r.Body != nil && r.Body != http.NoBody {
		if x.h.maxBody > 0 {
			r.Body = http.MaxBytesReader(x.w, r.Body, x.h.maxBody)
		}
		x.body = &clientBody{ReadCloser: r.Body}
		r.Body = x.body
		// Otherwise net/http reads the body to its end, or up to a bound, before
		// it writes a response, and a back end that answers piece by piece hangs.
		// A writer that cannot is left as it is.
		_ = http.NewResponseController(x.w).EnableFullDuplex()
		if r.Header["Expect"] != nil {
			w = &continueWriter{w}
		}
	}
	if r.Header["Upgrade"] == nil {
		return w, r
	}
	r.Header = r.Header.Clone()
	r.Header.Del("Http2-Settings")
	if x.upgrade == "" {
		r.Header.Del("Upgrade")
		return w, r
	}
	r.Header.Set("Upgrade", x.upgrade)
	return &switchWriter{w, x}, r
}

// A continueWriter leaves 100 Continue to net/http, which writes it when the
// body is first read: the back end's, or its silence for continueTimeout, is
// what lets the transport read. Both would be one too many.
type continueWriter struct{ http.ResponseWriter }

// WriteHeader writes every status but 100.
func (w *continueWriter) WriteHeader(code int) {
	if code != http.StatusContinue {
		w.ResponseWriter.WriteHeader(code)
	}
}

// Unwrap is for http.ResponseController.
func (w *continueWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A clientBody remembers how reading the client's body failed.
type clientBody struct {
	io.ReadCloser
	err atomic.Pointer[error]
}

// Read reads from the client.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

// rewriteRequest fills in what the reverse proxy removes for safety or leaves
// to us. Forwarding headers and Via are taken from the request as it came, so
// that a client cannot strip them by naming them in Connection.
func (h *Handler) rewriteRequest(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In)
	out := p.Out
	out.URL.Scheme, out.URL.Host, out.Host = h.connect.Scheme, h.connect.Host, h.connect.Host
	out.URL.RawPath = x.path
	out.URL.Path, _ = url.PathUnescape(x.path) // escapes were checked by mapPath
	out.URL.RawQuery = p.In.URL.RawQuery
	out.Trailer = p.In.Trailer // filled while the body is read
	h.forward(p.In, out.Header, x.accept)
	out.Header["Via"] = append(append([]string(nil), p.In.Header["Via"]...), "1.1 "+h.via)
}

// modifyResponse checks and rewrites a response head.
func (h *Handler) modifyResponse(res *http.Response) error {
	x := exchangeOf(res.Request)
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		body, err := x.checkSwitch(res)
		if err != nil {
			return err
		}
		res.Body = body
	case res.StatusCode < 200 || res.StatusCode > 999:
		return errBadStatus
	}
	x.restore(res.Header)
	h.rewrite.response(res.Header, x.accept)
	if res.StatusCode != http.StatusSwitchingProtocols {
		if res.Header["Content-Type"] == nil {
			x.w.Header()["Content-Type"] = nil // or net/http would guess one
		}
		if x.upgrade != "" {
			// The client may already be speaking the protocol it did not get.
			x.w.Header().Set("Connection", "close")
		}
	}
	return nil
}

// restore gives back the preset headers that the back end did not send.
func (x *exchange) restore(sent http.Header) {
	head := x.w.Header()
	for name, values := range x.preset {
		if _, has := sent[name]; !has {
			head[name] = values
		}
	}
}

var errBadStatus = errors.New("back end: status out of range")

// answerError answers for a back end that gave no response, or cuts the
// connection of a client that has gone.
func (h *Handler) answerError(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r)
	if x.user != nil {
		return
	}
	if r.Context().Err() == context.Canceled {
		panic(http.ErrAbortHandler)
	}
	code := h.statusOf(x, err)
	h.log.Debug("back end failed", "uri", h.connect.String(), "code", code, "err", err)
	clear(w.Header())
	x.restore(nil)
	if code < 500 || x.upgrade != "" {
		w.Header().Set("Connection", "close")
	}
	fail(w, r, code)
}

func (h *Handler) statusOf(x *exchange, err error) int {
	if x.body != nil {
		if p := x.body.err.Load(); p != nil {
			if tooBig := (*http.MaxBytesError)(nil); errors.As(*p, &tooBig) {
				return http.StatusRequestEntityTooLarge
			}
			return http.StatusBadRequest
		}
	}
	var timeout net.Error
	if h.compat || errors.As(err, &timeout) && timeout.Timeout() {
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// upgradeOf is the protocol a request asks for, "" when it asks for none that
// may be forwarded. h2c never is: HTTP/2 in a tunnel would escape the path
// mapping. Of several protocols websocket is taken, else the first.
func upgradeOf(head http.Header) string {
	if !listed(head["Connection"], "upgrade") {
		return ""
	}
	chosen := ""
	for _, v := range head["Upgrade"] {
		for protocol := range strings.SplitSeq(v, ",") {
			protocol = strings.TrimSpace(protocol)
			name, _, _ := strings.Cut(protocol, "/")
			switch {
			case strings.EqualFold(protocol, "websocket"):
				return protocol
			case chosen == "" && token(name) && !strings.EqualFold(name, "h2c"):
				chosen = protocol
			}
		}
	}
	return chosen
}

// listed reports whether a comma-separated list has the token, in any case.
func listed(lists []string, want string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(item), want) {
				return true
			}
		}
	}
	return false
}
