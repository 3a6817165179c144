package httpproxy

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRequestAsSeenByBackend(t *testing.T) {
	heads := make(chan string, 1)
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		heads <- readHead(r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	})
	_, addr := serve(t, back+"b/", Options{ID: "u"})
	host := strings.TrimSuffix(strings.TrimPrefix(back, "http://"), "/")
	tests := []struct{ name, request, want string }{
		{"plain", "GET /a/x%20y/?q=a;b%zz&c=\"d\" HTTP/1.1\r\nHost: gateway.test:8110\r\n\r\n",
			"GET /b/x%20y/?q=a;b%zz&c=\"d\" HTTP/1.1\r\nHost: " + host + "\r\nVia: 1.1 kaazing-u\r\n\r\n"},
		{"connection-named headers", "GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: keep-alive, X-One , x-two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\n\r\n",
			"GET /b/ HTTP/1.1\r\nHost: " + host + "\r\nVia: 1.1 kaazing-u\r\nX-Three: 3\r\n\r\n"},
		{"via appended", "GET /a/ HTTP/1.0\r\nHost: g\r\nVia: 1.1 other\r\nUser-Agent: ua\r\nAccept-Encoding: gzip\r\n\r\n",
			"GET /b/ HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: ua\r\nAccept-Encoding: gzip\r\nVia: 1.1 other\r\nVia: 1.1 kaazing-u\r\n\r\n"},
		{"h2c stripped", "GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
			"GET /b/ HTTP/1.1\r\nHost: " + host + "\r\nVia: 1.1 kaazing-u\r\n\r\n"},
		{"websocket chosen", "GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: upgrade, http2-settings\r\nUpgrade: h2c, WebSocket\r\nHTTP2-Settings: AAMA\r\n\r\n",
			"GET /b/ HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nVia: 1.1 kaazing-u\r\n\r\n"},
		{"upgrade without connection", "GET /a/ HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\n\r\n",
			"GET /b/ HTTP/1.1\r\nHost: " + host + "\r\nVia: 1.1 kaazing-u\r\n\r\n"},
		{"upgrade of 1.0", "GET /a/ HTTP/1.0\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
			"GET /b/ HTTP/1.1\r\nHost: " + host + "\r\nVia: 1.1 kaazing-u\r\n\r\n"},
		{"PATCH", "PATCH /a/ HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n",
			"PATCH /b/ HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\nVia: 1.1 kaazing-u\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			_, err := io.WriteString(c, tt.request)
			check(t, err)
			if got := <-heads; got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
			_, err = http.ReadResponse(r, nil)
			check(t, err)
		})
	}
}

func TestRefused(t *testing.T) {
	var reached atomic.Int32
	back := backend(t, func(w http.ResponseWriter, r *http.Request) { reached.Add(1) })
	_, addr := serve(t, back+"b/", Options{ID: "u", MaxRequestBody: 10})
	for _, tt := range []struct {
		name, request, line string
		closes              bool
	}{
		{"outside the accept path", "GET /a HTTP/1.1\r\nHost: g\r\n\r\n", "404 Not Found", false},
		{"above the accept path", "GET /a/../b HTTP/1.1\r\nHost: g\r\n\r\n", "404 Not Found", false},
		{"disguised dots", "GET /a/%2e%2e/b HTTP/1.1\r\nHost: g\r\n\r\n", "400 Bad Request", false},
		{"loop", "GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: Via\r\nVia: 1.0 x, 1.1 kaazing-u\r\n\r\n", "508 Loop detected", false},
		{"unknown method", "DIVIDE /a/ HTTP/1.1\r\nHost: g\r\n\r\n", "501 Not Implemented", false},
		{"CONNECT", "CONNECT g:80 HTTP/1.1\r\nHost: g:80\r\n\r\n", "405 Method Not Allowed", false},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n", "404 Not Found", false},
		{"body too long", "POST /a/ HTTP/1.1\r\nHost: g\r\nContent-Length: 11\r\n\r\nhello world", "413 Request Entity Too Large", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			_, err := io.WriteString(c, tt.request)
			check(t, err)
			resp, err := http.ReadResponse(r, nil)
			check(t, err)
			got, want := bodyOf(t, resp), "<html><head></head><body><h1>"+tt.line+"</h1></body></html>"
			if got != want || resp.Close != tt.closes || !strings.HasPrefix(tt.line, fmt.Sprint(resp.StatusCode)) {
				t.Errorf("got %d %q, close %v, want %q, close %v", resp.StatusCode, got, resp.Close, want, tt.closes)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d refused requests reached the back end", n)
	}
	got := raw(t, addr, "GET /a HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nDate: ") ||
		!strings.HasSuffix(got, " GMT\r\nServer: Kaazing Gateway\r\nContent-Length: 61\r\nConnection: close\r\n\r\n<html><head></head><body><h1>404 Not Found</h1></body></html>") {
		t.Errorf("got %q", got)
	}
}

func TestAmbiguousLengthRefused(t *testing.T) {
	h, err := New(Options{Accepts: []*url.URL{parse(t, "http://g/")}, Connect: parse(t, "http://b/")})
	check(t, err)
	r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
	r.TransferEncoding = []string{"chunked"}
	r.Header.Set("Content-Length", "1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 400 || w.Header().Get("Connection") != "close" {
		t.Errorf("got %d %v, want 400 and close", w.Code, w.Header())
	}
}

// A real loop of two proxies ends at the first one's Via.
func TestRealLoop(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	_, second := serve(t, "http://"+l.Addr().String()+"/a/", Options{})
	h, err := New(Options{Accepts: []*url.URL{parse(t, "http://g/a/")}, Connect: parse(t, "http://"+second+"/a/")})
	check(t, err)
	defer h.Close()
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	resp := get(t, second, "/a/", "Connection: close")
	if got := bodyOf(t, resp); resp.StatusCode != 508 || len(got) != 65 {
		t.Errorf("got %d %q, want 508 with 65 bytes", resp.StatusCode, got)
	}
}

func TestResponsePassesThrough(t *testing.T) {
	var response string
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(c, response)
	})
	_, addr := serve(t, back, Options{})
	const date = "Date: Wed, 04 Mar 2026 05:06:07 GMT\r\n"
	tests := []struct{ name, response, want string }{
		{"own Server, no Content-Type", "HTTP/1.1 200 OK\r\n" + date + "Server: theirs\r\nContent-Length: 5\r\n\r\n<html", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + date + "Server: theirs\r\n|<html"},
		{"our Server", "HTTP/1.1 200 OK\r\n" + date + "Content-Type: a/b\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: a/b\r\n" + date + "Server: Kaazing Gateway\r\n|x"},
		{"gzip untouched", "HTTP/1.1 200 OK\r\n" + date + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n" + date + "Server: Kaazing Gateway\r\n|\x1f\x8b"},
		{"302 not followed", "HTTP/1.1 302 Found\r\n" + date + "Location: " + back + "x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + date + "Location: http://gateway.test:8110/a/x\r\nServer: Kaazing Gateway\r\n|"},
		{"401", "HTTP/1.1 401 Unauthorized\r\n" + date + "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n" + date + "Server: Kaazing Gateway\r\nWww-Authenticate: Basic realm=\"x\"\r\n|"},
		{"304", "HTTP/1.1 304 Not Modified\r\n" + date + "ETag: \"x\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n" + date + "Etag: \"x\"\r\nServer: Kaazing Gateway\r\n|"},
		{"503", "HTTP/1.1 503 Busy\r\n" + date + "Retry-After: 1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n" + date + "Retry-After: 1\r\nServer: Kaazing Gateway\r\n|"},
		{"hop-by-hop", "HTTP/1.1 200 OK\r\n" + date + "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + date + "Server: Kaazing Gateway\r\n|"},
		{"early hints", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n" + date + "Content-Length: 0\r\n\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n|HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + date + "Server: Kaazing Gateway\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response = tt.response
			got := raw(t, addr, "GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
			want := strings.Replace(tt.want, "|", "\r\n", 1)
			if got = strings.Replace(got, "Connection: close\r\n", "", 1); got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

func TestBackendFailures(t *testing.T) {
	refused := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer l.Close()
		return "http://" + l.Addr().String() + "/"
	}()
	answering := func(text string) string {
		return rawBackend(t, func(c net.Conn, r *bufio.Reader) {
			readHead(r)
			io.WriteString(c, text)
		})
	}
	silent := rawBackend(t, func(c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
	plain := strings.Replace(rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	}), "http", "https", 1)
	foreign := httptest.NewUnstartedServer(http.NotFoundHandler())
	foreign.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	foreign.StartTLS()
	t.Cleanup(foreign.Close)
	long := Options{MaxResponseHead: 4096}
	for _, tt := range []struct {
		name, back string
		o          Options
		want       int
	}{
		{"refused", refused, Options{}, 502},
		{"silent", silent, Options{ResponseTimeout: 20 * time.Millisecond}, 504},
		{"silent TLS", strings.Replace(silent, "http", "https", 1), Options{ConnectTimeout: 20 * time.Millisecond}, 504},
		{"no TLS", plain, Options{}, 502},
		{"unknown certificate", foreign.URL + "/", Options{}, 502},
		{"unknown host", "http://kzfast.invalid/", Options{}, 502},
		{"closes", answering(""), Options{}, 502},
		{"garbage", answering("SSH-2.0-x\r\n\r\n"), Options{}, 502},
		{"status 0", answering("HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"), Options{}, 502},
		{"two lengths", answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), Options{}, 502},
		{"head too long", answering("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 9000) + "\r\n\r\n"), long, 502},
	} {
		for _, compat := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, compat), func(t *testing.T) {
				tt.o.CompatErrors = compat
				want := tt.want
				if compat {
					want = 504
				}
				_, addr := serve(t, tt.back, tt.o)
				resp := get(t, addr, "/a/", "Connection: close")
				if resp.StatusCode != want || resp.Header.Get("Server") != "Kaazing Gateway" || resp.Header.Get("Content-Type") != "text/html" {
					t.Errorf("got %d %v, want %d", resp.StatusCode, resp.Header, want)
				}
				if got := bodyOf(t, resp); !strings.HasPrefix(got, fmt.Sprintf("<html><head></head><body><h1>%d ", want)) {
					t.Errorf("got body %q", got)
				}
			})
		}
	}
}

// A response that ends early must not look complete to the client.
func TestShortResponseIsCut(t *testing.T) {
	for name, response := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
		"chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nshort",
	} {
		t.Run(name, func(t *testing.T) {
			back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(c, response)
			})
			_, addr := serve(t, back, Options{})
			resp := get(t, addr, "/a/")
			if got, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF {
				t.Errorf("got %q, %v, want an unexpected EOF", got, err)
			}
		})
	}
}

func TestTLSBackend(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	_, addr := serve(t, srv.URL+"/", Options{TLS: &tls.Config{RootCAs: roots}})
	if got := bodyOf(t, get(t, addr, "/a/", "Connection: close")); got != "HTTP/1.1" {
		t.Errorf("got %q, want HTTP/1.1", got)
	}
}

func TestKeepAlive(t *testing.T) {
	var conns atomic.Int32
	closing := make(chan bool, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { closing <- r.Close }))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	for _, off := range []bool{false, true} {
		_, addr := serve(t, srv.URL+"/", Options{NoKeepAlive: off})
		conns.Store(0)
		for range 5 {
			bodyOf(t, get(t, addr, "/a/", "Connection: close"))
			if got := <-closing; got != off {
				t.Errorf("keep-alive off %v: the back end saw close %v", off, got)
			}
		}
		if got := conns.Load(); off && got != 5 || !off && got > 2 {
			t.Errorf("keep-alive off %v: %d connections for 5 requests", off, got)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func TestLargeTransfers(t *testing.T) {
	const size = 32 << 20
	data := random(size)
	want := sha256.Sum256(data)
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case "GET":
			if r.URL.RawQuery != "chunked" {
				w.Header().Set("Content-Length", fmt.Sprint(size))
			}
			w.Write(data)
		default:
			sum := sha256.New()
			n, err := io.Copy(sum, r.Body)
			fmt.Fprintf(w, "%d %v %x %v", n, err, sum.Sum(nil), r.TransferEncoding)
		}
	})
	_, addr := serve(t, back, Options{})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, query := range []string{"", "chunked"} {
		resp, err := client.Get("http://" + addr + "/a/?" + query)
		check(t, err)
		sum := sha256.New()
		n, err := io.Copy(sum, resp.Body)
		resp.Body.Close()
		if err != nil || n != size || [32]byte(sum.Sum(nil)) != want || (resp.ContentLength < 0) != (query != "") {
			t.Errorf("download %q: %d bytes, %v, length %d", query, n, err, resp.ContentLength)
		}
		var body io.Reader = strings.NewReader(string(data))
		encoding := "[]"
		if query != "" {
			body, encoding = io.MultiReader(body), "[chunked]"
		}
		resp, err = client.Post("http://"+addr+"/a/", "a/b", body)
		check(t, err)
		if got, want := bodyOf(t, resp), fmt.Sprintf("%d <nil> %x %s", size, want, encoding); got != want {
			t.Errorf("upload %q: got %s, want %s", query, got, want)
		}
		resp.Body.Close()
	}
}

// Each piece travels when it is written, in both directions at once.
func TestStreamsBothWays(t *testing.T) {
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 3 {
			size, _ := r.ReadString('\n')
			data, _ := r.ReadString('\n')
			io.WriteString(c, size+data)
		}
		readHead(r)
		io.WriteString(c, "0\r\n\r\n")
	})
	_, addr := serve(t, back, Options{})
	c, r := dial(t, addr)
	io.WriteString(c, "POST /a/ HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
	var resp *http.Response
	for i := range 3 {
		fmt.Fprintf(c, "3\r\nm-%d\r\n", i)
		if resp == nil {
			var err error
			resp, err = http.ReadResponse(r, nil)
			check(t, err)
		}
		got := make([]byte, 3)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != fmt.Sprintf("m-%d", i) {
			t.Fatalf("piece %d: got %q, %v", i, got, err)
		}
	}
	io.WriteString(c, "0\r\n\r\n")
	if got := bodyOf(t, resp); got != "" {
		t.Errorf("got %q after the last piece", got)
	}
}

func TestTrailers(t *testing.T) {
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s %s %s", body, r.Trailer.Get("X-Up"), r.Header.Get("Te"))
		w.Header().Set("X-Sum", "down")
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
	})
	_, addr := serve(t, back, Options{})
	c, r := dial(t, addr)
	io.WriteString(c, "POST /a/ HTTP/1.1\r\nHost: g\r\nTE: trailers\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Up: up\r\n\r\n")
	resp, err := http.ReadResponse(r, nil)
	check(t, err)
	if got, want := bodyOf(t, resp), "abc up trailers"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if resp.Trailer.Get("X-Sum") != "down" || resp.Trailer.Get("X-Late") != "late" {
		t.Errorf("got trailers %v", resp.Trailer)
	}
}

func TestExpectContinue(t *testing.T) {
	asked := make(chan string, 1)
	proceed := make(chan string)
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		asked <- readHead(r)
		io.WriteString(c, <-proceed)
		body := make([]byte, 5)
		if n, _ := io.ReadFull(r, body); n == 5 {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n%s", body)
		}
	})
	_, addr := serve(t, back, Options{})
	const request = "POST /a/ HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	t.Run("asked for", func(t *testing.T) {
		c, r := dial(t, addr)
		io.WriteString(c, request)
		if head := <-asked; !strings.Contains(head, "\r\nExpect: 100-continue\r\n") {
			t.Errorf("the back end got %q", head)
		}
		proceed <- "HTTP/1.1 100 Continue\r\n\r\n"
		if got := readHead(r); got != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Errorf("got %q", got)
		}
		io.WriteString(c, "hello")
		resp, err := http.ReadResponse(r, nil)
		check(t, err)
		if got := bodyOf(t, resp); got != "hello" {
			t.Errorf("got %q, want hello", got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		c, r := dial(t, addr)
		io.WriteString(c, request)
		<-asked
		proceed <- "HTTP/1.1 413 Too Big\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
		resp, err := http.ReadResponse(r, nil)
		check(t, err)
		if resp.StatusCode != 413 || !resp.Close {
			t.Errorf("got %d, close %v, want 413 without 100, then close", resp.StatusCode, resp.Close)
		}
		c.Close()
	})
}

func TestClientBodyFaults(t *testing.T) {
	back := backend(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	_, addr := serve(t, back, Options{MaxRequestBody: 10})
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"bad chunk":       {"zz\r\nabc\r\n", 400},
		"too many chunks": {"8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n", 413},
	} {
		resp := func() *http.Response {
			c, r := dial(t, addr)
			io.WriteString(c, "POST /a/ HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"+tt.body)
			resp, err := http.ReadResponse(r, nil)
			check(t, err)
			return resp
		}()
		if resp.StatusCode != tt.want || !resp.Close {
			t.Errorf("%s: got %d, close %v, want %d and close", name, resp.StatusCode, resp.Close, tt.want)
		}
	}
}

// A back end may answer before it has read the body, and the client need not
// send the rest to get the answer.
func TestEarlyAnswerToUpload(t *testing.T) {
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(c, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
		io.Copy(io.Discard, r)
	})
	_, addr := serve(t, back, Options{})
	c, r := dial(t, addr)
	io.WriteString(c, "POST /a/ HTTP/1.1\r\nHost: g\r\nContent-Length: 100000000\r\n\r\n"+strings.Repeat("x", 100000))
	resp, err := http.ReadResponse(r, nil)
	check(t, err)
	if got := bodyOf(t, resp); resp.StatusCode != 403 || got != "no" {
		t.Errorf("got %d %q, want 403 at once", resp.StatusCode, got)
	}
	c.Close()
}

// A client that leaves ends its request at the back end.
func TestClientGone(t *testing.T) {
	got, gone := make(chan struct{}), make(chan struct{})
	back := backend(t, func(w http.ResponseWriter, r *http.Request) {
		close(got)
		<-r.Context().Done()
		close(gone)
	})
	_, addr := serve(t, back, Options{})
	c, _ := dial(t, addr)
	io.WriteString(c, "GET /a/ HTTP/1.1\r\nHost: g\r\n\r\n")
	<-got
	c.Close()
	<-gone
}

// Shapes of request smuggling: whatever the proxy accepts, the back end sees
// one request, with one length, and never a second one.
func TestSmuggling(t *testing.T) {
	const brokenOff = "a request broken off in its body"
	result := make(chan []string, 32)
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		var seen []string
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				break
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				seen = append(seen, brokenOff)
				break
			}
			seen = append(seen, fmt.Sprintf("%s %s %q", req.Method, req.URL, body))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			c.(*net.TCPConn).CloseWrite()
		}
		result <- seen
	})
	_, addr := serve(t, back, Options{})
	const smuggled = "GET /a/admin HTTP/1.1\r\nHost: g\r\n\r\n"
	post := func(lines, body string) string {
		return "POST /a/ HTTP/1.1\r\nHost: g\r\n" + lines + "\r\n" + body
	}
	for name, tt := range map[string]struct {
		request string
		status  int
		want    string // the only request the back end may see on its connection
	}{
		"two lengths":         {post("Content-Length: 0\r\nContent-Length: 36\r\n", smuggled), 400, ""},
		"length list":         {post("Content-Length: 0, 36\r\n", smuggled), 400, ""},
		"signed length":       {post("Content-Length: +5\r\n", "hello"), 400, ""},
		"huge length":         {post("Content-Length: 99999999999999999999\r\n", "hello"), 400, ""},
		"unknown coding":      {post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501, ""},
		"two codings":         {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), 501, ""},
		"vertical tab coding": {post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400, ""},
		"space before colon":  {post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400, ""},
		"no host":             {"GET /a/ HTTP/1.1\r\n\r\n", 400, ""},
		"two hosts":           {"GET /a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, ""},
		"NUL in value":        {"GET /a/ HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400, ""},
		"CR in value":         {"GET /a/ HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, ""},
		"length and chunked":  {post("Content-Length: 36\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), 200, `POST / "abc"`},
		"folded header":       {post("X: a\r\n Content-Length: 5\r\nContent-Length: 3\r\n", "abc"), 200, `POST / "abc"`},
		"length in trailer":   {post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"), 200, `POST / "abc"`},
		"named by connection": {post("Connection: Content-Length, close\r\nContent-Length: 3\r\n", "abc"), 200, `POST / "abc"`},
		"bare LF chunk":       {post("Transfer-Encoding: chunked\r\n", "3\nabc\n0\n\n"), 400, brokenOff},
	} {
		t.Run(name, func(t *testing.T) {
			c, r := dial(t, addr)
			io.WriteString(c, tt.request)
			resp, err := http.ReadResponse(r, nil)
			check(t, err)
			if resp.StatusCode != tt.status {
				t.Errorf("got %d, want %d", resp.StatusCode, tt.status)
			}
			if tt.want == "" {
				return
			}
			if got := <-result; !slices.Equal(got, []string{tt.want}) {
				t.Errorf("the back end saw %q, want only %q", got, tt.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	ok := parse(t, "http://h/p/")
	for name, tt := range map[string]struct {
		o    Options
		text string
	}{
		"no accept":        {Options{Connect: ok}, "no accept URI"},
		"nil accept":       {Options{Connect: ok, Accepts: []*url.URL{nil}}, "no accept URI"},
		"no connect":       {Options{Accepts: []*url.URL{ok}}, "no connect URI"},
		"accept path":      {Options{Connect: ok, Accepts: []*url.URL{ok, parse(t, "http://h/a")}}, `accept "http://h/a": path "/a" does not end in a slash`},
		"connect path":     {Options{Accepts: []*url.URL{ok}, Connect: parse(t, "http://h")}, `path "" does not end in a slash`},
		"connect scheme":   {Options{Accepts: []*url.URL{ok}, Connect: parse(t, "tcp://h:1/")}, "not an http or https URI"},
		"connect query":    {Options{Accepts: []*url.URL{ok}, Connect: parse(t, "http://h/?x")}, "query"},
		"forwarded":        {Options{Accepts: []*url.URL{ok}, Connect: ok, Forwarded: "maybe"}, `use-forwarded "maybe"`},
		"id with a blank ": {Options{Accepts: []*url.URL{ok}, Connect: ok, ID: "a b"}, `id "a b"`},
	} {
		if _, err := New(tt.o); err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.text)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	back := backend(b, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	_, addr := serve(b, back, Options{})
	c, r := dial(b, addr)
	c.SetDeadline(time.Time{})
	b.ReportAllocs()
	for b.Loop() {
		io.WriteString(c, "GET /a/ HTTP/1.1\r\nHost: g\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		check(b, err)
		bodyOf(b, resp)
	}
}
