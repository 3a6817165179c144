package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// wrap serves r by h, and puts the answer into the envelope that a client
// needs which cannot see a status or headers (spec/protocol.md §1.9). Such
// clients are known by their X-Origin header; requests inside an envelope are
// not unpacked for HTTP services.
func wrap(rw http.ResponseWriter, r *http.Request, h http.Handler) {
	if r.Header.Get("X-Origin") == "" || r.Header.Get("Upgrade") != "" {
		h.ServeHTTP(rw, r)
		return
	}
	w := &envelopeWriter{rw: rw, inner: make(http.Header), head: r.Method == http.MethodHead}
	for name, values := range rw.Header() {
		w.inner[name] = values
	}
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
}

// An envelopeWriter writes the head of an answer as the beginning of the body
// of another.
type envelopeWriter struct {
	rw    http.ResponseWriter
	inner http.Header
	head  bool
	wrote bool
}

// Header implements [http.ResponseWriter].
func (w *envelopeWriter) Header() http.Header { return w.inner }

// Write implements [http.ResponseWriter].
func (w *envelopeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.rw.Write(p)
}

// Flush implements [http.Flusher].
func (w *envelopeWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	http.NewResponseController(w.rw).Flush()
}

// WriteHeader implements [http.ResponseWriter].
func (w *envelopeWriter) WriteHeader(status int) {
	if w.wrote || status < 200 {
		return
	}
	w.wrote = true
	length := w.inner.Get("Content-Length")
	outer, inner, err := envelop(status, w.inner)
	if err != nil {
		w.rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.rw.Header()
	clear(h)
	if date, ok := w.inner["Date"]; ok && date == nil {
		h["Date"] = nil
	}
	for _, f := range outer {
		h.Add(string(f.Name), string(f.Value))
	}
	if n, err := strconv.Atoi(length); err == nil && !w.head {
		h.Set("Content-Length", strconv.Itoa(n+len(inner)))
	}
	if status != http.StatusNotFound {
		status = http.StatusOK
	}
	w.rw.WriteHeader(status)
	if !w.head {
		w.rw.Write(inner)
	}
}

// envelop divides the head of an answer into what stands outside and what
// inside.
func envelop(status int, h http.Header) (outer []httpxe.Field, inner []byte, err error) {
	r := httpxe.Response{Status: status, Length: httpxe.LengthNone}
	for name, values := range h {
		for _, v := range values {
			switch name {
			case "Content-Length", "Transfer-Encoding":
			case "Set-Cookie":
				r.Cookies = append(r.Cookies, []byte(v))
			default:
				r.Add([]byte(name), []byte(v))
			}
		}
	}
	all := r.Append(nil, httpxe.Bridge)
	end := bytes.Index(all, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil, fmt.Errorf("envelope without a head")
	}
	_, outer, _, err = httpxe.ParseHead(all[:end+4], nil)
	return outer, all[end+4:], err
}
