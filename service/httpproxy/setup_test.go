package httpproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	check(t, err)
	return u
}

// serve runs the proxy in front of back, which is a URL ending in a slash, and
// returns its handler and address. The accept URI is http://gateway.test:8110/a/.
// The outer handler presets Server as the gateway does.
func serve(t testing.TB, back string, o Options) (*Handler, string) {
	t.Helper()
	o.Connect = parse(t, back)
	if o.Accepts == nil {
		o.Accepts = []*url.URL{parse(t, "http://gateway.test:8110/a/")}
	}
	h, err := New(o)
	check(t, err)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Kaazing Gateway")
		h.ServeHTTP(w, r)
	}))
	srv.Config.DisableGeneralOptionsHandler = true
	srv.Start()
	t.Cleanup(func() {
		h.Close()
		srv.Close()
		h.Close()
	})
	return h, srv.Listener.Addr().String()
}

func backend(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL + "/"
}

// rawBackend gives each accepted connection to fn and closes it afterwards.
func rawBackend(t testing.TB, fn func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(20 * time.Second))
			fn(c, bufio.NewReader(c))
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "http://" + l.Addr().String() + "/"
}

// readHead reads up to the blank line.
func readHead(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String()
		}
	}
}

func dial(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, bufio.NewReader(c)
}

// raw sends request and returns everything that comes until the proxy closes.
func raw(t testing.TB, addr, request string) string {
	t.Helper()
	c, r := dial(t, addr)
	_, err := io.WriteString(c, request)
	check(t, err)
	got, _ := io.ReadAll(r)
	return string(got)
}

// get sends a GET with extra header lines on a connection of its own.
func get(t testing.TB, addr, path string, lines ...string) *http.Response {
	t.Helper()
	return send(t, addr, "GET", path, lines...)
}

func send(t testing.TB, addr, method, path string, lines ...string) *http.Response {
	t.Helper()
	c, r := dial(t, addr)
	_, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: gateway.test:8110\r\n%s\r\n", method, path, strings.Join(append(lines, ""), "\r\n"))
	check(t, err)
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	check(t, err)
	return resp
}

func bodyOf(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	check(t, err)
	return string(b)
}
