package balance

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"
)

var testClient = netip.MustParseAddr("192.0.2.7")

// wishFor is a valid cookie for the member under the vector's key.
func wishFor(member string) (c Cookie) {
	a, err := NewAffinity(AffinityOptions{Service: "Echo balancer", Keys: []Key{vectorKey()}})
	if err != nil {
		panic(err)
	}
	ids := a.idsOf(member)
	c.n, c.seen = 1, 1
	c.found[0] = ids.list[0]
	return c
}

// spread counts picks by member.
func spread(t *testing.T, d *Directory, q *Query, picks int) map[string]int {
	t.Helper()
	n := map[string]int{}
	for range picks {
		n[mustPick(t, d, q).Member]++
	}
	return n
}

// chiSquare fails when the counts do not fit the expected shares. The bound is
// the 0.999 quantile by Wilson and Hilferty; with fixed seeds there is no flake.
func chiSquare(t *testing.T, got map[string]int, share map[string]float64) {
	t.Helper()
	var total int
	var sum float64
	for _, n := range got {
		total += n
	}
	for _, s := range share {
		sum += s
	}
	var x float64
	for m, s := range share {
		want := float64(total) * s / sum
		x += (float64(got[m]) - want) * (float64(got[m]) - want) / want
	}
	k := float64(len(share) - 1)
	limit := k * math.Pow(1-2/(9*k)+3.09*math.Sqrt(2/(9*k)), 3)
	if x > limit || len(got) > len(share) {
		t.Errorf("chi-square %.1f, limit %.1f: %v", x, limit, got)
	}
}

func even(n int) map[string]float64 {
	s := map[string]float64{}
	for i := range n {
		s[memberID(i)] = 1
	}
	return s
}

func TestRandomIsUniform(t *testing.T) {
	for _, n := range []int{2, 3, 7, 50} {
		d := cluster(Options{Rand: seeded(uint64(n))}, n)
		chiSquare(t, spread(t, d, &Query{Balancer: echo}, 2000*n), even(n))
	}
}

func TestAvoidKeepsTheRestUniform(t *testing.T) {
	d := cluster(Options{Rand: seeded(1)}, 5)
	want := even(5)
	delete(want, memberID(3))
	chiSquare(t, spread(t, d, &Query{Balancer: echo, Avoid: memberID(3)}, 10000), want)
	for _, p := range []Policy{Random, RoundRobin, LeastConnections, Weighted} {
		one := cluster(Options{}, 1)
		if tg := mustPick(t, one, &Query{Balancer: echo, Policy: p, Avoid: memberID(0)}); tg.Member != memberID(0) {
			t.Errorf("policy %d: %s", p, tg.Member)
		}
	}
}

func TestRoundRobinSurvivesChanges(t *testing.T) {
	d := cluster(Options{}, 4)
	q := &Query{Balancer: echo, Policy: RoundRobin}
	for member, n := range spread(t, d, q, 40) {
		if n != 10 {
			t.Errorf("%s: %d of 40", member, n)
		}
	}
	first := mustPick(t, d, q).Member
	d.Set("other", offer("other"))
	d.Drop("other")
	if next := mustPick(t, d, q).Member; next == first {
		t.Errorf("position lost: %s twice", next)
	}
}

func TestWeighted(t *testing.T) {
	d := New(Options{Rand: seeded(5)})
	share := map[string]float64{}
	for i, w := range []uint16{0, 1, 2, 5, 100} {
		a := offer(memberID(i))
		a.Entries[0].Weight = w
		d.Set(memberID(i), a)
		share[memberID(i)] = float64(max(w, 1))
	}
	chiSquare(t, spread(t, d, &Query{Balancer: echo, Policy: Weighted}, 20000), share)
	same := cluster(Options{Rand: seeded(6)}, 3)
	chiSquare(t, spread(t, same, &Query{Balancer: echo, Policy: Weighted}, 6000), even(3))
}

func TestLeastConnectionsEvensOutAStorm(t *testing.T) {
	d := New(Options{Rand: seeded(7)})
	start := map[string]int{}
	for i := range 4 {
		a := offer(memberID(i))
		a.Conns = uint32(i * 500)
		d.Set(memberID(i), a)
		start[memberID(i)] = i * 500
	}
	// 5,000 clients within one sample: the counts of the adverts do not move.
	for m, n := range spread(t, d, &Query{Balancer: echo, Policy: LeastConnections}, 5000) {
		if total := start[m] + n; total < 1900 || total > 2100 {
			t.Errorf("%s ends at %d, want about 2000", m, total)
		}
	}
}

func TestLeastConnectionsHeedsCapacity(t *testing.T) {
	d := New(Options{Rand: seeded(8)})
	for i, c := range []uint32{1000, 3000} {
		a := offer(memberID(i))
		a.Capacity = c
		d.Set(memberID(i), a)
	}
	n := spread(t, d, &Query{Balancer: echo, Policy: LeastConnections}, 4000)
	if n[memberID(0)] < 900 || n[memberID(0)] > 1100 {
		t.Errorf("got %v, want 1000 and 3000", n)
	}
}

func TestStaleLoadCountsAsMean(t *testing.T) {
	now := time.Unix(1000, 0)
	set := func(d *Directory, i int, conns uint32) {
		a := offer(memberID(i))
		a.Conns = conns
		d.Set(memberID(i), a)
	}
	for _, ttl := range []time.Duration{0, -1} {
		d := New(Options{Rand: seeded(9), Now: func() time.Time { return now }, LoadTTL: ttl})
		set(d, 0, 0) // would draw every client
		now = now.Add(6 * time.Second)
		set(d, 1, 400)
		set(d, 2, 600)
		n := spread(t, d, &Query{Balancer: echo, Policy: LeastConnections}, 300)
		// The empty member wins each of the two in three draws it is part of, or only those against 600.
		if believed := ttl < 0; believed != (n[memberID(0)] > 150) {
			t.Errorf("ttl %v: %v", ttl, n)
		}
	}
}

func TestCookieWins(t *testing.T) {
	d := cluster(Options{}, 5)
	a := vectorAffinity(t)
	d.Bind(echo, a)
	q := &Query{Balancer: echo, Cookie: wishFor(memberID(3))}
	for range 100 {
		if got := mustPick(t, d, q).Member; got != memberID(3) {
			t.Fatalf("picked %s", got)
		}
	}
	other := func(name string) {
		t.Helper()
		if n := spread(t, d, q, 200); len(n) < 2 {
			t.Errorf("%s: trapped: %v", name, n)
		}
	}
	q.Affinity = NoAffinity
	other("no affinity")
	q.Affinity = ByCookie
	q.Avoid = memberID(3)
	other("avoided")
	q.Avoid = ""
	d.SetSuspect(memberID(3), true)
	other("suspect")
	d.SetSuspect(memberID(3), false)
	d.SetLink(memberID(3), false)
	other("link down")
	d.SetLink(memberID(3), true)
	draining := offer(memberID(3))
	draining.State = Draining
	d.Set(memberID(3), draining)
	other("draining")
	d.Set(memberID(3), offer(memberID(3)))
	if n := spread(t, d, q, 50); n[memberID(3)] != 50 {
		t.Errorf("back again: %v", n)
	}
	d.Bind(echo, nil)
	other("affinity taken off")
}

func TestCookieNotHonouredWhenAllAreSuspect(t *testing.T) {
	d := cluster(Options{}, 3)
	d.Bind(echo, vectorAffinity(t))
	for i := range 3 {
		d.SetSuspect(memberID(i), true)
	}
	if n := spread(t, d, &Query{Balancer: echo, Cookie: wishFor(memberID(1))}, 200); len(n) != 3 {
		t.Errorf("got %v", n)
	}
}

func TestSecondCookieCounts(t *testing.T) {
	d := cluster(Options{}, 3)
	d.Bind(echo, vectorAffinity(t))
	c, second := wishFor("gone"), wishFor(memberID(2))
	c.found[1], c.n, c.seen = second.found[0], 2, 2
	if n := spread(t, d, &Query{Balancer: echo, Cookie: c}, 50); n[memberID(2)] != 50 {
		t.Errorf("got %v", n)
	}
}

func TestCookieSpreadsOverTheMembersTargets(t *testing.T) {
	d := New(Options{Rand: seeded(10)})
	d.Bind(echo, vectorAffinity(t))
	a := offer(memberID(0))
	a.Entries[0].Targets = []string{"ws://x:8081/echo", "ws://y:8081/echo"}
	d.Set(memberID(0), a)
	d.Set(memberID(1), offer(memberID(1)))
	uris := map[string]int{}
	for range 1000 {
		uris[mustPick(t, d, &Query{Balancer: echo, Cookie: wishFor(memberID(0))}).URI]++
	}
	chiSquare(t, uris, map[string]float64{"ws://x:8081/echo": 1, "ws://y:8081/echo": 1})
}

func TestRendezvous(t *testing.T) {
	const members, clients = 10, 4000
	build := func(n int) *Directory {
		// A negative LoadTTL and samples taken anew keep loads equal.
		d := cluster(Options{Rand: seeded(11)}, n)
		d.Bind(echo, vectorAffinity(t))
		return d
	}
	ask := func(d *Directory, i int) string {
		q := &Query{Balancer: echo, Affinity: ByCookieOrAddress, Client: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})}
		tg := mustPick(t, d, q)
		tg.load.handed.Store(0)
		return tg.Member
	}
	d, same, fewer := build(members), build(members), build(members-1)
	got := map[string]int{}
	moved := 0
	for i := range clients {
		m := ask(d, i)
		got[m]++
		if ask(d, i) != m || ask(same, i) != m {
			t.Fatalf("client %d: members disagree", i)
		}
		if m != memberID(members-1) && ask(fewer, i) != m {
			moved++
		}
	}
	if moved != 0 {
		t.Errorf("%d clients of living members moved", moved)
	}
	chiSquare(t, got, even(members))
}

func TestRendezvousPrefix(t *testing.T) {
	d := cluster(Options{}, 50)
	d.Bind(echo, vectorAffinity(t))
	ask := func(s string) string {
		tg := mustPick(t, d, &Query{Balancer: echo, Affinity: ByCookieOrAddress, Client: netip.MustParseAddr(s)})
		tg.load.handed.Store(0)
		return tg.Member
	}
	if a, b := ask("2001:db8::1"), ask("2001:db8::ffff:1"); a != b {
		t.Errorf("one /64: %s and %s", a, b)
	}
	if a, b := ask("192.0.2.1"), ask("::ffff:192.0.2.1"); a != b {
		t.Errorf("mapped: %s and %s", a, b)
	}
	if ask("2001:db8::1") == ask("2001:db8:0:1::1") && ask("192.0.2.1") == ask("192.0.2.2") {
		t.Error("different prefixes share members")
	}
}

func TestRendezvousIsBounded(t *testing.T) {
	d := cluster(Options{}, 4)
	d.Bind(echo, vectorAffinity(t))
	n := spread(t, d, &Query{Balancer: echo, Affinity: ByCookieOrAddress, Client: testClient}, 4000)
	for m, c := range n {
		if c > 1251 {
			t.Errorf("one NAT put %d of 4000 on %s: %v", c, m, n)
		}
	}
	if len(n) < 4 {
		t.Errorf("got %v", n)
	}
}

func TestAffinityByAddressWithoutKeysOrAddress(t *testing.T) {
	d := cluster(Options{Rand: seeded(12)}, 3)
	chiSquare(t, spread(t, d, &Query{Balancer: echo, Affinity: ByCookieOrAddress, Client: testClient}, 3000), even(3))
	d.Bind(echo, vectorAffinity(t))
	chiSquare(t, spread(t, d, &Query{Balancer: echo, Affinity: ByCookieOrAddress}, 3000), even(3))
}

func TestPickAllocations(t *testing.T) {
	d := cluster(Options{}, 50)
	d.Bind(echo, vectorAffinity(t))
	for p := Random; p <= Weighted; p++ {
		for m := ByCookie; m <= ByCookieOrAddress; m++ {
			q := &Query{Balancer: echo, Policy: p, Affinity: m, Client: testClient, Avoid: memberID(1)}
			if n := testing.AllocsPerRun(100, func() { d.Pick(q) }); n != 0 {
				t.Errorf("policy %d, affinity %d: %v allocations", p, m, n)
			}
		}
	}
	q := &Query{Balancer: echo, Cookie: wishFor(memberID(40))}
	if n := testing.AllocsPerRun(100, func() { d.Pick(q); d.Local(q) }); n != 0 {
		t.Errorf("cookie: %v allocations", n)
	}
}

func TestPickWhileMembersComeAndGo(t *testing.T) {
	const members = 6
	d := cluster(Options{SelfID: memberID(0)}, members)
	aff := vectorAffinity(t)
	d.Bind(echo, aff)
	var pickers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		pickers.Go(func() {
			q := &Query{Balancer: echo, Policy: Policy(i), Affinity: AffinityMode(i % 3), Client: testClient, Cookie: wishFor(memberID(i))}
			var buf []byte
			for {
				select {
				case <-stop:
					return
				default:
				}
				tg, ok := d.Pick(q)
				if !ok || tg.Member == "" {
					t.Error("m00 is always up, yet nothing was picked")
					return
				}
				buf = aff.AppendSetCookie(buf[:0], tg, true, vectorNow)
				buf, _ = tg.AppendURI(buf[:0], &Redirect{Kind: KindL})
				d.Snapshot()
			}
		})
	}
	for i := range 400 {
		who := memberID(1 + i%(members-1))
		switch i % 7 {
		case 0:
			d.Drop(who)
		case 1, 2:
			a := offer(who)
			a.Conns = uint32(i)
			d.Set(who, a)
		case 3:
			d.SetSuspect(who, i%2 == 0)
		case 4:
			d.SetLink(who, i%2 == 0)
		case 5:
			a := offer(who)
			a.State = Draining
			d.Set(who, a)
		case 6:
			d.Bind(echo, [...]*Affinity{aff, nil}[i%2])
		}
	}
	close(stop)
	pickers.Wait()
}

func BenchmarkPick(b *testing.B) {
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"random", Query{}},
		{"round-robin", Query{Policy: RoundRobin}},
		{"least-connections", Query{Policy: LeastConnections}},
		{"weighted", Query{Policy: Weighted}},
		{"cookie", Query{Cookie: wishFor(memberID(25))}},
		{"cookie+ip", Query{Affinity: ByCookieOrAddress, Client: testClient}},
	} {
		b.Run(fmt.Sprintf("%s/members=50", c.name), func(b *testing.B) {
			d := cluster(Options{}, 50)
			a := offer(memberID(1))
			a.Entries[0].Weight = 7
			d.Set(memberID(1), a)
			aff, err := NewAffinity(AffinityOptions{Service: "Echo balancer", Keys: []Key{vectorKey()}})
			if err != nil {
				b.Fatal(err)
			}
			d.Bind(echo, aff)
			c.q.Balancer = echo
			b.ReportAllocs()
			for b.Loop() {
				d.Pick(&c.q)
			}
		})
	}
}

func BenchmarkRebuild(b *testing.B) {
	const members, uris = 50, 50
	d := New(Options{})
	for i := range members {
		a := &Advert{State: Up}
		for j := range uris {
			a.Entries = append(a.Entries, Entry{Balance: fmt.Sprintf("ws://balancer.example.com:8001/s%d", j),
				Targets: []string{fmt.Sprintf("ws://%s.example.com:8001/s%d", memberID(i), j)}})
		}
		d.Set(memberID(i), a)
	}
	down := false
	b.ReportAllocs()
	for b.Loop() {
		down = !down
		d.SetLink(memberID(7), down)
	}
}

func BenchmarkCookie(b *testing.B) {
	a := vectorAffinity(b)
	tg := vectorTarget(b, a)
	header := []byte(vectorPair)
	buf := make([]byte, 0, 256)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c Cookie
			a.Read(&c, header, true, vectorNow)
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = a.AppendSetCookie(buf[:0], tg, true, vectorNow)
		}
	})
}
