package gateway

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/client"
)

func udpDial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// datagram sends one and reads the answer.
func datagram(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, maxDatagram)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// echo on udp answers each client with its own datagrams, one for one.
func TestUDPEcho(t *testing.T) {
	const ip = "127.0.0.51"
	at := hostPort(ip, freePort(t, ip))
	g := start(t, echoAt("echo", "udp://"+at, "<ws.inactivity.timeout>300 ms</ws.inactivity.timeout>"))
	a, b := udpDial(t, at), udpDial(t, at)
	for i := range 20 {
		for who, c := range map[string]net.Conn{"a": a, "b": b} {
			want := fmt.Sprintf("%s %d %s", who, i, strings.Repeat("x", i*500))
			if got := datagram(t, c, want); got != want {
				t.Fatalf("client %s got %.20q of %d bytes, want %.20q", who, got, len(got), want)
			}
		}
	}
	if n := g.Sessions(); n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
	eventually(t, "silent clients are forgotten", func() bool { return g.Sessions() == 0 })
	if got := datagram(t, a, "again"); got != "again" {
		t.Errorf("after the silence %q, want an echo", got)
	}
}

// A proxy gives each udp client a back-end connection of its own.
func TestUDPProxy(t *testing.T) {
	const ip = "127.0.0.52"
	at, back := hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip))
	echoServer(t, back)
	g := start(t, "<service><name>proxy</name><accept>udp://"+at+"</accept><connect>tcp://"+back+"</connect><type>proxy</type></service>")
	for i := range 5 {
		c := udpDial(t, at)
		for j := range 3 {
			want := fmt.Sprintf("%d %d", i, j)
			if got := datagram(t, c, want); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	if n := g.Sessions(); n != 5 {
		t.Errorf("%d sessions, want 5", n)
	}
}

// echo and proxy on tcp, and a TLS accept whose TLS ends in front of us.
func TestTCP(t *testing.T) {
	const ip = "127.0.0.53"
	plain, offloaded, proxied := hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip))
	g := start(t, echoAt("plain", "tcp://"+plain, "")+
		echoAt("offloaded", "ssl://"+offloaded, "<ssl.encryption>disabled</ssl.encryption>")+
		"<service><name>proxy</name><accept>tcp://"+proxied+"</accept><connect>tcp://"+plain+"</connect><type>proxy</type></service>")
	for _, addr := range []string{plain, offloaded, proxied} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(patience))
		sent := strings.Repeat("0123456789", 10000)
		go io.WriteString(c, sent)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != sent {
			t.Errorf("%s: %v, echo of %d bytes is not what was sent", addr, err, len(got))
		}
		c.Close()
	}
	eventually(t, "no session is left", func() bool { return g.Sessions() == 0 })
}

// A back end is found by any of its connects, in order.
func TestSeveralConnects(t *testing.T) {
	const ip = "127.0.0.54"
	at, back, dead := hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip))
	echoServer(t, back)
	start(t, "<service><name>proxy</name><accept>ws://"+at+"/p</accept><connect>tcp://"+dead+"</connect><connect>tcp://"+back+"</connect><type>proxy</type></service>"+
		"<service><name>feed</name><accept>ws://"+at+"/feed</accept><connect>tcp://"+dead+"</connect><connect>tcp://"+hostPort(ip, feed(t, ip))+
		"</connect><type>broadcast</type></service>")
	mustEcho(t, ip, "ws://"+at+"/p")
	c, err := dial(t, ip, "ws://"+at+"/feed")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); !strings.HasPrefix(got, "news") {
		t.Errorf("broadcast says %q, want news", got)
	}
}

// feed says "news" over and over to whoever connects; it gives its port.
func feed(t *testing.T, ip string) int {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for err == nil {
				_, err = io.WriteString(c, "news")
				time.Sleep(10 * time.Millisecond)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

// Datagrams are a broadcast's back end as well as a stream is.
func TestBroadcastHearsDatagrams(t *testing.T) {
	const ip = "127.0.0.55"
	at, source := hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip))
	start(t, "<service><name>feed</name><accept>ws://"+at+"/feed</accept><connect>udp://"+source+"</connect><type>broadcast</type></service>")
	c, err := dial(t, ip, "ws://"+at+"/feed")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() { got <- read(t, c) }()
	u := udpDial(t, source)
	eventually(t, "a datagram is broadcast", func() bool {
		io.WriteString(u, "tick")
		select {
		case text := <-got:
			if text != "tick" {
				t.Errorf("broadcast %q, want tick", text)
			}
			return true
		default:
			return false
		}
	})
}

// The client's subprotocol reaches a WebSocket back end; a proxy to a stream
// agrees to none, one for AMQP to its own.
func TestSubprotocols(t *testing.T) {
	const ip = "127.0.0.56"
	at, back := hostPort(ip, freePort(t, ip)), hostPort(ip, freePort(t, ip))
	echoServer(t, back)
	start(t, echoAt("echo", "ws://"+at+"/echo", "")+
		"<service><name>ws</name><accept>ws://"+at+"/ws</accept><connect>ws://"+at+"/echo</connect><type>proxy</type></service>"+
		"<service><name>tcp</name><accept>ws://"+at+"/tcp</accept><connect>tcp://"+back+"</connect><type>proxy</type></service>"+
		"<service><name>amqp</name><accept>ws://"+at+"/amqp</accept><connect>tcp://"+back+"</connect><type>amqp.proxy</type></service>")
	for _, c := range []struct {
		path, want string
		offer      []string
	}{
		{"/ws", "chat", []string{"chat", "other"}}, {"/tcp", "", []string{"chat"}},
		{"/amqp", "amqp/0.9.1", []string{"chat", "amqp/0.9.1"}}, {"/amqp", "", nil}, {"/ws", "", nil},
	} {
		r := get(t, at, c.path, at, with(upgrade, "Sec-WebSocket-Protocol: "+strings.Join(c.offer, ", "))...)
		if len(c.offer) == 0 {
			r = get(t, at, c.path, at, upgrade...)
		}
		if got := r.Header.Get("Sec-WebSocket-Protocol"); r.StatusCode != 101 || got != c.want {
			t.Errorf("%s offering %v: %s with %q, want 101 with %q", c.path, c.offer, r.Status, got, c.want)
		}
	}
	mustEcho(t, ip, "ws://"+at+"/tcp")
}

// repeat sends whole messages again, also those that came in fragments.
func TestEchoRepeats(t *testing.T) {
	const ip = "127.0.0.57"
	at := hostPort(ip, freePort(t, ip))
	start(t, "<service><name>echo</name><accept>ws://"+at+"/echo</accept><type>echo</type><properties><repeat>3</repeat></properties></service>")
	c, err := dial(t, ip, "ws://"+at+"/echo")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 70000} {
		want := strings.Repeat("y", n)
		if err := c.Write(t.Context(), client.Message{Text: true, Data: []byte(want)}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if got := read(t, c); got != want {
				t.Errorf("echo %d of %d bytes has %d", i, n, len(got))
			}
		}
	}
	fragments := "\x01\x82\x00\x00\x00\x00he" + "\x80\x83\x00\x00\x00\x00llo"
	if got, want := rawEcho(t, at, "/echo", fragments, 21), strings.Repeat("\x81\x05hello", 3); got != want {
		t.Errorf("fragments are repeated as %q, want %q", got, want)
	}
}

// rawEcho sends bytes behind a handshake and reads n.
func rawEcho(t *testing.T, addr, target, frames string, n int) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: "+addr+"\r\n"+strings.Join(upgrade, "\r\n")+"\r\n\r\n"+frames)
	var all strings.Builder
	buf := make([]byte, 4096)
	for {
		m, err := c.Read(buf)
		all.Write(buf[:m])
		if _, rest, ok := strings.Cut(all.String(), "\r\n\r\n"); ok && len(rest) >= n {
			return rest
		}
		if err != nil {
			t.Fatalf("%v after %q", err, all.String())
		}
	}
}

// Prepared connections are there before the first client, as many as asked.
func TestPreparedConnections(t *testing.T) {
	const ip = "127.0.0.58"
	at := hostPort(ip, freePort(t, ip))
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start(t, "<service><name>proxy</name><accept>ws://"+at+"/p</accept><connect>tcp://"+l.Addr().String()+"</connect><type>proxy</type>"+
		"<properties><prepared.connection.count>4</prepared.connection.count></properties></service>"+
		"<kz:gateway><kz:loops>2</kz:loops></kz:gateway>")
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	for i := range 4 {
		c, err := l.Accept()
		if err != nil {
			t.Fatalf("%d prepared connections, want 4: %v", i, err)
		}
		defer c.Close()
	}
}
