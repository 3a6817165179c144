package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds waits on real sockets; reaching it is a failure, anything
// below says nothing.
const patience = 20 * time.Second

type realNode struct {
	*Cluster
	log    *logBuffer
	events chan Event
}

// begin starts a member at addr (port 0 takes a free one).
func begin(t *testing.T, addr string, change ...func(*Options)) *realNode {
	t.Helper()
	n, err := tryBegin(t, addr, change...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tryBegin(t *testing.T, addr string, change ...func(*Options)) (*realNode, error) {
	t.Helper()
	n := &realNode{log: &logBuffer{}, events: make(chan Event, 4096)}
	o := Options{
		Name: "real " + t.Name(), Bind: netip.MustParseAddrPort(addr), Product: "test",
		Logger: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Events: func(e Event) { n.events <- e },
	}
	for _, f := range change {
		f(&o)
	}
	c, err := Start(context.Background(), o)
	if err != nil {
		return nil, err
	}
	n.Cluster = c
	t.Cleanup(c.Shutdown)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", c.Self().ID, n.log)
		}
	})
	return n, nil
}

func seeded(nodes ...*realNode) func(*Options) {
	return func(o *Options) {
		for _, n := range nodes {
			o.Seeds = append(o.Seeds, n.Self().Addr.String())
		}
	}
}

func keyed(keys ...string) func(*Options) {
	return func(o *Options) {
		for _, k := range keys {
			o.Keys = append(o.Keys, []byte(k))
		}
	}
}

// await gives the first event that ok accepts.
func (n *realNode) await(t *testing.T, what string, ok func(Event) bool) Event {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case e := <-n.events:
			if ok(e) {
				return e
			}
		case <-limit:
			t.Fatalf("%s: no event: %s\n%s", n.Self().ID, what, n.log)
		}
	}
}

func of(k Kind, m Member) func(Event) bool {
	return func(e Event) bool { return e.Kind == k && e.Member.ID == m.ID }
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

func members(n int, nodes ...*realNode) func() bool {
	return func() bool {
		for _, x := range nodes {
			if len(x.Members()) != n {
				return false
			}
		}
		return true
	}
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) has(s string) func() bool {
	return func() bool { return strings.Contains(l.String(), s) }
}

func freeGroup(t *testing.T) func(*Options) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	port := c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	return func(o *Options) { o.Multicast = netip.AddrPortFrom(netip.MustParseAddr("224.2.2.44"), port) }
}

func TestMulticastOnLoopback(t *testing.T) {
	for _, keys := range []func(*Options){keyed(), keyed("0123456789abcdef")} {
		group := freeGroup(t)
		begun := time.Now()
		a := begin(t, "127.0.0.4:0", group, keys)
		b := begin(t, "127.0.0.5:0", group, keys)
		c := begin(t, "127.0.0.6:0", group, keys)
		eventually(t, "three members", members(3, a, b, c))
		t.Logf("3 members by multicast on lo: formed %v after the first start", time.Since(begun))
		b.Advertise([]byte("what b has"))
		for _, n := range []*realNode{a, c} {
			e := n.await(t, "b's advert", func(e Event) bool { return e.Kind == Changed && len(e.Advert) > 0 })
			if string(e.Advert) != "what b has" || e.Member.ID != b.Self().ID || e.Member.Product != "test" {
				t.Errorf("got %+v", e)
			}
		}
	}
}

// Three members, each told of only one other, in a ring; the first ones start
// before those they are told of.
func TestUnicastEachListsOneOther(t *testing.T) {
	var addr [3]string
	for i := range addr {
		addr[i] = freeAddr(t, fmt.Sprintf("127.0.0.%d", 4+i))
	}
	var nodes []*realNode
	for i := range addr {
		nodes = append(nodes, begin(t, addr[i], func(o *Options) { o.Seeds = []string{addr[(i+1)%3]} }))
	}
	eventually(t, "three members", members(3, nodes...))
	for _, n := range nodes {
		ms := n.Members()
		if fmt.Sprint(ids(ms)) != fmt.Sprint(ids(nodes[0].Members())) {
			t.Errorf("order differs: %v and %v", ids(ms), ids(nodes[0].Members()))
		}
	}
	if s := nodes[0].Health().Beacon; s.Sent+s.Failed+s.Found != 0 {
		t.Errorf("a unicast member used multicast: %+v", s)
	}
}

func ids(ms []Member) (out []string) {
	for _, m := range ms {
		out = append(out, m.ID)
	}
	return out
}

func freeAddr(t *testing.T, host string) string {
	t.Helper()
	ln, err := net.Listen("tcp4", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// Start returns with all members that the one it met knows of.
func TestStartReturnsWithTheRealMembership(t *testing.T) {
	nodes := []*realNode{begin(t, "127.0.0.4:0")}
	for i := range 6 {
		nodes = append(nodes, begin(t, fmt.Sprintf("127.0.0.%d:0", 5+i), seeded(nodes[i])))
		if n := len(nodes[i+1].Members()); n != i+2 {
			t.Errorf("member %d knows %d members after Start, want %d", i+1, n, i+2)
		}
		eventually(t, "all see all", members(i+2, nodes...))
	}
}

func TestSeedByName(t *testing.T) {
	a := begin(t, "127.0.0.4:0")
	dns := &fakeDNS{hosts: map[string][]netip.Addr{"gateways.test": {netip.MustParseAddr("127.0.0.4")}}}
	b := begin(t, "127.0.0.5:0", func(o *Options) {
		o.resolver = dns
		o.Seeds = []string{fmt.Sprintf("gateways.test:%d", a.Self().Addr.Port())}
	})
	eventually(t, "two members", members(2, a, b))
}

func TestAbruptDeathBreaksLinks(t *testing.T) {
	a := begin(t, "127.0.0.4:0", keyed("0123456789abcdef"))
	b := begin(t, "127.0.0.5:0", seeded(a), keyed("0123456789abcdef"))
	c := begin(t, "127.0.0.6:0", seeded(a), keyed("0123456789abcdef"))
	for _, n := range []*realNode{a, c} {
		n.await(t, "link to b", of(LinkUp, b.Self()))
	}
	dead := b.Self()
	begun := time.Now()
	b.Shutdown()
	for _, n := range []*realNode{a, c} {
		n.await(t, "link to b down", of(LinkDown, dead))
		t.Logf("link down %v after the sockets closed", time.Since(begun))
	}
	for _, n := range []*realNode{a, c} {
		if e := n.await(t, "b gone", of(Gone, dead)); e.Left || len(e.Members) != 2 {
			t.Errorf("Gone event %+v, want no leave and two members", e)
		}
		t.Logf("gone %v after the sockets closed", time.Since(begun))
	}
}

func TestLeaveOnRealSockets(t *testing.T) {
	a := begin(t, "127.0.0.4:0")
	b := begin(t, "127.0.0.5:0", seeded(a))
	a.await(t, "b online", of(Online, b.Self()))
	begun := time.Now()
	left := make(chan error, 1)
	go func() { left <- b.Leave(context.Background()) }()
	if e := a.await(t, "b gone", of(Gone, b.Self())); !e.Left {
		t.Error("Gone without Left")
	}
	t.Logf("leave seen %v after its begin", time.Since(begun))
	if err := <-left; err != nil {
		t.Error(err)
	}
	t.Logf("leave done %v after its begin", time.Since(begun))
	b.Shutdown()
	b.Shutdown()
	if err := b.Leave(context.Background()); err != nil {
		t.Errorf("leave after shutdown: %v", err)
	}
}

func TestKeysOnRealSockets(t *testing.T) {
	const k1, k2 = "0123456789abcdef", "fedcba9876543210"
	tests := []struct {
		name string
		a, b func(*Options)
		say  string
	}{
		{"other key", keyed(k1), keyed(k2), "a cluster key we do not have"},
		{"key and none", keyed(k1), keyed(), "the member has a cluster key, we have none"},
		{"none and key", keyed(), keyed(k1), "the member has none"},
		{"other name", keyed(), func(o *Options) { o.Name = "somebody else" }, "wrong cluster name or key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := begin(t, "127.0.0.4:0", tt.a, func(o *Options) { o.Name = "alpha" })
			b := begin(t, "127.0.0.5:0", func(o *Options) { o.Name = "alpha" }, tt.b, seeded(a))
			eventually(t, "the reason in words: "+tt.say, b.log.has(tt.say))
			if len(a.Members()) != 1 || len(b.Members()) != 1 {
				t.Errorf("members %v and %v, want strangers", ids(a.Members()), ids(b.Members()))
			}
			if n := strings.Count(b.log.String(), "member not joined"); n != 1 {
				t.Errorf("%d lines about one refusal in its first minute, want 1", n)
			}
			for _, n := range []*realNode{a, b} {
				if text := n.log.String(); strings.Contains(text, "level=WARN msg=\"gossip reported") || strings.Count(text, "level=WARN msg=\"gossip") > 1 {
					t.Errorf("more than one warning about the other's gossip:\n%s", text)
				}
			}
		})
	}
	t.Run("shared key", func(t *testing.T) {
		a := begin(t, "127.0.0.4:0", keyed(k1))
		b := begin(t, "127.0.0.5:0", keyed(k2, k1), seeded(a))
		// b encrypts with a key that a lacks: told, then a is given it too.
		if err := a.SetKeys([][]byte{[]byte(k1), []byte(k2)}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "two members", members(2, a, b))
		a.await(t, "link", of(LinkUp, b.Self()))
		if err := a.SetKeys([][]byte{[]byte(k2)}); err != nil {
			t.Fatal(err)
		}
		if err := b.SetKeys([][]byte{[]byte(k2)}); err != nil {
			t.Fatal(err)
		}
		a.Advertise([]byte("after rotation"))
		b.await(t, "advert after rotation", func(e Event) bool { return string(e.Advert) == "after rotation" })
		if strings.Contains(a.log.String()+b.log.String(), "0123456789abcdef") {
			t.Error("a key was logged")
		}
	})
}

func TestAcceptErrors(t *testing.T) {
	a := begin(t, "127.0.0.4:0")
	taken := a.Self().Addr.String()
	if _, err := tryBegin(t, taken); err == nil || !strings.Contains(err.Error(), "tcp://"+taken) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("taken address: %v", err)
	}
	udp, err := net.ListenPacket("udp4", "127.0.0.4:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if _, err := tryBegin(t, udp.LocalAddr().String()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("address taken for UDP only: %v", err)
	}
	_, err = tryBegin(t, "203.0.113.77:5942")
	if err == nil || !strings.Contains(err.Error(), "203.0.113.77:5942") || !strings.Contains(err.Error(), "127.0.0.1/8") {
		t.Errorf("foreign address: %v, want the local ones listed", err)
	}
	for name, change := range map[string]func(*Options){
		"no name":    func(o *Options) { o.Name = " " },
		"no bind":    func(o *Options) { o.Bind = netip.AddrPort{} },
		"key length": keyed("short"),
		"seed":       func(o *Options) { o.Seeds = []string{"noport"} },
		"seed port":  func(o *Options) { o.Seeds = []string{"h:99999"} },
		"advertise":  func(o *Options) { o.Advertise = netip.MustParseAddrPort("0.0.0.0:1") },
		"multicast":  func(o *Options) { o.Multicast = netip.MustParseAddrPort("10.0.0.1:1") },
		"profile":    func(o *Options) { o.Profile = 9 },
	} {
		if n, err := tryBegin(t, "127.0.0.7:0", change); err == nil {
			t.Errorf("%s: accepted, member %v", name, n.Self())
		}
	}
}

func TestWildcardAdvertisesARealAddress(t *testing.T) {
	n := begin(t, "0.0.0.0:0")
	if a := n.Self().Addr; a.Addr().IsUnspecified() || a.Port() == 0 {
		t.Errorf("advertised %v", a)
	}
	if !n.o.own(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), n.Self().Addr.Port())) {
		t.Error("own loopback address not recognised among seeds")
	}
	if n.o.private() != n.Self().Addr.Addr().IsLoopback() && n.o.private() {
		t.Error("wildcard counted as loopback only")
	}
}

func TestPlaintextWarning(t *testing.T) {
	loop, wild, key := begin(t, "127.0.0.4:0"), begin(t, "0.0.0.0:0"), begin(t, "0.0.0.0:0", keyed("0123456789abcdef"))
	for _, tt := range []struct {
		name string
		n    *realNode
		want int
	}{{"loopback", loop, 0}, {"reachable", wild, 1}, {"with key", key, 0}} {
		if got := strings.Count(tt.n.log.String(), "neither encrypted"); got != tt.want {
			t.Errorf("%s: %d warnings, want %d", tt.name, got, tt.want)
		}
	}
}

// Strangers may knock with anything: the member neither falls nor floods its
// log nor keeps their connections.
func TestHostileStrangers(t *testing.T) {
	a := begin(t, "127.0.0.4:0", keyed("0123456789abcdef"))
	addr := a.Self().Addr.String()
	udp, err := net.Dial("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	junk := [][]byte{
		{}, {0}, {244}, {244, 3, 'a'}, {linkByte}, {linkByte, 9, 9}, bytes.Repeat([]byte{linkByte}, 300), bytes.Repeat([]byte{0xff}, 2000),
		append([]byte{244, 5}, "ha1:x\x06\xff\xff\xff\xff"...), newGreeting([]byte("not the key"), 1, "1.1.1.1:1", a.name).raw,
	}
	for range 30 {
		for _, j := range junk {
			udp.Write(j)
			c, err := net.Dial("tcp4", addr)
			if err != nil {
				t.Fatal(err)
			}
			c.Write(j)
			c.(*net.TCPConn).CloseWrite()
			c.SetReadDeadline(time.Now().Add(patience))
			io.Copy(io.Discard, c)
			c.Close()
		}
	}
	b := begin(t, "127.0.0.5:0", seeded(a), keyed("0123456789abcdef"))
	eventually(t, "two members after the junk", members(2, a, b))
	eventually(t, "strangers' places given back", func() bool {
		a.mux.mu.Lock()
		defer a.mux.mu.Unlock()
		return a.mux.total == 0 && len(a.mux.guests) == 0
	})
	if n := strings.Count(a.log.String(), "level=WARN"); n > 40 {
		t.Errorf("%d warnings about strangers", n)
	}
}

// One address cannot take all places of the port.
func TestIdleStrangersAreBounded(t *testing.T) {
	a := begin(t, "127.0.0.4:0")
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			c.Close()
		}
	}()
	for range maxStreamsFrom + 20 {
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 99)}}).Dial("tcp4", a.Self().Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	last := idle[len(idle)-1]
	last.SetReadDeadline(time.Now().Add(patience))
	if _, err := last.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a stranger beyond the bound was kept: %v", err)
	}
	b := begin(t, "127.0.0.5:0", seeded(a))
	eventually(t, "a member from another address gets in", members(2, a, b))
}
