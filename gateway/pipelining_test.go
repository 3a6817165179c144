package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
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
	for _, n := range []int{1, 1000, 60_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			c.(*net.TCPConn).SetReadBuffer(256 << 10)
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, strings.Repeat(cookies, n)+page)
				sent <- err
			}()
			if n < 60_000 {
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
