package httpredirect

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const date = "Wed, 04 Mar 2026 05:06:07 GMT"

func raw(t *testing.T, h http.Handler, request string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Kaazing Gateway")
		w.Header().Set("Date", date)
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, request)
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestAnswersByteExact(t *testing.T) {
	const host = " HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
	const common = "Date: " + date + "\r\nLocation: https://www.example.com/a?b=c\r\nServer: Kaazing Gateway\r\n"
	tests := []struct {
		name    string
		o       Options
		request string
		want    string
	}{
		{"default", Options{}, "GET /x?y" + host, "HTTP/1.1 300 Multiple Choices\r\n" + common + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"302", Options{Status: 302}, "GET //other.test/%0d%0aX:%20y" + host, "HTTP/1.1 302 Found\r\n" + common + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"cached", Options{Status: 301, CacheControl: "max-age=60, public"}, "POST /" + host, "HTTP/1.1 301 Moved Permanently\r\nCache-Control: max-age=60, public\r\n" + common + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
		{"HEAD", Options{Status: 308}, "HEAD /" + host, "HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\n" + common + "Connection: close\r\n\r\n"},
		{"304", Options{Status: 304}, "GET /" + host, "HTTP/1.1 304 Not Modified\r\n" + common + "Connection: close\r\n\r\n"},
		{"unassigned", Options{Status: 399}, "GET /" + host, "HTTP/1.1 399 status code 399\r\n" + common + "Content-Length: 0\r\nConnection: close\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Location = "https://www.example.com/a?b=c"
			h, err := New(tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := raw(t, h, tt.request); got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestDateWhenNoneIsSet(t *testing.T) {
	h, err := New(Options{Location: "/elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got, err := http.ParseTime(w.Header().Get("Date")); err != nil || time.Since(got) > time.Hour {
		t.Errorf("got date %v, %v, want now", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		o    Options
		text string
	}{
		"no location":   {Options{}, "no location"},
		"line break":    {Options{Location: "http://h/\r\nX: y"}, "not a URI"},
		"blank":         {Options{Location: "http://h/a b"}, "not a URI"},
		"not ASCII":     {Options{Location: "http://h/é"}, "not a URI"},
		"bad escape":    {Options{Location: "http://h/%zz"}, "not a URI"},
		"status 299":    {Options{Location: "/", Status: 299}, "status-code 299"},
		"status 400":    {Options{Location: "/", Status: 400}, "status-code 400"},
		"negative":      {Options{Location: "/", Status: -1}, "status-code -1"},
		"cache-control": {Options{Location: "/", CacheControl: "a\nb"}, "cache-control"},
	} {
		if _, err := New(tt.o); err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.text)
		}
	}
}
