package gateway

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A client that sends requests without reading the answers is not read from
// until it does. What net/http is to answer waits for the answers before it.
func TestPipelinedAnswersWait(t *testing.T) {
	const ip = "127.0.0.47"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	g := start(t, s.directory("http://"+at+"/pages/", "", "")+echoAt("echo", "ws://"+at+"/echo", ""))
	cookies := "POST /echo/;api/get-cookies HTTP/1.1\r\nHost: " + at + "\r\nContent-Length: 0\r\n\r\n"
	page := "GET /pages/page.html HTTP/1.1\r\nHost: " + at + "\r\nConnection: close\r\n\r\n"
	for _, n := range []int{1, 1000, 45_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(time.Minute)) // it is a lot to read
			c.(*net.TCPConn).SetReadBuffer(256 << 10)
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, strings.Repeat(cookies, n)+page)
				sent <- err
			}()
			if n < 45_000 {
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			} else {
				eventually(t, "the server holds back", func() bool { return g.engine.Stats().Pending > 0 })
			}
			r := bufio.NewReader(c)
			for i := range n {
				a, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("answer %d of %d: %v", i, n, err)
				}
				if a.StatusCode != 200 {
					t.Fatalf("answer %d: %s", i, a.Status)
				}
				if _, err := io.Copy(io.Discard, a.Body); err != nil {
					t.Fatal(err)
				}
				if p := g.engine.Stats().Pending; p > 1<<20 {
					t.Fatalf("%d bytes pending", p)
				}
			}
			a, err := http.ReadResponse(r, nil)
			if err != nil || a.StatusCode != 200 {
				t.Fatalf("the page: %v, %v", a, err)
			}
		})
	}
}

// What stands behind a request that goes back from net/http to a loop goes
// with it, however much it is.
func TestGiveBackLosesNothing(t *testing.T) {
	const ip = "127.0.0.48"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/pages/", "", "")+echoAt("echo", "ws://"+at+"/echo", ""))
	var frames []byte
	for i := range 200 {
		text := fmt.Sprintf("%03d %s", i, strings.Repeat("x", 200))
		frames = wsproto.AppendMaskedHeader(frames, wsproto.OpText, true, false, int64(len(text)), [4]byte{})
		frames = append(frames, text...)
	}
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	all := "GET /pages/page.html HTTP/1.1\r\nHost: " + at + "\r\n\r\n" +
		"GET /echo HTTP/1.1\r\nHost: " + at + "\r\n" + strings.Join(upgrade, "\r\n") + "\r\n\r\n" + string(frames)
	if _, err := io.WriteString(c, all); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for _, want := range []int{200, 101} {
		a, err := http.ReadResponse(r, nil)
		if err != nil || a.StatusCode != want {
			t.Fatalf("got %v, %v, want %d", a, err, want)
		}
		if want == 200 {
			body(t, a)
		}
	}
	for i := range 200 {
		frame := make([]byte, 4+204)
		if _, err := io.ReadFull(r, frame); err != nil {
			t.Fatalf("echo %d: %v", i, err)
		}
		if want := fmt.Sprintf("%03d ", i); string(frame[4:8]) != want {
			t.Fatalf("echo %d begins with %q", i, frame[:12])
		}
	}
}

// A request that is not understood is answered alike, first or later on a
// connection, by a loop or behind net/http.
func TestRefusalsAreAlike(t *testing.T) {
	const ip = "127.0.0.49"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/", "", ""))
	good := "GET /page.html HTTP/1.1\r\nHost: " + at + "\r\n\r\n"
	answer := func(requests ...string) (*http.Response, string) {
		t.Helper()
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		r := bufio.NewReader(c)
		var a *http.Response
		var text string
		for _, request := range requests {
			io.WriteString(c, request)
			if a, err = http.ReadResponse(r, nil); err != nil {
				t.Fatalf("%.60q: %v", request, err)
			}
			text = body(t, a)
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("%.60q: the connection stays open: %v", requests[len(requests)-1], err)
		}
		a.Header.Del("Date")
		return a, text
	}
	host := "Host: " + at + "\r\n"
	hostless := "GET http://" + at + "/page.html HTTP/1.1\r\nConnection: close\r\n\r\n"
	for want, request := range map[int]string{
		200: hostless,
		400: "GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		501: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n",
		505: "GET / HTTP/3.0\r\n" + host + "\r\n",
		414: "GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\n" + host + "\r\n",
		431: "GET / HTTP/1.1\r\n" + host + "X-Long: " + strings.Repeat("x", 70<<10) + "\r\n\r\n",
	} {
		first, text := answer(request)
		later, again := answer(good, request)
		if first.StatusCode != want || later.Status != first.Status || again != text || !maps.EqualFunc(first.Header, later.Header, slices.Equal) {
			t.Errorf("%.40q: first %s %v %q, later %s %v %q", request, first.Status, first.Header, text, later.Status, later.Header, again)
		}
	}
}
