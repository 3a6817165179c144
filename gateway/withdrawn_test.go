package gateway

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// backServer is an echo server that can go away and come back, while its
// conversations go on.
type backServer struct {
	t    *testing.T
	addr string
	l    net.Listener
}

func (b *backServer) start() {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.l, b.addr = l, l.Addr().String()
	done := make(chan struct{})
	var conns []net.Conn
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
			go io.Copy(c, c)
		}
	}()
	b.t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range conns {
			c.Close()
		}
	})
}

// recovering is a proxy whose accept is withdrawn with its back end.
func recovering(accept, back string) string {
	return "<service><name>proxy</name><accept>" + accept + "</accept><connect>tcp://" + back + "</connect><type>proxy</type>" +
		"<properties><maximum.recovery.interval>1</maximum.recovery.interval></properties></service>"
}

// roundTrip has text echoed on c.
func roundTrip(c net.Conn, text string) bool {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		return false
	}
	got := make([]byte, len(text))
	_, err := io.ReadFull(c, got)
	return err == nil && string(got) == text
}

// servedAgain waits until a new connection is echoed.
func servedAgain(t *testing.T, at string) {
	t.Helper()
	eventually(t, "connections are served again", func() bool {
		c, err := net.Dial("tcp", at)
		if err != nil {
			return false
		}
		defer c.Close()
		return roundTrip(c, "again")
	})
}

// A tcp accept whose back end is gone refuses connections, and takes them when
// it is back; what was connected goes on. So it does the second time.
func TestWithdrawnTCP(t *testing.T) {
	const ip = "127.0.0.59"
	at := hostPort(ip, freePort(t, ip))
	back := &backServer{t: t, addr: hostPort(ip, freePort(t, ip))}
	back.start()
	g := start(t, recovering("tcp://"+at, back.addr))
	var old []net.Conn
	for round := range 2 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		defer c.Close()
		if !roundTrip(c, "hello") {
			t.Fatalf("round %d: no echo", round)
		}
		old = append(old, c)
		back.l.Close()
		eventually(t, "connections are refused", func() bool {
			c, err := net.Dial("tcp", at)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		if slices.Contains(g.Addrs(), at) {
			t.Errorf("round %d: %s is listed as listening", round, at)
		}
		for _, c := range old {
			if !roundTrip(c, "still there") {
				t.Errorf("round %d: a conversation was cut", round)
			}
		}
		back.start()
		servedAgain(t, at)
	}
}

// An address that somebody takes while its service is withdrawn is taken back
// when it is free.
func TestWithdrawnTaken(t *testing.T) {
	const ip = "127.0.0.60"
	at := hostPort(ip, freePort(t, ip))
	back := &backServer{t: t, addr: hostPort(ip, freePort(t, ip))}
	g := start(t, recovering("tcp://"+at, back.addr))
	var thief net.Listener
	eventually(t, "the address is free", func() (ok bool) {
		var err error
		thief, err = net.Listen("tcp", at)
		return err == nil
	})
	back.start()
	s := g.services[0]
	eventually(t, "the back end is seen", func() bool { return !s.withdrawn.Load() })
	if slices.Contains(g.Addrs(), at) {
		t.Error("listening at an address that somebody has")
	}
	thief.Close()
	servedAgain(t, at)
}

// A withdrawn service does not come back to a gateway that stops.
func TestWithdrawnStop(t *testing.T) {
	const ip = "127.0.0.61"
	at := hostPort(ip, freePort(t, ip))
	g := start(t, recovering("tcp://"+at, hostPort(ip, freePort(t, ip))))
	s := g.services[0]
	eventually(t, "the service is withdrawn", func() bool { return s.withdrawn.Load() && !slices.Contains(g.Addrs(), at) })
	g.closeListeners()
	g.available(s, true)
	if list := g.Addrs(); slices.Contains(list, at) {
		t.Errorf("listening at %v after the end", list)
	}
}

// The socket of a udp accept is closed when its service is withdrawn and the
// last conversation has ended, and opened again.
func TestWithdrawnUDP(t *testing.T) {
	const ip = "127.0.0.62"
	at := hostPort(ip, freePort(t, ip))
	back := &backServer{t: t, addr: hostPort(ip, freePort(t, ip))}
	back.start()
	g := start(t, "<service><name>proxy</name><accept>udp://"+at+"</accept><connect>tcp://"+back.addr+"</connect><type>proxy</type>"+
		"<properties><maximum.recovery.interval>1</maximum.recovery.interval></properties>"+
		"<accept-options><ws.inactivity.timeout>2 s</ws.inactivity.timeout></accept-options></service>")
	a := udpDial(t, at)
	if got := datagram(t, a, "hello"); got != "hello" {
		t.Fatalf("got %q", got)
	}
	s := g.services[0]
	free := func() bool {
		c, err := net.ListenPacket("udp", at)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	g.available(s, false)
	if got := datagram(t, a, "still there"); got != "still there" || free() {
		t.Errorf("a conversation got %q, its socket closed %v", got, free())
	}
	g.available(s, true)
	if got := datagram(t, a, "kept"); got != "kept" || free() {
		t.Errorf("returned in time: got %q, socket closed %v", got, free())
	}
	g.available(s, false)
	eventually(t, "the socket is closed", free)
	g.available(s, true)
	if got := datagram(t, udpDial(t, at), "again"); got != "again" {
		t.Errorf("got %q, want again", got)
	}
}
