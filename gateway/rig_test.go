package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kzfast/kzfast/client"
	"github.com/kzfast/kzfast/wsproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the wait for what must happen.
const patience = 10 * time.Second

// document is a configuration around services.
func document(body string) string {
	return `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">` + body + `</gateway-config>`
}

// load reads a configuration that must be in order.
func load(t *testing.T, body string) *Config {
	t.Helper()
	cfg, faults := Load(writeConfig(t, body), LoadOptions{})
	if cfg == nil {
		t.Fatalf("configuration refused:\n%v", faults)
	}
	return cfg
}

func writeConfig(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "member.xml")
	if err := os.WriteFile(file, []byte(document(body)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// start runs a gateway until the test ends.
func start(t *testing.T, body string) *Gateway {
	t.Helper()
	g, err := New(load(t, body), Options{Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopGateway(t, g) })
	return g
}

func stopGateway(t *testing.T, g *Gateway) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func testLogger(t *testing.T) *slog.Logger {
	t.Helper()
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// A logbook keeps what was logged.
type logbook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePort is a TCP and UDP port that nobody has on ip.
func freePort(t *testing.T, ip string) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", net.JoinHostPort(ip, fmt.Sprint(port)))
		l.Close()
		if err == nil {
			u.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func hostPort(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}

// dial opens a WebSocket to uri, whose host is found at ip.
func dial(t *testing.T, ip, uri string, edit ...func(*client.Options)) (*client.Conn, error) {
	t.Helper()
	o := client.Options{
		Ping: -1, MaxRedirects: 3,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(ip, port))
		},
		LookupNetIP: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(ip)}, nil
		},
	}
	for _, fn := range edit {
		fn(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, uri, o)
	if err == nil {
		t.Cleanup(func() { c.Close(1000, "") })
	}
	return c, err
}

// mustEcho opens a WebSocket and has a message echoed.
func mustEcho(t *testing.T, ip, uri string, edit ...func(*client.Options)) *client.Conn {
	t.Helper()
	c, err := dial(t, ip, uri, edit...)
	if err != nil {
		t.Fatalf("dial %s: %v", uri, err)
	}
	echoes(t, c, "hello")
	return c
}

func write(t *testing.T, c *client.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), client.Message{Data: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

// closed waits for the end of a WebSocket and gives the code.
func closed(t *testing.T, c *client.Conn) wsproto.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := c.Read(ctx)
		var end *client.CloseError
		if errors.As(err, &end) {
			return end.Code
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func echoes(t *testing.T, c *client.Conn, text string) {
	t.Helper()
	write(t, c, text)
	if got := read(t, c); got != text {
		t.Fatalf("echo %q, want %q", got, text)
	}
}

func read(t *testing.T, c *client.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

// get sends one request with the given lines and reads the answer.
func get(t *testing.T, addr, target, host string, lines ...string) *http.Response {
	t.Helper()
	return ask(t, addr, "GET", target, host, lines...)
}

func ask(t *testing.T, addr, method, target, host string, lines ...string) *http.Response {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	request := method + " " + target + " HTTP/1.1\r\n"
	if host != "" {
		request += "Host: " + host + "\r\n"
	}
	for _, l := range lines {
		request += l + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s of %s: %v", method, target, host, err)
	}
	return r
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// upgrade are the lines of a WebSocket handshake.
var upgrade = []string{
	"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}

func with(lines []string, more ...string) []string {
	return append(append([]string(nil), lines...), more...)
}
