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
