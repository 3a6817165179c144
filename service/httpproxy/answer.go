package httpproxy

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// phrase is the reason as the predecessor spells it in bodies (protocol.md
// §1.3); the status line carries net/http's.
func phrase(code int) string {
	if code == http.StatusLoopDetected {
		return "Loop detected"
	}
	return http.StatusText(code)
}

// fail answers an error of our own. Content-Length is left to net/http, which
// puts it last (protocol.md §1.4).
func fail(w http.ResponseWriter, r *http.Request, code int) {
	body := fmt.Sprintf("<html><head></head><body><h1>%d %s</h1></body></html>", code, phrase(code))
	head := w.Header()
	head.Set("Content-Type", "text/html")
	if _, set := head["Date"]; !set {
		head.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if r.Method == http.MethodHead {
		head.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(code)
	io.WriteString(w, body)
}

// token reports whether s is a token of RFC 9110 §5.6.2.
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
