package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kzfast/kzfast/cluster/multicast"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestMailboxBounds(t *testing.T) {
	b := newMailbox()
	for range maxMail + 10 {
		b.offer(1, func() {})
	}
	if b.offer(1, func() {}) {
		t.Error("more messages than the bound")
	}
	b.put(func() {})
	if got := len(b.take()); got != maxMail+1 {
		t.Errorf("%d jobs, want %d messages and the membership change", got, maxMail+1)
	}
	if !b.offer(maxMailBytes, func() {}) || b.offer(1, func() {}) {
		t.Error("bound of bytes not held")
	}
}

func TestDeliveryOrder(t *testing.T) {
	a, b := Member{ID: "a"}, Member{ID: "b"}
	d := newDelivery(func(Event) {})
	for _, e := range []Event{
		{Kind: Online, Member: a}, {Kind: Changed, Member: a, Advert: []byte("1")}, {Kind: Online, Member: b},
		{Kind: Changed, Member: a, Advert: []byte("2")}, {Kind: LinkDown, Member: a}, {Kind: LinkUp, Member: a},
		{Kind: Gone, Member: a}, {Kind: Online, Member: a}, {Kind: Changed, Member: a, Advert: []byte("3")},
		{Kind: Gone, Member: a},
	} {
		d.push(e)
	}
	var got []string
	for _, e := range d.take() {
		got = append(got, fmt.Sprintf("%v %s%s", e.Kind, e.Member.ID, e.Advert))
	}
	want := "online a, changed a2, online b, link up a, gone a, online a, changed a3, gone a"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	for i := range 100000 {
		d.push(Event{Kind: Changed, Member: a, Advert: []byte{byte(i)}})
		d.push(Event{Kind: Load, Member: a})
	}
	if n := len(d.take()); n != 2 {
		t.Errorf("%d events pending behind a slow owner, want 2", n)
	}
}

func TestBridge(t *testing.T) {
	var out bytes.Buffer
	b := &bridge{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))}
	for _, tt := range []struct{ line, want string }{
		{"[ERR] memberlist: broken\n", "level=WARN"},
		{"[WARN] memberlist: odd\n", "level=INFO"},
		{"[INFO] memberlist: news\n", "level=DEBUG "},
		{"[DEBUG] memberlist: noise\n", "level=DEBUG-4"},
		{"[WARN] memberlist: Was able to connect to 1.2.3.4:5 over TCP but UDP probes failed, network may be misconfigured\n", "udp blocked"},
		{"[ERR] memberlist: discarding stream with unacceptable label \"ha1:x\": from=1.2.3.4:5\n", "another cluster"},
		{"[ERR] memberlist: failed to receive: No installed keys could decrypt the message\n", "same cluster key"},
		{"no level at all", "no level at all"},
	} {
		out.Reset()
		b.lines, b.once = limiter{}, onceAMinute{}
		if n, err := b.Write([]byte(tt.line)); n != len(tt.line) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		if !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q became %q, want %q in it", tt.line, out.String(), tt.want)
		}
		if n := strings.Count(out.String(), "\n"); n != 1 {
			t.Errorf("%q became %d lines, want 1", tt.line, n)
		}
	}
	if b.udpBlocked.Load() != 1 {
		t.Errorf("udp blocked counted %d times", b.udpBlocked.Load())
	}
}

// A peer that is not ours knocks from another port each time.
func TestBridgeSaysItOncePerPeer(t *testing.T) {
	for _, line := range []string{
		"[ERR] memberlist: discarding stream with unacceptable label \"x\": from=%s:%d\n",
		"[ERR] memberlist: failed to receive: No installed keys could decrypt the message from=%s:%d\n",
		"[ERR] memberlist: Decrypt packet failed: No installed keys could decrypt the message from=%s:%d\n",
		"[ERR] memberlist: failed to receive: remote state is encrypted and encryption is not configured from=%s:%d\n",
		"[ERR] memberlist: failed to receive: encryption is configured but remote state is not encrypted from=%s:%d\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			b := &bridge{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			for i := range 119 {
				for _, ip := range []string{"127.0.0.5", "[2001:db8::5]"} {
					fmt.Fprintf(b, line, ip, 40000+i)
					if !strings.Contains(line, "label") {
						fmt.Fprintf(b, "[WARN] memberlist: failed to join %s:5942: no installed keys could decrypt the message\n", ip)
					}
				}
				time.Sleep(time.Second)
			}
			if n := strings.Count(out.String(), "\n"); n != 4 {
				t.Errorf("%d lines about two peers in two minutes, want 4:\n%s", n, out.String())
			}
		})
	}
}

func TestBridgeDoesNotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := &bridge{log: slog.New(slog.NewTextHandler(&out, nil))}
		for i := range 2000 {
			fmt.Fprintf(b, "[ERR] memberlist: discarding packet with unacceptable label %q: from=10.0.0.%d:1", strings.Repeat("é", 500), i)
		}
		if n := strings.Count(out.String(), "\n"); n > linesPerSecond+1 {
			t.Errorf("%d lines in one second, limit %d", n, linesPerSecond+1)
		}
		if out.Len() > 20<<10 {
			t.Errorf("%d bytes of log", out.Len())
		}
		time.Sleep(time.Second)
		fmt.Fprint(b, "[ERR] memberlist: again")
		if !strings.Contains(out.String(), "suppressed=1990") {
			t.Errorf("suppressed lines not counted: %s", out.String()[out.Len()-200:])
		}
	})
	var o onceAMinute
	for i := range 10 * maxSaid {
		o.first(fmt.Sprint(i), time.Now())
	}
	if len(o.said) > maxSaid {
		t.Errorf("%d things remembered as said, limit %d", len(o.said), maxSaid)
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		err     string
		want    string
		refused bool
	}{
		{"failed to join 1.2.3.4:5: EOF", "wrong cluster name or key", true},
		{"failed to join 1.2.3.4:5: read tcp: connection reset by peer", "wrong cluster name or key", true},
		{"x: No installed keys could decrypt the message", "a cluster key we do not have", true},
		{"x: remote error: remote state is encrypted and encryption is not configured", "we have a cluster key, the member has none", true},
		{"x: remote state is encrypted and encryption is not configured", "the member has a cluster key, we have none", true},
		{"x: encryption is configured but remote state is not encrypted", "we have a cluster key, the member has none", true},
		{"dial tcp 1.2.3.4:5: connect: connection refused", "no member listens", false},
		{"dial tcp 1.2.3.4:5: i/o timeout", "firewall", false},
		{"something\nnew", "something new", false},
	} {
		if got, refused := explain(errors.New(tt.err)); !strings.Contains(got, tt.want) || refused != tt.refused {
			t.Errorf("%q: got %q, %v, want %q, %v", tt.err, got, refused, tt.want, tt.refused)
		}
	}
}

func TestLabel(t *testing.T) {
	if got := label("alpha"); got != "ha1:alpha" {
		t.Errorf("label %q", got)
	}
	long := label(strings.Repeat("n", 300))
	if len(long) > 255 || !strings.HasPrefix(long, "ha1#") || long == label(strings.Repeat("n", 301)) {
		t.Errorf("long label %q", long)
	}
}

// shake runs both sides of a link handshake over a pipe.
func shake(dialKey string, acceptKeys []string, peer uint64, to string, known map[string]uint64) (dialErr, acceptErr error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	var keys [][]byte
	for _, k := range acceptKeys {
		keys = append(keys, []byte(k))
	}
	done := make(chan error, 1)
	go func() {
		io.ReadFull(b, make([]byte, 1))
		_, _, err := welcome(b, keys, 22, "2.2.2.2:2", func(n string) (uint64, bool) { l, ok := known[n]; return l, ok })
		if err != nil {
			b.Close()
		}
		done <- err
	}()
	dialErr = greet(a, []byte(dialKey), 11, peer, "1.1.1.1:1", to)
	if dialErr != nil {
		a.Close()
	}
	return dialErr, <-done
}

func TestLinkHandshake(t *testing.T) {
	friends := map[string]uint64{"1.1.1.1:1": 11}
	for name, tt := range map[string]struct {
		key    string
		keys   []string
		peer   uint64
		to     string
		known  map[string]uint64
		okBoth bool
	}{
		"same key":           {"k", []string{"k"}, 22, "2.2.2.2:2", friends, true},
		"older key":          {"k", []string{"new", "k"}, 22, "2.2.2.2:2", friends, true},
		"other key":          {"x", []string{"k"}, 22, "2.2.2.2:2", friends, false},
		"meant for another":  {"k", []string{"k"}, 22, "3.3.3.3:3", friends, false},
		"stranger":           {"k", []string{"k"}, 22, "2.2.2.2:2", nil, false},
		"earlier life dials": {"k", []string{"k"}, 22, "2.2.2.2:2", map[string]uint64{"1.1.1.1:1": 10}, false},
		"earlier life taken": {"k", []string{"k"}, 21, "2.2.2.2:2", friends, false},
	} {
		d, a := shake(tt.key, tt.keys, tt.peer, tt.to, tt.known)
		if (d == nil) != tt.okBoth || (a == nil) != tt.okBoth {
			t.Errorf("%s: dialler %v, acceptor %v, want success %v", name, d, a, tt.okBoth)
		}
	}
}

// An impostor that knows no key gets nowhere by repeating what it heard.
func TestLinkHandshakeReplay(t *testing.T) {
	g := newGreeting([]byte("k"), 11, "1.1.1.1:1", "2.2.2.2:2")
	for _, proof := range [][]byte{make([]byte, 32), bytes.Repeat([]byte{7}, 32)} {
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() {
			io.ReadFull(b, make([]byte, 1))
			_, _, err := welcome(b, [][]byte{[]byte("k")}, 22, "2.2.2.2:2", func(string) (uint64, bool) { return 11, true })
			done <- err
		}()
		a.Write(g.raw)
		io.ReadFull(a, make([]byte, answerLen+32))
		a.Write(proof)
		if err := <-done; !errors.Is(err, errHello) {
			t.Errorf("replayed greeting: %v", err)
		}
		a.Close()
		b.Close()
	}
}

// A healer alone, in virtual time: who is tried, how often, for how long.
func TestHealerPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		dead := netip.MustParseAddrPort("10.0.0.9:1")
		h := newHealer(nil, &fakeDNS{})
		h.own = func(a netip.AddrPort) bool { return false }
		h.log, h.told = discard(), &onceAMinute{}
		h.join = func(netip.AddrPort) error { tries.Add(1); return io.EOF }
		h.up(dead)
		h.start()
		time.Sleep(time.Minute)
		if n := tries.Load(); n != 0 {
			t.Errorf("an online member was tried %d times", n)
		}
		h.down(dead, false)
		time.Sleep(5500 * time.Millisecond)
		if n := tries.Load(); n != 3 {
			t.Errorf("%d tries in the first 5.5 s, want the fast lane's 3", n)
		}
		tries.Store(0)
		time.Sleep(time.Hour)
		if n := tries.Load(); n < 900 || n > 1500 {
			t.Errorf("%d tries in an hour, want one every 3 s ± 20 %%", n)
		}
		time.Sleep(24 * time.Hour)
		tries.Store(0)
		time.Sleep(time.Hour)
		if n := tries.Load(); n != 0 {
			t.Errorf("a member gone for a day was tried %d times in an hour", n)
		}
		h.close()
		h.wg.Wait()
	})
}

func TestHealerHearsBeacons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		h := newHealer(nil, &fakeDNS{})
		h.own = func(a netip.AddrPort) bool { return a.Port() == 7 }
		h.log, h.told = discard(), &onceAMinute{}
		h.join = func(netip.AddrPort) error { tries.Add(1); time.Sleep(2 * time.Second); return io.EOF }
		h.start()
		flood := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				h.hear(netip.MustParseAddrPort("10.0.0.9:1"))
				h.hear(netip.MustParseAddrPort("10.0.0.1:7"))
			}
		}
		flood(10 * time.Minute)
		if n := tries.Load(); n < 15 || n > 40 {
			t.Errorf("an address that never answers was tried %d times in 10 min of beacons, want a back-off to 30 s", n)
		}
		for i := range 5000 {
			h.hear(netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), 1))
		}
		h.mu.Lock()
		if len(h.known) > maxHeard+1 || h.joins > maxJoins {
			t.Errorf("%d addresses, %d joins, limits %d and %d", len(h.known), h.joins, maxHeard, maxJoins)
		}
		h.mu.Unlock()
		time.Sleep(2 * time.Minute)
		h.mu.Lock()
		if len(h.known) != 0 {
			t.Errorf("%d addresses of silent beacons remembered", len(h.known))
		}
		h.mu.Unlock()
		h.close()
		h.wg.Wait()
	})
}

// A slow or dead DNS delays neither the start nor the joins of known members
// (reliability.md F18).
func TestSlowDNS(t *testing.T) {
	simulate(t, 20, func(s *sim) {
		s.startAll(2)
		begun := time.Now()
		n := s.start(3, func(o *Options) {
			o.Seeds = []string{"slow.test:1", memName(1)}
			o.resolver = slowDNS{}
			o.Settle = 0
		})
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("start took %v", took)
		}
		s.within(2*time.Second, "joined by the other seed", func() bool { return len(n.Members()) == 3 })
	})
}

func TestPublicNames(t *testing.T) {
	for k := Online; k <= Load; k++ {
		if k.String() == "?" {
			t.Errorf("kind %d has no name", k)
		}
	}
	if fmt.Sprint(Kind(99), Fast, LAN, WAN, Profile(9)) != "? fast lan wan unknown" {
		t.Error("names of kinds and profiles")
	}
	for _, p := range []Profile{Fast, LAN, WAN} {
		if c := p.config(); c.ProbeTimeout >= c.ProbeInterval || c.UDPBufferSize > 1400 {
			t.Errorf("profile %v: %+v", p, c)
		}
	}
	var _ multicast.Stats = Health{}.Beacon
}

func TestMemberIDBeforeStart(t *testing.T) {
	for name, o := range map[string]Options{
		"as bound":      {Bind: netip.MustParseAddrPort("127.0.0.4:5000")},
		"as advertised": {Bind: netip.MustParseAddrPort("127.0.0.4:5001"), Advertise: netip.MustParseAddrPort("127.0.0.9:5002")},
		"port as bound": {Bind: netip.MustParseAddrPort("127.0.0.4:5003"), Advertise: netip.MustParseAddrPort("127.0.0.9:0")},
		"any address":   {Bind: netip.MustParseAddrPort("0.0.0.0:5004"), Seeds: []string{"127.0.0.1:5005"}},
	} {
		o.Name = "alpha"
		planned, err := o.MemberID()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, err := Start(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if id := c.Self().ID; id != planned {
			t.Errorf("%s: member %s, planned %s", name, id, planned)
		}
		c.Shutdown()
	}
}
