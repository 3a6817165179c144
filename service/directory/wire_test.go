package directory

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The clock and the modification time of every file in these tests.
var (
	testNow   = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	testMtime = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
)

const (
	dateLine  = "Date: Wed, 04 Mar 2026 05:06:07 GMT\r\n"
	mtimeText = "Fri, 02 Jan 2026 03:04:05 GMT"
	lastLine  = "Last-Modified: " + mtimeText + "\r\n"
	srvLine   = "Server: Kaazing Gateway\r\n"
)

// tree writes files below a new directory; a name ending in "/" is a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	base := t.TempDir()
	for name, content := range files {
		full := filepath.Join(base, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			check(t, os.MkdirAll(full, 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(full), 0o755))
		check(t, os.WriteFile(full, []byte(content), 0o644))
		check(t, os.Chtimes(full, testMtime, testMtime))
	}
	return base
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHandler(t *testing.T, o Options) *Handler {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return testNow }
	}
	h, err := New(o)
	check(t, err)
	return h
}

// raw sends request text to h behind a real server and returns the bytes of
// everything that comes back until the server closes.
func raw(t *testing.T, h http.Handler, request string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Kaazing Gateway")
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	check(t, err)
	defer c.Close()
	check(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, request)
	check(t, err)
	got, err := io.ReadAll(bufio.NewReader(c))
	check(t, err)
	return string(got)
}

func errorText(line, server string, more string) string {
	body := "<html><head></head><body><h1>" + line + "</h1></body></html>"
	return "HTTP/1.1 " + line + "\r\nContent-Type: text/html\r\n" + dateLine + server + more +
		"Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

// The answers of protocol.md §8.1 byte for byte. A second request on the same
// connection, which asks to close, proves that the first left it usable.
func TestAnswersByteExact(t *testing.T) {
	base := tree(t, map[string]string{
		"index.html":  strings.Repeat("x", 119),
		"doc/a.bin":   "binary",
		"app.js":      "let a",
		"empty/":      "",
		"empty/x.txt": "",
	})
	h := newHandler(t, Options{Dir: base, Welcome: "index.html", Locations: []Location{
		{Patterns: []string{"**/*.js"}, CacheControl: "max-age=60"},
	}})
	tag := tagOf(t, h, "/index.html")
	jsTag := tagOf(t, h, "/app.js")
	binTag := tagOf(t, h, "/doc/a.bin")
	const host = "Host: localhost:8000\r\n"
	const last = "GET /none HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n"
	notFound := strings.Replace(errorText("404 Not Found", srvLine, ""), "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
	page := "HTTP/1.1 200 OK\r\nContent-Length: 119\r\nContent-Type: text/html\r\n" + dateLine +
		"ETag: " + tag + "\r\n" + lastLine + srvLine + "\r\n"
	tests := []struct{ name, request, want string }{
		{"200 welcome", "GET / HTTP/1.1\r\n" + host + "\r\n", page + strings.Repeat("x", 119)},
		{"200 absolute form", "GET http://localhost:8000 HTTP/1.1\r\n" + host + "\r\n", page + strings.Repeat("x", 119)},
		{"200 HEAD", "HEAD /index.html HTTP/1.1\r\n" + host + "\r\n", page},
		{"200 percent-encoded", "GET /%69ndex.html HTTP/1.1\r\n" + host + "\r\n", page + strings.Repeat("x", 119)},
		{"200 unmapped type", "GET /doc/a.bin HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n" +
			dateLine + "ETag: " + binTag + "\r\n" + lastLine + srvLine + "\r\nbinary"},
		{"200 empty file", "GET /empty/x.txt HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n" +
			dateLine + "ETag: " + tagOf(t, h, "/empty/x.txt") + "\r\n" + lastLine + srvLine + "\r\n"},
		{"200 cached", "GET /app.js HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n" +
			"Content-Type: text/javascript\r\n" + dateLine + "ETag: " + jsTag + "\r\nExpires: Wed, 04 Mar 2026 05:07:07 GMT\r\n" +
			lastLine + srvLine + "\r\nlet a"},
		{"302", "GET /doc?a=b&c HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 302 Found\r\n" + dateLine + "Location: /doc/?a=b&c\r\n" + srvLine + "Content-Length: 0\r\n\r\n"},
		{"302 HEAD", "HEAD /doc HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + dateLine + "Location: /doc/\r\n" + srvLine + "\r\n"},
		{"304", "GET /index.html HTTP/1.1\r\n" + host + "If-None-Match: " + tag + "\r\n\r\n",
			"HTTP/1.1 304 Not Modified\r\n" + dateLine + "ETag: " + tag + "\r\n" + lastLine + srvLine + "\r\n"},
		{"404", "GET /missing HTTP/1.1\r\n" + host + "\r\n", errorText("404 Not Found", srvLine, "")},
		{"404 HEAD", "HEAD /missing HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 404 Not Found\r\nContent-Length: 61\r\nContent-Type: text/html\r\n" + dateLine + srvLine + "\r\n"},
		{"404 directory", "GET /doc/ HTTP/1.1\r\n" + host + "\r\n", errorText("404 Not Found", srvLine, "")},
		{"400 traversal", "GET /%2e%2e/etc/passwd HTTP/1.1\r\n" + host + "\r\n", errorText("400 Bad Request", srvLine, "")},
		{"405 POST", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", errorText("405 Method Not Allowed", srvLine, "")},
		{"405 DELETE", "DELETE /index.html HTTP/1.1\r\n" + host + "\r\n", errorText("405 Method Not Allowed", srvLine, "")},
		{"405 OPTIONS", "OPTIONS / HTTP/1.1\r\n" + host + "\r\n", errorText("405 Method Not Allowed", srvLine, "")},
		{"405 CONNECT", "CONNECT localhost:8000 HTTP/1.1\r\n" + host + "\r\n", errorText("405 Method Not Allowed", srvLine, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := raw(t, h, tt.request+last), tt.want+notFound; got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// A body that is too long to drain costs the connection, not the answer.
func TestPostWithLongBodyCloses(t *testing.T) {
	h := newHandler(t, Options{Dir: tree(t, nil)})
	got := raw(t, h, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 405 ") || !strings.Contains(got, "\r\nConnection: close\r\n") {
		t.Errorf("got %q, want 405 and close", got)
	}
}

func tagOf(t *testing.T, h *Handler, path string) string {
	t.Helper()
	w := do(h, "GET", path, nil)
	//lint:ignore SA1008 the predecessor writes it so, and so do we
	tags := w.Header()["ETag"]
	if len(tags) != 1 || !strings.HasPrefix(tags[0], `W/"`) {
		t.Fatalf("GET %s: status %d, ETag %q, want one weak tag", path, w.Code, tags)
	}
	return tags[0]
}

func do(h http.Handler, method, path string, head map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for k, v := range head {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
