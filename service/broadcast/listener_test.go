package broadcast

import (
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = 20 * time.Second

// datagrams is a rig that hears datagrams on a free port of the loopback, with
// the socket's other end.
func datagrams(t *testing.T, at string) (*rig, *stillLoop) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	r := newRig(t, 1, Options{
		BackEnds: []BackEnd{{UDP: true, Addrs: addrs(at)}}, ReconnectDelay: 5 * time.Millisecond,
	})
	l := r.loops[0]
	l.posted = make(chan func(), 1024)
	return r, l
}

// freeUDP is a loopback address that nobody listens on, and a socket of ours.
func freeUDP(t *testing.T) (at string, from net.PacketConn) {
	t.Helper()
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at = probe.LocalAddr().String()
	if from, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	probe.Close()
	t.Cleanup(func() { from.Close() })
	return at, from
}

// heard sends hello until the listener hears it, then runs what it posted.
func heard(t *testing.T, l *stillLoop, from net.PacketConn, at, hello string) {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		_, _ = from.WriteTo([]byte(hello), to)
		select {
		case fn := <-l.posted:
			fn()
			return
		case <-tick.C:
		case <-deadline:
			t.Fatal("no datagram was heard")
		}
	}
}

// Each datagram is a message and a burst of its own.
func TestDatagrams(t *testing.T) {
	at, from := freeUDP(t)
	r, l := datagrams(t, at)
	c := r.open(0)
	r.s.Start()
	defer r.s.Stop()
	heard(t, l, from, at, "hello")
	to, _ := net.ResolveUDPAddr("udp", at)
	for _, s := range []string{"a", "", "b"} {
		if _, err := from.WriteTo([]byte(s), to); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for deadline := time.After(patience); len(got) == 0 || got[len(got)-1] != "b"; {
		select {
		case fn := <-l.posted:
			fn()
			last := c.bursts[len(c.bursts)-1]
			if len(last.Messages) != 1 {
				t.Fatalf("a burst of %d messages, want 1", len(last.Messages))
			}
			if s := string(last.Messages[0].Payload); s != "hello" {
				got = append(got, s)
			}
		case <-deadline:
			t.Fatalf("heard %q", got)
		}
	}
	if len(got) != 3 || got[0] != "a" || got[1] != "" {
		t.Errorf("heard %q, want a, an empty one, b", got)
	}
}

// An address that is taken is tried again after the delay.
func TestDatagramsRetry(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := taken.LocalAddr().String()
	_, from := freeUDP(t)
	r, l := datagrams(t, at)
	c := r.open(0)
	r.s.Start()
	defer r.s.Stop()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	heard(t, l, from, at, "hello")
	if c.heard() != "hello" {
		t.Errorf("heard %q, want hello", c.heard())
	}
}

// Stop ends the listener's goroutine and frees the address, also while it
// waits and before it was started.
func TestDatagramsStop(t *testing.T) {
	at, from := freeUDP(t)
	r, l := datagrams(t, at)
	r.open(0)
	r.s.Stop()
	r.s.Start()
	heard(t, l, from, at, "hello")
	r.s.Stop()
	c, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	defer c.Close()
	waiting := newRig(t, 1, Options{BackEnds: []BackEnd{{UDP: true, Addrs: addrs(at)}}, ReconnectDelay: time.Hour})
	waiting.s.Start()
	waiting.s.Stop()
}

// Datagrams that come faster than a loop delivers them stay in the socket, or
// are lost there.
func TestDatagramsHeld(t *testing.T) {
	at, from := freeUDP(t)
	r, l := datagrams(t, at)
	c := r.open(0)
	r.s.Start()
	defer r.s.Stop()
	heard(t, l, from, at, "hello")
	to, _ := net.ResolveUDPAddr("udp", at)
	flow := &r.s.sources[0].(*listener).flow
	big := make([]byte, 60000)
	for deadline := time.Now().Add(patience); !flow.holding.Load(); {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are on their way, and more are heard", flow.pending.Load())
		}
		if _, err := from.WriteTo(big, to); err != nil {
			t.Fatal(err)
		}
	}
	if n := flow.pending.Load(); n > highWater+maxDatagram+100 {
		t.Errorf("%d bytes on their way, want about %d at most", n, highWater)
	}
	for range len(l.posted) {
		(<-l.posted)()
	}
	heard(t, l, from, at, "again")
	if n := len(c.bursts); n < highWater/len(big) {
		t.Errorf("%d bursts, want at least %d", n, highWater/len(big))
	}
}
