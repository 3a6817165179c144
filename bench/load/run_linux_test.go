package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/bench/wire"
)

func honest(_ int, b []byte) []byte { return b }

func short(mode Mode, addr string) Options {
	return Options{Mode: mode, URL: "ws://" + addr + "/echo", Conns: 4, Depth: 3, Warmup: time.Millisecond, Duration: 30 * time.Millisecond}
}

func TestEchoCatchesLies(t *testing.T) {
	cases := []struct {
		name, want string
		bend       func(n int, b []byte) []byte
	}{
		{"honest", "", honest},
		{"honest byte by byte", "", func(_ int, b []byte) []byte { return append([]byte{0x89, 1, 'x'}, b...) }},
		{"flipped byte", "byte 90", func(n int, b []byte) []byte {
			if n == 5 {
				b[2+90] ^= 1
			}
			return b
		}},
		{"left out", "tag", func(n int, b []byte) []byte {
			if n == 5 {
				return nil
			}
			return b
		}},
		{"twice", "tag", func(n int, b []byte) []byte {
			if n == 5 {
				b = append(b, b...)
			}
			return b
		}},
		{"shortened", "124 bytes", func(n int, b []byte) []byte {
			if n == 5 {
				b[1]--
				b = b[:len(b)-1]
			}
			return b
		}},
		{"still masked", "byte", func(n int, b []byte) []byte {
			wire.Mask(b[2+tagBytes:], [4]byte{1, 2, 3, 4}, 0)
			return b
		}},
		{"closed", "close frame", func(n int, b []byte) []byte {
			if n == 5 {
				return []byte{0x88, 2, 3, 0xE8}
			}
			return b
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			addr := listen(t, liar{c.bend, wire.Accept}.serve)
			r, err := Run(short(Echo, addr))
			check(t, r, err, c.want)
			if c.want == "" && r.Messages == 0 {
				t.Error("no messages counted")
			}
		})
	}
}

func check(t *testing.T, r *Result, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got error %v, want none", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || r.Error == ""):
		t.Errorf("got error %v, want one with %q", err, want)
	}
}

func TestOpenLoop(t *testing.T) {
	o := short(Echo, listen(t, liar{honest, wire.Accept}.serve))
	o.Rate = 2000
	r, err := Run(o)
	if err != nil || r.Latency == nil || r.Latency.Max <= 0 || r.Latency.P50 > r.Latency.Max {
		t.Errorf("got %+v, %v", r.Latency, err)
	}
}

func TestHandshake(t *testing.T) {
	addr := listen(t, liar{honest, wire.Accept}.serve)
	r, err := Run(short(Handshake, addr))
	check(t, r, err, "")
	addr = listen(t, liar{honest, func(string) string { return "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }}.serve)
	r, err = Run(short(Handshake, addr))
	check(t, r, err, "want 101")
}

func TestRedirect(t *testing.T) {
	serve := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			defer c.Close()
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, answer)
			}
		}
	}
	cases := []struct{ name, answer, want string }{
		{"good", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:1/echo\r\nContent-Length: 3\r\n\r\nabc", ""},
		{"elsewhere", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.3:1/echo\r\n\r\n", "want 302"},
		{"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"},
		{"hung up", "", "connections failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := short(Redirect, listen(t, serve(c.answer)))
			o.Location, o.Duration = "http://127.0.0.2:1/", 200*time.Millisecond
			r, err := Run(o)
			check(t, r, err, c.want)
		})
	}
}

func TestIdle(t *testing.T) {
	o := short(Idle, listen(t, liar{honest, wire.Accept}.serve))
	o.PID, o.Touch, o.Churn = os.Getpid(), true, 50
	r, err := Run(o)
	check(t, r, err, "")
	if m := r.Memory; m.Before.RSS == 0 || m.Held.RSS == 0 || m.Churn.RSS == 0 || m.After.RSS == 0 {
		t.Errorf("a reading is missing: %+v", m)
	}
}

func TestIdlePolls(t *testing.T) {
	mux := http.NewServeMux()
	hold := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	mux.HandleFunc("GET /echo", hold)
	mux.HandleFunc("GET /echo/;e/dbm/42", hold)
	mux.HandleFunc("POST /echo/;e/cbm", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "http://%s/echo/;e/ubm/42\nhttp://%s/echo/;e/dbm/42\n", r.Host, r.Host)
	})
	for _, kind := range []string{"sse", "wse"} {
		t.Run(kind, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: mux}
			done := make(chan error)
			go func() { done <- s.Serve(l) }()
			defer func() {
				s.Close()
				if err := <-done; !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			}()
			o := short(Idle, l.Addr().String())
			o.PID, o.Kind = os.Getpid(), kind
			r, err := Run(o)
			check(t, r, err, "")
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	good := Options{Mode: Echo, URL: "ws://127.0.0.1:1/echo", Conns: 1}
	cases := []struct {
		name string
		edit func(*Options)
	}{
		{"host name", func(o *Options) { o.URL = "ws://localhost:1/" }},
		{"no port", func(o *Options) { o.URL = "ws://127.0.0.1/" }},
		{"no connections", func(o *Options) { o.Conns = 0 }},
		{"too many", func(o *Options) { o.Conns = maxConns + 1 }},
		{"small", func(o *Options) { o.Size = 7 }},
		{"depth", func(o *Options) { o.Depth = -1 }},
		{"mode", func(o *Options) { o.Mode = "x" }},
		{"process", func(o *Options) { o.PID = 1 << 30 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.edit(&o)
			if _, err := Run(o); err == nil {
				t.Error("no error")
			}
		})
	}
}
