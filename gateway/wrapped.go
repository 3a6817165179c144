package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// wrap serves r by h, and puts the answer into the envelope that a client
// needs which cannot see a status or headers (spec/protocol.md §1.9). Such
// clients are known by their X-Origin header, or send their request in an
// envelope as well.
func wrap(rw http.ResponseWriter, r *http.Request, params *wse.Params, h http.Handler) {
	via := httpxe.Detect([]byte(r.Method), []byte(r.Header.Get("Content-Type")), params.RequestType, r.Header.Get("X-Origin") != "")
	if via == httpxe.Plain || r.Header.Get("Upgrade") != "" {
		h.ServeHTTP(rw, r)
		return
	}
	if via == httpxe.Enveloped {
		inner, status := unpack(rw, r)
		if inner == nil {
			rw.Header().Set("Connection", "close")
			deny(rw, status)
			return
		}
		r = inner
	}
	w := &envelopeWriter{rw: rw, via: via, inner: make(http.Header), head: r.Method == http.MethodHead}
	for name, values := range rw.Header() {
		w.inner[name] = values
	}
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
}

// unpack is the request that came in the body of r, or nil and the status of a
// refusal.
func unpack(rw http.ResponseWriter, r *http.Request) (*http.Request, int) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, session.MaxEnvelope))
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return nil, http.StatusRequestEntityTooLarge
	}
	var e httpxe.Envelope
	n, badHead := e.Parse(body, []byte(r.RequestURI), r.ProtoMinor)
	if err != nil || badHead != nil || n == 0 {
		return nil, http.StatusBadRequest
	}
	inner := r.WithContext(r.Context())
	inner.Method, inner.Header = string(e.Method), make(http.Header)
	for name, values := range r.Header {
		if httpxe.Inherits([]byte(name)) {
			inner.Header[name] = values
		}
	}
	for _, f := range e.Fields {
		inner.Header.Del(string(f.Name))
	}
	for _, f := range e.Fields {
		inner.Header.Add(string(f.Name), string(f.Value))
	}
	inner.Header.Del("Content-Length")
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(body[n:])), int64(len(body)-n)
	inner.TransferEncoding, inner.Trailer = nil, nil
	if inner.ContentLength == 0 {
		inner.Body = http.NoBody
	}
	return inner, 0
}

// An envelopeWriter writes the head of an answer as the beginning of the body
// of another.
type envelopeWriter struct {
	rw    http.ResponseWriter
	via   httpxe.Via
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
	outer, inner, err := envelop(status, w.inner, w.via)
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
		h[string(f.Name)] = append(h[string(f.Name)], string(f.Value)) // ETag keeps its letters
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
func envelop(status int, h http.Header, via httpxe.Via) (outer []httpxe.Field, inner []byte, err error) {
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
	all := r.Append(nil, via)
	end := bytes.Index(all, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil, fmt.Errorf("envelope without a head")
	}
	_, outer, _, err = httpxe.ParseHead(all[:end+4], nil)
	return outer, all[end+4:], err
}
