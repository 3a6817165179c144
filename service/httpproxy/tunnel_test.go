package httpproxy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	testKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	testAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	upgrade    = "GET /a/ws HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + testKey + "\r\n\r\n"
	switched   = "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + testAccept + "\r\nUpgrade: websocket\r\n\r\n"
)

// echoing is a back end that switches and sends back what it gets.
func echoing(t testing.TB) string {
	return rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(c, switched)
		io.Copy(c, r)
	})
}

func TestTunnel(t *testing.T) {
	h, addr := serve(t, echoing(t), Options{})
	c, r := dial(t, addr)
	// The first bytes arrive with the request, before any 101.
	io.WriteString(c, upgrade+"early ")
	want := "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nSec-Websocket-Accept: " + testAccept +
		"\r\nServer: Kaazing Gateway\r\nUpgrade: websocket\r\n\r\n"
	if got := readHead(r); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	io.WriteString(c, "bird")
	got := make([]byte, 10)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "early bird" {
		t.Errorf("got %q, %v, want the bytes echoed", got, err)
	}
	if n := h.Tunnels(); n != 1 {
		t.Errorf("got %d tunnels, want 1", n)
	}
	data := random(16 << 20)
	go func() {
		c.Write(data)
		c.(*net.TCPConn).CloseWrite()
	}()
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if wantSum := sha256.Sum256(data); err != nil || n != int64(len(data)) || !bytes.Equal(sum.Sum(nil), wantSum[:]) {
		t.Errorf("through the tunnel: %d bytes, %v, want %d", n, err, len(data))
	}
}

func TestTunnelOfOtherProtocol(t *testing.T) {
	back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(c, "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: FOO/1\r\n\r\n")
		io.Copy(c, r)
	})
	_, addr := serve(t, back, Options{})
	c, r := dial(t, addr)
	io.WriteString(c, "GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: upgrade\r\nUpgrade: h2c, foo/1\r\n\r\nx")
	readHead(r)
	if b, err := r.ReadByte(); b != 'x' || err != nil {
		t.Errorf("got %q, %v, want x", b, err)
	}
}

// A back end that does not really switch never gets a tunnel.
func TestLiar(t *testing.T) {
	const plain = "GET /a/ws HTTP/1.1\r\nHost: g\r\n\r\n"
	for name, tt := range map[string]struct {
		request, response string
		status            int
		body              string
	}{
		"200 as success":      {upgrade, "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + testAccept + "\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"},
		"426":                 {upgrade, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n", 426, ""},
		"wrong accept":        {upgrade, strings.Replace(switched, "s3pP", "S3pP", 1), 502, ""},
		"no accept":           {upgrade, "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502, ""},
		"other protocol":      {upgrade, strings.Replace(switched, "Upgrade: websocket", "Upgrade: tls", 1), 502, ""},
		"no upgrade header":   {upgrade, "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: " + testAccept + "\r\n\r\n", 502, ""},
		"no connection token": {upgrade, strings.Replace(switched, "Connection: Upgrade", "Connection: close", 1), 502, ""},
		"not asked":           {plain, switched, 502, ""},
		"not asked, bare":     {plain, "HTTP/1.1 101 x\r\n\r\n", 502, ""},
		"no key sent":         {strings.Replace(upgrade, "Sec-WebSocket-Key", "X-Key", 1), switched, 502, ""},
		"h2c asked":           {"GET /a/ HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502, ""},
	} {
		t.Run(name, func(t *testing.T) {
			back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(c, tt.response)
				io.Copy(io.Discard, r)
			})
			h, addr := serve(t, back, Options{NoKeepAlive: true})
			c, r := dial(t, addr)
			io.WriteString(c, tt.request)
			resp, err := http.ReadResponse(r, nil)
			check(t, err)
			if got := bodyOf(t, resp); resp.StatusCode != tt.status || tt.status != 502 && got != tt.body {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, got, tt.status, tt.body)
			}
			// Who asked to switch may have begun to speak the other protocol.
			if want := strings.Contains(tt.request, "Upgrade: websocket"); resp.Close != want {
				t.Errorf("got close %v, want %v", resp.Close, want)
			}
			if n := h.Tunnels(); n != 0 {
				t.Errorf("%d tunnels are open", n)
			}
		})
	}
}

// The end of one side ends the other, with time to deliver what is under way.
func TestTunnelEnds(t *testing.T) {
	stuck := make(chan struct{})
	for name, tt := range map[string]struct {
		back   func(c net.Conn, r *bufio.Reader)
		client func(c net.Conn, r *bufio.Reader) error
	}{
		"back end closes": {
			func(c net.Conn, r *bufio.Reader) { io.WriteString(c, "bye") },
			func(c net.Conn, r *bufio.Reader) error {
				got, err := io.ReadAll(r)
				if string(got) != "bye" {
					return fmt.Errorf("got %q, %v, want bye", got, err)
				}
				return nil
			},
		},
		"client closes": {
			func(c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) },
			func(c net.Conn, r *bufio.Reader) error { return c.Close() },
		},
		"client closes, back end does not": {
			func(c net.Conn, r *bufio.Reader) { <-stuck },
			func(c net.Conn, r *bufio.Reader) error { return c.(*net.TCPConn).CloseWrite() },
		},
		"client resets": {
			func(c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) },
			func(c net.Conn, r *bufio.Reader) error {
				c.(*net.TCPConn).SetLinger(0)
				return c.Close()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			back := rawBackend(t, func(c net.Conn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(c, switched)
				tt.back(c, r)
			})
			h, addr := serve(t, back, Options{})
			h.linger = 50 * time.Millisecond
			c, r := dial(t, addr)
			io.WriteString(c, upgrade)
			readHead(r)
			check(t, tt.client(c, r))
			wait(t, func() bool { return h.Tunnels() == 0 })
			if name == "client closes, back end does not" {
				close(stuck)
			}
		})
	}
}

func TestCloseCutsTunnels(t *testing.T) {
	h, addr := serve(t, echoing(t), Options{})
	c, r := dial(t, addr)
	io.WriteString(c, upgrade)
	readHead(r)
	h.Close()
	if _, err := r.ReadByte(); err == nil {
		t.Error("the tunnel is open after Close")
	}
	c, r = dial(t, addr)
	io.WriteString(c, upgrade)
	if got, _ := io.ReadAll(r); strings.Contains(string(got), "101") {
		t.Errorf("a tunnel after Close: %q", got)
	}
	wait(t, func() bool { return h.Tunnels() == 0 })
}

// wait polls a condition that another goroutine brings about.
func wait(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the condition did not come")
		}
	}
}
