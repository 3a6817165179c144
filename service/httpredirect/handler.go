// Package httpredirect answers every request with one configured redirect
// (protocol.md §8.6, config.md §12.1 row "http.redirect").
//
// It is a net/http handler for requests whose connection has left the event
// loops. Nothing of the request reaches the answer, so it cannot be made to
// point anywhere else.
//
//	h, err := httpredirect.New(httpredirect.Options{Location: "https://www.example.com/"})
package httpredirect

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options says what the answer is.
type Options struct {
	// Location is the URI reference clients are sent to, required and copied
	// as it is.
	Location string

	// Status is 300 to 399; 0 = 300, the predecessor's default.
	Status int

	// CacheControl is sent as it is; "" = no such header.
	CacheControl string
}

// A Handler gives one answer to all methods and paths. It is immutable and
// safe for any goroutine.
type Handler struct {
	location, cacheControl string
	status                 int
}

// New checks o and returns its handler. The error names the faulty option.
func New(o Options) (*Handler, error) {
	h := &Handler{o.Location, strings.TrimSpace(o.CacheControl), o.Status}
	if h.status == 0 {
		h.status = http.StatusMultipleChoices
	}
	if h.status < 300 || h.status > 399 {
		return nil, fmt.Errorf("httpredirect: status-code %d: must be 300 to 399", h.status)
	}
	if h.location == "" {
		return nil, fmt.Errorf("httpredirect: no location")
	}
	if _, err := url.Parse(h.location); err != nil || !printable(h.location) || strings.Contains(h.location, " ") {
		return nil, fmt.Errorf("httpredirect: location %q: not a URI", h.location)
	}
	if !printable(h.cacheControl) {
		return nil, fmt.Errorf("httpredirect: cache-control %q: not a header value", h.cacheControl)
	}
	return h, nil
}

// printable reports whether s is visible ASCII and blanks.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// ServeHTTP answers. A Server or Date header that was set before the call is
// kept; net/http adds "Content-Length: 0" last (protocol.md §1.4).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Location", h.location)
	if h.cacheControl != "" {
		head.Set("Cache-Control", h.cacheControl)
	}
	if _, set := head["Date"]; !set {
		head.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if r.Method == http.MethodHead && h.status != http.StatusNotModified {
		head.Set("Content-Length", "0")
	}
	w.WriteHeader(h.status)
}
