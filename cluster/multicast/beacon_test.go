package multicast

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// testGroup gives each test a group port of its own, free at the moment.
func testGroup(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	port := c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	return netip.AddrPortFrom(netip.MustParseAddr("224.2.2.44"), port)
}

type heard struct {
	found, left chan Peer
}

func newHeard() *heard { return &heard{make(chan Peer, 1000), make(chan Peer, 1000)} }

func (h *heard) start(t *testing.T, o Options) *Beacon {
	t.Helper()
	o.Found = func(p Peer) { h.found <- p }
	o.Left = func(p Peer) { h.left <- p }
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func await(t *testing.T, ch <-chan Peer, what string, ok func(Peer) bool) Peer {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case p := <-ch:
			if ok(p) {
				return p
			}
		case <-limit:
			t.Fatalf("not heard: %s", what)
		}
	}
}

func options(group netip.AddrPort, self string, instance uint64) Options {
	return Options{Group: group, Cluster: "alpha", Self: netip.MustParseAddrPort(self), Instance: instance}
}

func TestMembersOnLoopback(t *testing.T) {
	g := testGroup(t)
	h1, h2 := newHeard(), newHeard()
	h1.start(t, options(g, "127.0.0.4:5942", 1))
	b2 := h2.start(t, options(g, "127.0.0.5:5943", 2))
	p := await(t, h2.found, "member 1 by member 2", func(p Peer) bool { return p.Instance == 1 })
	if want := netip.MustParseAddrPort("127.0.0.4:5942"); p.Addr != want {
		t.Errorf("address = %v, want %v", p.Addr, want)
	}
	await(t, h1.found, "member 2 by member 1", func(p Peer) bool { return p.Instance == 2 })
	b2.Bye()
	await(t, h1.left, "bye of member 2", func(p Peer) bool { return p.Instance == 2 })
}

func TestClustersShareAGroup(t *testing.T) {
	g := testGroup(t)
	h1, h2, h3 := newHeard(), newHeard(), newHeard()
	b1 := h1.start(t, options(g, "127.0.0.4:5942", 1))
	o := options(g, "127.0.0.5:5943", 2)
	o.Cluster = "beta"
	h2.start(t, o)
	h3.start(t, options(g, "127.0.0.6:5944", 3))
	await(t, h1.found, "own cluster", func(p Peer) bool {
		if p.Instance == 2 {
			t.Error("a member of another cluster was reported")
		}
		return p.Instance == 3
	})
	waitFor(t, "foreign beacons counted", func() bool { return b1.Stats().Foreign > 0 })
}

func TestHostileSender(t *testing.T) {
	g := testGroup(t)
	var log lockedBuffer
	h := newHeard()
	o := options(g, "127.0.0.4:5942", 1)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b := h.start(t, o)
	waitFor(t, "first beacon", func() bool { return b.Stats().Sent > 0 })

	ifis, err := interfaces("", netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(g, ifis, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	k := testKeys(t, "alpha")
	d := datagram{kind: announce, instance: 9, seq: 1, min: 1, max: 1, addr: netip.MustParseAddrPort("127.0.0.9:1")}
	good := d.append(nil, &k[0])
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	for range 300 {
		for _, p := range [][]byte{good, forged, good[:50], bytes.Repeat([]byte("HAB1"), 400), []byte("x")} {
			if err := s.send(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	waitFor(t, "all kinds counted", func() bool {
		st := b.Stats()
		return st.Found > 0 && st.Forged > 0 && st.Malformed > 0 && st.Foreign > 0 && st.Replayed > 0
	})
	if got := b.Stats().Found; got != 1 {
		t.Errorf("a replayed announce was believed %d times, want once", got)
	}
	if got := strings.Count(log.String(), "\n"); got > 1 {
		t.Errorf("%d log lines about a hostile sender, want at most 1:\n%s", got, log.String())
	}
}

func TestKeysRotate(t *testing.T) {
	g := testGroup(t)
	a, b := []byte("aaaaaaaaaaaaaaaa"), []byte("bbbbbbbbbbbbbbbb")
	h1, h2 := newHeard(), newHeard()
	o := options(g, "127.0.0.4:5942", 1)
	o.Keys = [][]byte{a}
	b1 := h1.start(t, o)
	o = options(g, "127.0.0.5:5943", 2)
	o.Keys = [][]byte{b}
	h2.start(t, o)
	waitFor(t, "foreign key noticed", func() bool { return b1.Stats().Foreign > 0 })
	if err := b1.SetKeys([][]byte{a, b}); err != nil {
		t.Fatal(err)
	}
	await(t, h1.found, "member with the added key", func(p Peer) bool { return p.Instance == 2 })
}

func TestOptions(t *testing.T) {
	good := options(netip.MustParseAddrPort("224.2.2.44:1"), "127.0.0.1:1", 1)
	tests := []struct {
		name   string
		change func(*Options)
	}{
		{"no group", func(o *Options) { o.Group = netip.AddrPort{} }},
		{"unicast group", func(o *Options) { o.Group = netip.MustParseAddrPort("10.0.0.1:1") }},
		{"group without port", func(o *Options) { o.Group = netip.MustParseAddrPort("224.2.2.44:0") }},
		{"IPv6 group", func(o *Options) { o.Group = netip.MustParseAddrPort("[ff15::1]:1") }},
		{"wildcard member", func(o *Options) { o.Self = netip.MustParseAddrPort("0.0.0.0:1") }},
		{"ttl", func(o *Options) { o.TTL = 256 }},
	}
	for _, tt := range tests {
		o := good
		tt.change(&o)
		if b, err := Start(o); err == nil {
			b.Close()
			t.Errorf("%s: accepted", tt.name)
		}
	}
}

func TestUnknownInterfaceIsRetried(t *testing.T) {
	o := options(testGroup(t), "127.0.0.4:5942", 1)
	o.Interface = "nosuch0"
	b, err := Start(o)
	if err != nil {
		t.Fatalf("a missing interface is not fatal: %v", err)
	}
	b.Bye()
	b.Close()
}

func TestInterfaceOfAddress(t *testing.T) {
	ifis, err := interfaces("", netip.MustParseAddr("127.0.0.77"))
	if err != nil || len(ifis) != 1 || ifis[0].Flags&net.FlagLoopback == 0 {
		t.Errorf("interfaces of 127.0.0.77 = %v, %v, want the loopback one", ifis, err)
	}
	if _, err := interfaces("", netip.MustParseAddr("203.0.113.77")); err == nil {
		t.Error("an address of no interface was accepted")
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
