package gateway

import (
	"fmt"
	"net/http"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// An access stands before the HTTP service of one route and decides who gets
// to it, as a session does for WebSockets: the page's origin first, then the
// user (spec/protocol.md §1.7, §1.8).
type access struct {
	route  *session.Route
	guard  *guard // nil admits everybody
	secure bool
	// anonymous answers carry no Server header.
	anonymous bool
	rate      int64 // bytes per second to one connection; 0 is no limit
	next      http.Handler
}

// ServeHTTP implements [http.Handler].
func (a *access) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if a.route.Unbound.Load() {
		deny(rw, http.StatusNotFound)
		return
	}
	if a.anonymous {
		rw.Header().Del("Server")
	}
	if a.route.Draining.Load() {
		rw.Header().Set("Connection", "close")
	}
	cors, verdict := a.judge(r)
	switch verdict {
	case origin.Refuse:
		deny(rw, http.StatusForbidden)
		return
	case origin.Preflight:
		setFields(rw.Header(), cors)
		bare(rw)
		rw.WriteHeader(http.StatusOK)
		return
	}
	if !a.admit(rw, r) {
		return
	}
	a.route.Sessions.Add(1)
	defer a.route.Sessions.Add(-1)
	if len(cors) > 0 {
		setFields(rw.Header(), cors)
		rw = &signedWriter{ResponseWriter: rw, cors: cors}
	}
	if a.rate > 0 {
		rw = newPacedWriter(r.Context(), rw, a.rate)
	}
	a.next.ServeHTTP(rw, r)
}

// judge asks the route's policy about the page that the request comes from.
func (a *access) judge(r *http.Request) ([]wsproto.Field, origin.Verdict) {
	page, xOrigin := header(r, "Origin"), header(r, "X-Origin")
	params, _ := wse.ParseParams([]byte(r.URL.RawQuery))
	if page == nil && xOrigin == nil && params.Origin == nil {
		return nil, origin.Allow
	}
	q := origin.Request{
		Method: []byte(r.Method), Host: []byte(r.Host), Secure: a.secure,
		ControlRequest: header(r, "Access-Control-Request-Method") != nil || header(r, "Access-Control-Request-Headers") != nil,
		AlwaysCORS:     params.AlwaysCORS,
	}
	q.Origin = origin.Effective(a.route.Origins, &q, page, xOrigin, params.Origin)
	d := origin.Decide(a.route.Origins, &q)
	return d.Fields(nil), d.Verdict
}

// admit asks the realm. A directory or proxy challenges in the way that a
// browser can answer, whatever the realm's scheme (spec/config.md §13.2).
func (a *access) admit(rw http.ResponseWriter, r *http.Request) bool {
	if a.guard == nil {
		return true
	}
	_, status := a.guard.check(a.guard.findHTTP(r))
	if status == http.StatusUnauthorized {
		rw.Header().Set("WWW-Authenticate", a.guard.realm.Challenge(true))
	}
	if status != 0 {
		deny(rw, status)
	}
	return status == 0
}

// header is the first value of a header, nil when there is none.
func header(r *http.Request, name string) []byte {
	if v := r.Header.Values(name); len(v) > 0 {
		return []byte(v[0])
	}
	return nil
}

// setFields puts lines, several of which may have one name, in the place of
// those that h has.
func setFields(h http.Header, fields []wsproto.Field) {
	for _, f := range fields {
		h.Del(string(f.Name))
	}
	for _, f := range fields {
		h.Add(string(f.Name), string(f.Value))
	}
}

// bare leaves out what answers carry that no service was asked for
// (spec/protocol.md §1.5).
func bare(rw http.ResponseWriter) {
	rw.Header().Del("Server")
	rw.Header()["Date"] = nil
}

// deny answers for a service that was not asked.
func deny(rw http.ResponseWriter, status int) {
	bare(rw)
	page(rw, status)
}

// page answers with the page of a status.
func page(rw http.ResponseWriter, status int) {
	rw.Header().Set("Content-Type", "text/html")
	rw.WriteHeader(status)
	fmt.Fprintf(rw, "<html><head></head><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
}

// A signedWriter sees to it that a back end does not add its own lines to
// those that let a foreign page read the answer.
type signedWriter struct {
	http.ResponseWriter
	cors []wsproto.Field
}

// WriteHeader implements [http.ResponseWriter].
func (w *signedWriter) WriteHeader(status int) {
	if status >= 200 {
		setFields(w.Header(), w.cors)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *signedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
