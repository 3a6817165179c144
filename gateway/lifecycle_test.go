package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kzfast/kzfast/client"
)

// A gateway with everything in it, started, used and stopped, leaves neither
// goroutine nor listener.
func TestStopLeavesNothing(t *testing.T) {
	const ip = "127.0.0.31"
	before := goleak.IgnoreCurrent()
	port, raw := freePort(t, ip), freePort(t, ip)
	at := hostPort(ip, port)
	body := echoAt("echo", "ws://"+at+"/echo", "") +
		echoAt("tcp", fmt.Sprintf("tcp://%s:%d", ip, raw), "") +
		echoAt("udp", fmt.Sprintf("udp://%s:%d", ip, raw), "") +
		"<service><name>pages</name><accept>http://" + at + "/</accept><type>directory</type><properties><directory>/none</directory></properties></service>" +
		"<service><name>feed</name><accept>ws://" + at + "/feed</accept><connect>tcp://" + ip + ":1</connect><connect>udp://" + fmt.Sprintf("%s:%d", ip, freePort(t, ip)) + "</connect><type>broadcast</type></service>" +
		"<service><name>proxy</name><accept>ws://" + at + "/proxy</accept><connect>tcp://" + ip + ":1</connect><type>proxy</type><properties><maximum.recovery.interval>1</maximum.recovery.interval></properties></service>"
	g, err := New(load(t, body), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := mustEcho(t, ip, "ws://"+at+"/echo")
	keep := &http.Client{Transport: &http.Transport{}}
	r, err := keep.Get("http://" + at + "/x")
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, r.Body)
	r.Body.Close()
	stopGateway(t, g)
	if code := closed(t, c); code != 1006 {
		t.Errorf("close code %d after Stop, want 1006: sessions are cut", code)
	}
	keep.CloseIdleConnections()
	c.Close(1000, "")
	for _, addr := range []string{at, hostPort(ip, raw)} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("%s is still taken: %v", addr, err)
			continue
		}
		l.Close()
	}
	u, err := net.ListenPacket("udp", hostPort(ip, raw))
	if err != nil {
		t.Errorf("the udp accept is still taken: %v", err)
	} else {
		u.Close()
	}
	goleak.VerifyNone(t, before)
}

// Drain says 1001 to WebSockets, ends raw streams in order, and tells HTTP
// clients to go; no new client gets in.
func TestDrain(t *testing.T) {
	const ip = "127.0.0.32"
	port, raw := freePort(t, ip), freePort(t, ip)
	at := hostPort(ip, port)
	g := start(t, echoAt("echo", "ws://"+at+"/echo", "")+echoAt("tcp", fmt.Sprintf("tcp://%s:%d", ip, raw), ""))
	var sockets []*client.Conn
	for range 5 {
		sockets = append(sockets, mustEcho(t, ip, "ws://"+at+"/echo"))
	}
	stream, err := net.Dial("tcp", hostPort(ip, raw))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	stream.SetDeadline(time.Now().Add(patience))
	io.WriteString(stream, "ping")
	if _, err := io.ReadFull(stream, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if n := g.Sessions(); n != 6 {
		t.Errorf("%d sessions, want 6", n)
	}
	var ends sync.WaitGroup
	for _, c := range sockets {
		ends.Go(func() {
			if code := closed(t, c); code != 1001 {
				t.Errorf("close code %d, want 1001", code)
			}
		})
	}
	ends.Go(func() {
		if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("stream ended with %v, want %v", err, io.EOF)
		}
		stream.Close()
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	g.Drain(ctx)
	ends.Wait()
	if ctx.Err() != nil || g.Sessions() != 0 {
		t.Errorf("%d sessions left, %v", g.Sessions(), ctx.Err())
	}
	if c, err := net.Dial("tcp", at); err == nil {
		c.Close()
		t.Error("a drained gateway still listens")
	}
}

// A back end that is gone takes its service out of the balancer map and its
// accept out of use; when it is back, so are they (maximum.recovery.interval).
func TestRecovery(t *testing.T) {
	const ip = "127.0.0.33"
	port, behind := freePort(t, ip), freePort(t, ip)
	at, back := hostPort(ip, port), hostPort(ip, behind)
	public := fmt.Sprintf("ws://public.example.com:%d/p", port)
	end := echoServer(t, back)
	g := start(t, "<service><name>balancer</name><accept>"+public+"</accept><type>balancer</type><accept-options><tcp.bind>"+at+"</tcp.bind></accept-options></service>"+
		"<service><name>proxy</name><accept>ws://"+at+"/p</accept><connect>tcp://"+back+"</connect><balance>"+public+"</balance><type>proxy</type>"+
		"<properties><maximum.recovery.interval>1</maximum.recovery.interval></properties></service>")
	targets := func() (n int) {
		for _, m := range g.table.Snapshot() {
			n += len(m.Targets)
		}
		return n
	}
	if targets() != 1 {
		t.Fatalf("balancer map %v, want one target", g.table.Snapshot())
	}
	c := mustEcho(t, ip, public)
	end()
	if code := closed(t, c); code != 1000 {
		t.Errorf("close code %d when the back end went, want 1000", code)
	}
	if c, err := dial(t, ip, "ws://"+at+"/p"); err == nil {
		closed(t, c)
	}
	eventually(t, "withdrawal from the balancer map", func() bool { return targets() == 0 })
	eventually(t, "404 at the accept", func() bool { return get(t, at, "/p", at, upgrade...).StatusCode == 404 })
	if r := get(t, at, "/p", fmt.Sprintf("public.example.com:%d", port), upgrade...); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("balancer without members: %s, want 503 with Retry-After", r.Status)
	}

	echoServer(t, back)
	eventually(t, "return to the balancer map", func() bool { return targets() == 1 })
	mustEcho(t, ip, public)
}

// echoServer echoes raw streams until end is called or the test is over.
func echoServer(t *testing.T, addr string) (end func()) {
	t.Helper()
	var l net.Listener
	eventually(t, "listen on "+addr, func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", addr)
		return err == nil
	})
	var mu sync.Mutex
	var conns []net.Conn
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			running.Go(func() {
				io.Copy(c, c)
				c.Close()
			})
		}
	})
	end = sync.OnceFunc(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	t.Cleanup(end)
	return end
}
