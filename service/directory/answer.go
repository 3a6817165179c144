package directory

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

// maxErrorPage bounds a custom error page in bytes; a longer one is not used.
const maxErrorPage = 1 << 20

// phrase is the reason as the predecessor spells it in bodies (protocol.md §1.3).
func phrase(code int) string {
	if code == http.StatusInternalServerError {
		return "Internal Error"
	}
	return http.StatusText(code)
}

// fail answers an error with the page of the error-pages directory or the
// built-in one. Content-Length of the latter is left to net/http, which puts
// it last (protocol.md §1.4).
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, code int) {
	h.date(w)
	head := w.Header()
	if page, ok := h.errorPage(code); ok {
		head["Content-Type"] = nil
		head.Set("Content-Length", strconv.Itoa(len(page)))
		w.WriteHeader(code)
		w.Write(page)
		return
	}
	body := fmt.Sprintf("<html><head></head><body><h1>%d %s</h1></body></html>", code, phrase(code))
	head.Set("Content-Type", "text/html")
	if r.Method == http.MethodHead {
		head.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(code)
	io.WriteString(w, body)
}

func (h *Handler) errorPage(code int) ([]byte, bool) {
	if h.errorPages == "" {
		return nil, false
	}
	f, err := os.OpenInRoot(h.errorPages, strconv.Itoa(code)+".html")
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxErrorPage {
		return nil, false
	}
	page, err := io.ReadAll(io.LimitReader(f, maxErrorPage))
	return page, err == nil
}

// empty answers without a body; net/http adds "Content-Length: 0" last, except
// to HEAD.
func (h *Handler) empty(w http.ResponseWriter, r *http.Request, code int) {
	h.date(w)
	if r.Method == http.MethodHead && code != http.StatusNotModified {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(code)
}

// date puts Date where sorting finds it; what net/http adds itself comes last.
func (h *Handler) date(w http.ResponseWriter) {
	if _, set := w.Header()["Date"]; !set {
		w.Header().Set("Date", h.now().UTC().Format(http.TimeFormat))
	}
}
