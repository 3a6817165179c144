package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/kzfast/kzfast/conf"
)

// Who connects and says nothing is given the time of the most patient service,
// unless the gateway has a time of its own for it.
func TestSilentConnection(t *testing.T) {
	const ip = "127.0.0.50"
	at := hostPort(ip, freePort(t, ip))
	g := start(t, echoAt("short", "ws://"+at+"/short", "<http.keepalive.timeout>1s</http.keepalive.timeout>"))
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("not closed: %v", err)
	}

	p := newPort(g, false)
	for _, keep := range []time.Duration{2 * time.Second, time.Minute, 3 * time.Second} {
		p.widen(&conf.AcceptOptions{KeepaliveTimeout: keep}, false)
	}
	if p.Idle != time.Minute {
		t.Errorf("waits %v, want that of the most patient service", p.Idle)
	}
	g.cfg.Gateway.HandshakeTimeout = time.Second
	p = newPort(g, false)
	p.widen(&conf.AcceptOptions{KeepaliveTimeout: time.Minute}, false)
	if p.Idle != 0 {
		t.Errorf("waits %v, want what the gateway says", p.Idle)
	}
}

// A head that does not come to its end is cut at the deadline, be it the first
// of its connection or a later one, which comes to an HTTP service.
func TestSlowHead(t *testing.T) {
	const ip = "127.0.0.53"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/", "<http.keepalive.timeout>600s</http.keepalive.timeout>", "")+
		"<kz:gateway><kz:handshake.timeout>1s</kz:handshake.timeout></kz:gateway>")
	good := "GET /page.html HTTP/1.1\r\nHost: " + at + "\r\n\r\n"
	for _, sent := range []string{"GET /pa", good + "GET /pa"} {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(patience))
		io.WriteString(c, sent)
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: not cut", sent)
		}
	}
}
