package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto/sse"
	"github.com/kzfast/kzfast/wsproto/wse"
)

const emulationConfig = `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">
  <kz:gateway><kz:loops>2</kz:loops></kz:gateway>
  <service>
    <name>echo</name>
    <accept>ws://127.0.0.1:%[1]d/echo</accept>
    <type>echo</type>
    <cross-site-constraint><allow-origin>http://page</allow-origin></cross-site-constraint>
  </service>
  <service>
    <name>news</name>
    <accept>sse://127.0.0.1:%[1]d/sse</accept>
    <connect>tcp://127.0.0.1:%[2]d</connect>
    <type>broadcast</type>
  </service>
  <service>
    <name>pages</name>
    <accept>http://127.0.0.1:%[1]d/</accept>
    <type>directory</type>
    <properties><directory>/pages</directory><welcome-file>index.html</welcome-file></properties>
    <cross-site-constraint><allow-origin>http://page</allow-origin></cross-site-constraint>
  </service>
</gateway-config>`

// running starts a gateway of two loops and returns its URL.
func running(t *testing.T, backend int) string {
	t.Helper()
	return runningWith(t, emulationConfig, backend)
}

// runningWith starts a gateway of config, which is given a free port and that
// of a back end.
func runningWith(t *testing.T, config string, backend int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir := t.TempDir()
	file, pages := filepath.Join(dir, "conf", "gateway.xml"), filepath.Join(dir, "web", "pages")
	os.MkdirAll(filepath.Dir(file), 0o755)
	os.MkdirAll(pages, 0o755)
	os.WriteFile(filepath.Join(pages, "index.html"), []byte("<p>hello"), 0o644)
	os.WriteFile(file, fmt.Appendf(nil, config, port, backend), 0o644)
	cfg, faults := Load(file, LoadOptions{})
	if cfg == nil {
		t.Fatal(faults)
	}
	g, err := New(cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func noLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// do sends a request on a connection of its own, so that it arrives on
// whatever loop is next.
func do(t *testing.T, method, url string, header http.Header, body []byte) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	for name, values := range header {
		r.Header[name] = values
	}
	if h := header.Get("Host"); h != "" {
		r.Host = h
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func content(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func createWSE(t *testing.T, url string, header http.Header) (up, down string) {
	t.Helper()
	r := do(t, "POST", url+"/echo/;e/cbm", header, []byte(">|<"))
	lines := strings.Split(content(t, r), "\n")
	if r.StatusCode != 201 || len(lines) != 3 {
		t.Fatalf("create answered %s %q", r.Status, lines)
	}
	return lines[0], lines[1]
}

func message(s string) []byte { return wse.AppendMessage(nil, wse.BinaryMixed, true, []byte(s)) }

// TestEmulation runs emulated WebSockets over real connections, each request
// on a new one, so that half of them come to the wrong loop.
func TestEmulation(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	for i := range 8 {
		up, down := createWSE(t, url, nil)
		stream := do(t, "GET", down, nil, nil)
		defer stream.Body.Close()
		expect(t, stream.Body, "\x0100\xff")
		for _, s := range []string{"Hello", strings.Repeat("x", 70<<10), fmt.Sprint(i)} {
			r := do(t, "POST", up+"&.krn=0.5", nil, wse.AppendReconnect(message(s)))
			if r.StatusCode != 200 || content(t, r) != "" {
				t.Fatalf("upstream answered %s", r.Status)
			}
			expect(t, stream.Body, string(message(s)))
		}
		do(t, "POST", up, nil, wse.AppendReconnect(wse.AppendClose(nil))).Body.Close()
		expect(t, stream.Body, "\x0102\xff\x0101\xff")
		if rest := content(t, stream); rest != "" {
			t.Fatalf("downstream ends with %q", rest)
		}
		if r := do(t, "POST", up, nil, nil); r.StatusCode != 404 {
			t.Fatalf("closed session answered %s", r.Status)
		}
	}
}

// expect reads exactly want.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %.40q (%d bytes), %v; want %.40q (%d)", got[:n], n, err, want, len(want))
	}
}

// TestEmulationPolling polls on kept connections from several clients at once.
func TestEmulationPolling(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	var all sync.WaitGroup
	for range 4 {
		up, down := createWSE(t, url, http.Header{"X-Sequence-No": {"0"}})
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		send := func(method, target string, n int, body []byte) string {
			r, _ := http.NewRequest(method, target, bytes.NewReader(body))
			r.Header.Set("X-Sequence-No", fmt.Sprint(n))
			resp, err := tr.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return ""
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			return fmt.Sprint(resp.StatusCode) + string(b)
		}
		const rounds = 20
		all.Go(func() {
			for n := 1; n <= rounds; n++ {
				if got := send("POST", up, n, wse.AppendReconnect(message(fmt.Sprint(n)))); got != "200" {
					t.Errorf("upstream %d answered %q", n, got)
				}
			}
		})
		all.Go(func() {
			var got []byte
			for n := 1; bytes.Count(got, []byte{0x81}) < rounds && n < 100; n++ {
				b, ok := strings.CutPrefix(send("GET", down+"?.ki=p", n, nil), "200")
				b, ok2 := strings.CutSuffix(b, "\x0101\xff")
				if !ok || !ok2 {
					t.Errorf("poll %d answered %q", n, b)
					return
				}
				got = append(got, b...)
			}
			var want []byte
			for n := 1; n <= rounds; n++ {
				want = append(want, message(fmt.Sprint(n))...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("echo %q, want %q", got, want)
			}
		})
	}
	all.Wait()
}

// TestEventStreams subscribes EventSource clients on both loops and resumes
// one of them.
func TestEventStreams(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	url := running(t, l.Addr().(*net.TCPAddr).Port)
	back, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	var streams []*bufio.Reader
	var again string
	for range 6 {
		r := do(t, "GET", url+"/sse", nil, nil)
		defer r.Body.Close()
		if ct := r.Header.Get("Content-Type"); ct != "text/event-stream" {
			t.Fatalf("Content-Type %q", ct)
		}
		b := bufio.NewReader(r.Body)
		line, _ := b.ReadString('\n')
		b.ReadString('\n')
		again = strings.TrimSpace(strings.TrimPrefix(line, "location:"))
		streams = append(streams, b)
	}
	back.Write([]byte("one\ntwo"))
	for _, b := range streams {
		expect(t, b, "data:one\ndata:two\n\n")
	}
	r := do(t, "GET", again, nil, nil)
	defer r.Body.Close()
	if rest, err := io.ReadAll(streams[len(streams)-1]); len(rest) > 0 || err != nil {
		t.Fatalf("replaced stream ends with %q, %v", rest, err)
	}
	back.Write([]byte("three"))
	var p sse.Parser
	var m sse.Message
	buf := make([]byte, 100)
	n, _ := io.ReadAtLeast(r.Body, buf, len("data:three\n\n"))
	if _, ok, err := p.Next(buf[:n], &m); !ok || err != nil || string(m.Data) != "three" {
		t.Fatalf("resumed stream got %q", buf[:n])
	}
	if r := do(t, "GET", url+"/sse;s/"+strings.Repeat("a", 32), nil, nil); r.StatusCode != 404 {
		t.Fatalf("unknown stream answered %s", r.Status)
	}
}

// TestOneConnection mixes what loops and net/http serve on one connection.
func TestOneConnection(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	tr := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(tr.CloseIdleConnections)
	for range 3 {
		for path, want := range map[string]string{
			"/": "<p>hello", "//index.html": "<p>hello", "/echo/;e/cookies": "a=b", "/clientaccesspolicy.xml": "<?xml", "/;api/get-cookies": "", "/;get/index.html": "<html>",
		} {
			r, _ := http.NewRequest("GET", url+path, nil)
			r.Header.Set("Cookie", "a=b")
			resp, err := tr.RoundTrip(r)
			if err != nil {
				t.Fatal(path, err)
			}
			if got := content(t, resp); !strings.HasPrefix(got, want) {
				t.Errorf("%s answered %s %q, want %q", path, resp.Status, got, want)
			}
		}
	}
}

// TestWrappedPage: a directory answers a bridge page in an envelope.
func TestWrappedPage(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	r := do(t, "GET", url+"/index.html", http.Header{"X-Origin": {url}}, nil)
	got := content(t, r)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/plain" || !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(got, "\r\n\r\n<p>hello") {
		t.Errorf("got %s %v %q", r.Status, r.Header, got)
	}
	if r := do(t, "GET", url+"/none.html", http.Header{"X-Origin": {url}}, nil); r.StatusCode != 404 {
		t.Errorf("missing page answered %s", r.Status)
	}
}

// TestEnvelopedPage: a directory serves a request that comes in an envelope.
func TestEnvelopedPage(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	message := http.Header{"Content-Type": {"application/x-message-http"}}
	ask := func(target string, inner string) (*http.Response, string) {
		r := do(t, "POST", url+target, message, []byte(inner))
		return r, content(t, r)
	}
	r, got := ask("/index.html", "GET /index.html HTTP/1.1\r\nX-One: 1\r\n\r\n")
	if r.StatusCode != 200 || !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(got, "\r\n\r\n<p>hello") {
		t.Errorf("got %s %v %q", r.Status, r.Header, got)
	}
	etag := r.Header.Get("ETag")
	if c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err != nil {
		t.Error(err)
	} else {
		defer c.Close()
		fmt.Fprintf(c, "GET /index.html HTTP/1.1\r\nHost: %s\r\nX-Origin: %s\r\nConnection: close\r\n\r\n", strings.TrimPrefix(url, "http://"), url)
		if all, err := io.ReadAll(c); err != nil || !strings.Contains(string(all), "\r\nETag: "+etag) {
			t.Errorf("wrapped: %q, %v, want an ETag line", all, err)
		}
	}
	if r, got := ask("/index.html", "GET /index.html HTTP/1.1\r\nIf-None-Match: "+etag+"\r\n\r\n"); r.StatusCode != 200 || !strings.HasPrefix(got, "HTTP/1.1 304 ") {
		t.Errorf("with its ETag %q: %s %q", etag, r.Status, got)
	}
	if r, _ := ask("/none.html", "GET /none.html HTTP/1.1\r\n\r\n"); r.StatusCode != 404 {
		t.Errorf("missing page answered %s", r.Status)
	}
	for name, c := range map[string]struct {
		inner  string
		status int
	}{
		"another target":   {"GET /other.html HTTP/1.1\r\n\r\n", 400},
		"forbidden header": {"GET /index.html HTTP/1.1\r\nCookie: a=b\r\n\r\n", 400},
		"unfinished":       {"GET /index.html HTTP/1.1\r\n", 400},
		"nothing":          {"", 400},
		"too much":         {"POST /index.html HTTP/1.1\r\n\r\n" + strings.Repeat("x", session.MaxEnvelope), 413},
	} {
		if r, got := ask("/index.html", c.inner); r.StatusCode != c.status || !r.Close {
			t.Errorf("%s: %s, closes %v, %q, want %d", name, r.Status, r.Close, got, c.status)
		}
	}
}

// TestSmuggling: the second request of a connection is judged as the first.
func TestSmuggling(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	addr := strings.TrimPrefix(url, "http://")
	bad := "POST / HTTP/1.1\r\nHost: " + addr + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /index.html HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"
	for name, in := range map[string]string{"first": bad, "second": "GET /index.html HTTP/1.1\r\nHost: " + addr + "\r\n\r\n" + bad} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte(in))
		all, _ := io.ReadAll(c)
		if n := strings.Count(string(all), "<p>hello"); !strings.Contains(string(all), "HTTP/1.1 400 Bad Request") || n != strings.Count(in, "GET /index")-1 {
			t.Errorf("%s: answered %q", name, all)
		}
	}
}

// TestPageOrigins: an HTTP service answers foreign pages as the loops do, and
// clients that carry the method in the path.
func TestPageOrigins(t *testing.T) {
	noLeaks(t)
	url := running(t, 9)
	r := do(t, "GET", url+"/index.html", http.Header{"Origin": {"http://page"}}, nil)
	if h := r.Header; r.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != "http://page" || len(h["Access-Control-Allow-Headers"]) != 5 {
		t.Errorf("page with a constraint: %s %v", r.Status, h)
	}
	if r = do(t, "GET", url+"/index.html", http.Header{"Origin": {"http://evil"}}, nil); r.StatusCode != 403 {
		t.Errorf("foreign page: %s", r.Status)
	}
	proof := http.Header{"X-Origin": {"http://page"}, "X-Origin-http%3a%2f%2fpage": {"http://page"}}
	r = do(t, "POST", url+"/;get/index.html", proof, nil)
	if got := content(t, r); !strings.HasSuffix(got, "\r\n\r\n<p>hello") {
		t.Errorf("method in the path: %s %q", r.Status, got)
	}
}

const balancedConfig = `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">
  <service>
    <name>front</name>
    <accept>ws://localhost:%[1]d/echo</accept>
    <accept>sse://localhost:%[1]d/sse</accept>
    <type>balancer</type>
    <properties><kz:balancer.affinity>none</kz:balancer.affinity></properties>
    <accept-options><ws.bind>127.0.0.1:%[1]d</ws.bind><http.bind>127.0.0.1:%[1]d</http.bind></accept-options>
  </service>
  <service>
    <name>echo</name>
    <accept>ws://127.0.0.1:%[1]d/echo</accept>
    <balance>ws://localhost:%[1]d/echo</balance>
    <type>echo</type>
  </service>
  <service>
    <name>news</name>
    <accept>sse://127.0.0.1:%[1]d/sse</accept>
    <connect>tcp://127.0.0.1:%[2]d</connect>
    <balance>sse://localhost:%[1]d/sse</balance>
    <type>broadcast</type>
  </service>
</gateway-config>`

// TestBalancedEmulation follows the redirects of a balancer to its member.
func TestBalancedEmulation(t *testing.T) {
	noLeaks(t)
	url := runningWith(t, balancedConfig, 9)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	front := http.Header{"Host": {"localhost:" + port}}
	for _, tt := range []struct{ target, want string }{
		{"/echo/;e/cbm?.kn=1&topic=a", url + "/echo/;e/cbm?topic=a"},
		{"/echo/;e/cookies?.krn=42&.kl=Y", url + "/echo?.kl=Y"},
		{"/sse?x=1", url + "/sse?x=1"},
	} {
		r := do(t, "GET", url+tt.target, front, nil)
		if got := r.Header.Get("Location"); r.StatusCode != 302 || got != tt.want {
			t.Errorf("%s answered %s %q, want %q", tt.target, r.Status, got, tt.want)
			continue
		}
		next := do(t, "GET", tt.want, nil, nil)
		if tt.target != "/echo/;e/cookies?.krn=42&.kl=Y" && next.StatusCode/100 != 2 {
			t.Errorf("%s answered %s", tt.want, next.Status)
		}
		next.Body.Close()
	}
}
