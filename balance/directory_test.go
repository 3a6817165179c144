package balance

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestOnlyUpMembersArePicked(t *testing.T) {
	d := New(Options{SelfID: "self"})
	q := &Query{Balancer: echo}
	if tg, ok := d.Pick(q); ok {
		t.Fatalf("empty directory gave %s", tg.URI)
	}
	a := offer("n1")
	for _, s := range []State{Starting, Draining, Leaving, 77} {
		a.State = s
		d.Set("n1", a)
		if tg, ok := d.Pick(q); ok {
			t.Errorf("%v: gave %s", s, tg.URI)
		}
		if m := d.Snapshot(); len(m) != 0 {
			t.Errorf("%v: snapshot %v", s, m)
		}
	}
	a.State = Up
	d.Set("n1", a)
	if tg := mustPick(t, d, q); tg.Member != "n1" || tg.Name != "n1" || tg.Local {
		t.Errorf("got %+v", tg)
	}
	if _, ok := d.Local(q); ok {
		t.Error("another member's target is local")
	}
	d.Set("self", offer("self"))
	if tg, ok := d.Local(q); !ok || tg.Member != "self" || !tg.Local {
		t.Errorf("local: %+v, %v", tg, ok)
	}
	d.Drop("n1")
	d.Drop("never seen")
	for range 20 {
		if tg := mustPick(t, d, q); tg.Member != "self" {
			t.Fatalf("picked %s", tg.Member)
		}
	}
}

func TestHealthTiers(t *testing.T) {
	d := cluster(Options{SelfID: memberID(2)}, 3)
	reach := func() string {
		seen := map[string]bool{}
		for range 200 {
			seen[mustPick(t, d, &Query{Balancer: echo}).Member] = true
		}
		var s []string
		for m := range seen {
			s = append(s, m)
		}
		slices.Sort(s)
		return strings.Join(s, " ")
	}
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"all well", func() {}, "m00 m01 m02"},
		{"one suspect", func() { d.SetSuspect("m00", true) }, "m01 m02"},
		{"own link cannot fall", func() { d.SetLink("m02", false) }, "m01 m02"},
		{"one link down", func() { d.SetLink("m01", false) }, "m02"},
		{"one gone", func() { d.Drop("m02") }, "m00"},
		{"suspect without link", func() { d.SetLink("m00", false) }, "m00 m01"},
		{"suspicion lifted", func() { d.SetSuspect("m00", false) }, "m00 m01"},
		{"link back", func() { d.SetLink("m01", true) }, "m01"},
		{"health before advert", func() { d.SetSuspect("m03", true); d.Set("m03", offer("m03")) }, "m01"},
		{"refuted", func() { d.SetSuspect("m03", false) }, "m01 m03"},
		{"reborn", func() { d.Drop("m00"); d.Set("m00", offer("m00")) }, "m00 m01 m03"},
	}
	for _, s := range steps {
		s.do()
		if got := reach(); got != s.want {
			t.Errorf("%s: got %q, want %q", s.name, got, s.want)
		}
	}
}

func TestFilters(t *testing.T) {
	d := New(Options{})
	d.Set("a", &Advert{State: Up, Entries: []Entry{
		{Balance: echo, Targets: []string{"ws://a:9999/other", "ws://a:8081/echo", "wss://a:8443/echo", "sse://a:80/echo", "http://a:80/echo", "https://a:443/echo"}},
		{Balance: "ws://balancer.example.com:8081/jms", Targets: []string{"ws://a:8081/jms"}},
	}})
	d.Set("b", &Advert{State: Up, Entries: []Entry{{Balance: echo, Targets: []string{"ws://b:7/echo", "tcp://b:1", "ws://b:7/echo#f"}}}})
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Class: WS}, "ws://a:8081/echo ws://b:7/echo"}, // a's equal port and path hide its other
		{Query{Class: WS, Secure: true}, "wss://a:8443/echo"},
		{Query{Class: SSE}, "sse://a:80/echo"},
		{Query{Class: SSE, Secure: true}, ""},
		{Query{Class: HTTP}, "http://a:80/echo"},
		{Query{Class: HTTP, Secure: true}, "https://a:443/echo"},
		{Query{Class: 200}, ""},
	} {
		c.q.Balancer = echo
		seen := map[string]bool{}
		for range 100 {
			if tg, ok := d.Pick(&c.q); ok {
				seen[tg.URI] = true
			}
		}
		var uris []string
		for u := range seen {
			uris = append(uris, u)
		}
		slices.Sort(uris)
		if got := strings.Join(uris, " "); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.q, got, c.want)
		}
	}
}

func TestSnapshotText(t *testing.T) {
	d := New(Options{})
	d.Set("2", &Advert{State: Up, Conns: 9, Capacity: 10, Entries: []Entry{{Balance: "ws://example.com:8001/echo", Type: "echo", Targets: []string{"ws://member1.example.com:8001/echo"}, Conns: 4}}})
	d.Set("1", &Advert{State: Up, Entries: []Entry{{Balance: "ws://example.com:8001/echo", Targets: []string{"ws://member2.example.com:8001/echo"}}}})
	d.Set("3", &Advert{State: Up, Entries: []Entry{{Balance: "ws://a.example.com:8001/", Targets: []string{"ws://member3.example.com:8001/"}}}})
	var got []string
	for _, m := range d.Snapshot() {
		got = append(got, m.String())
	}
	want := []string{
		"     balance URI: ws://a.example.com:8001/    target list: [ws://member3.example.com:8001/]",
		"     balance URI: ws://example.com:8001/echo    target list: [ws://member1.example.com:8001/echo, ws://member2.example.com:8001/echo]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	st := d.Snapshot()[1].Targets[0]
	if st.Member != "2" || st.Conns != 4 || st.MemberConns != 9 || st.Capacity != 10 || st.Weight != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestCountsChangeInPlace(t *testing.T) {
	d := cluster(Options{}, 2)
	before := d.table.Load()
	a := offer(memberID(0))
	a.Conns, a.Capacity, a.Entries[0].Conns = 5, 6, 7
	mustPick(t, d, &Query{Balancer: echo})
	d.Set(memberID(0), a)
	if d.table.Load() != before {
		t.Error("counts alone built a new table")
	}
	st := d.Snapshot()[0].Targets[0]
	if st.MemberConns != 5 || st.Capacity != 6 || st.Conns != 7 || st.Handed != 0 {
		t.Errorf("status %+v", st)
	}
	a.Entries[0].Weight = 2
	d.Set(memberID(0), a)
	if d.table.Load() == before {
		t.Error("a weight changed nothing")
	}
}

func TestSameTargetOfTwoMembers(t *testing.T) {
	var log bytes.Buffer
	d := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	d.Set("a", offer("shared"))
	d.Set("b", offer("shared"))
	d.Set("b", offer("shared"))
	if got := d.Snapshot()[0]; len(got.Targets) != 1 || got.Targets[0].Member != "a" {
		t.Errorf("snapshot %+v", got)
	}
	if n := strings.Count(log.String(), "target advertised twice"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	pickFrom := func(want string) {
		t.Helper()
		if got := mustPick(t, d, &Query{Balancer: echo}).Member; got != want {
			t.Errorf("picked %s, want %s", got, want)
		}
	}
	pickFrom("a")
	d.SetSuspect("a", true)
	pickFrom("b")
	d.Drop("b")
	pickFrom("a")
	if d.shared != 0 {
		t.Errorf("%d shared references left", d.shared)
	}
	d.Drop("a")
	if len(d.refs) != 0 {
		t.Errorf("references left: %v", d.refs)
	}
}

// model is the directory as a plain set of facts.
type model struct {
	adverts          map[string]*Advert
	suspect, linkOff map[string]bool
}

// allowed lists, by balancer URI, the members a plain client may be sent to.
func (m *model) allowed(balancer string) map[string]bool {
	tiers := [3]map[string]bool{{}, {}, {}}
	for id, a := range m.adverts {
		if a.State != Up {
			continue
		}
		for _, e := range a.Entries {
			if e.Balance != balancer || len(e.Targets) == 0 {
				continue
			}
			switch {
			case m.linkOff[id]:
				tiers[2][id] = true
			case m.suspect[id]:
				tiers[1][id] = true
			default:
				tiers[0][id] = true
			}
		}
	}
	for _, t := range tiers {
		if len(t) > 0 {
			return t
		}
	}
	return nil
}

func TestDirectoryAgreesWithModel(t *testing.T) {
	balancers := []string{"ws://b:80/0", "ws://b:80/1", "ws://b:80/2"}
	affinity := vectorAffinity(t)
	rapid.Check(t, func(t *rapid.T) {
		d := New(Options{Rand: seeded(rapid.Uint64().Draw(t, "seed"))})
		m := model{map[string]*Advert{}, map[string]bool{}, map[string]bool{}}
		id := rapid.Custom(func(t *rapid.T) string { return memberID(rapid.IntRange(0, 5).Draw(t, "id")) })
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				who := id.Draw(t, "member")
				a := &Advert{State: State(rapid.IntRange(0, 3).Draw(t, "state")), Conns: rapid.Uint32().Draw(t, "conns"), Capacity: rapid.Uint32Range(0, 3).Draw(t, "capacity")}
				for i, b := range balancers {
					if rapid.Bool().Draw(t, "offers") {
						a.Entries = append(a.Entries, Entry{Balance: b, Targets: []string{fmt.Sprintf("ws://%s:80/%d", who, i)}, Weight: rapid.Uint16().Draw(t, "weight")})
					}
				}
				d.Set(who, a)
				m.adverts[who] = a
			},
			"drop": func(t *rapid.T) {
				who := id.Draw(t, "member")
				d.Drop(who)
				delete(m.adverts, who)
				delete(m.suspect, who)
				delete(m.linkOff, who)
			},
			"suspect": func(t *rapid.T) {
				who, v := id.Draw(t, "member"), rapid.Bool().Draw(t, "v")
				d.SetSuspect(who, v)
				m.suspect[who] = v
			},
			"link": func(t *rapid.T) {
				who, v := id.Draw(t, "member"), rapid.Bool().Draw(t, "v")
				d.SetLink(who, v)
				m.linkOff[who] = !v
			},
			"bind": func(t *rapid.T) { d.Bind(rapid.SampledFrom(balancers).Draw(t, "balancer"), affinity) },
			"": func(t *rapid.T) {
				live := map[string]bool{}
				for i, b := range balancers {
					want := m.allowed(b)
					for range 4 {
						q := randomQuery(t, b)
						tg, ok := d.Pick(q)
						if ok != (want != nil) {
							t.Fatalf("%s: found %v, want one of %v", b, ok, want)
						}
						if !ok {
							continue
						}
						if !want[tg.Member] || tg.URI != fmt.Sprintf("ws://%s:80/%d", tg.Member, i) {
							t.Fatalf("%s: picked %s of %s, allowed %v", b, tg.URI, tg.Member, want)
						}
						if tg.Member == q.Avoid && len(want) > 1 {
							t.Fatalf("%s: picked %s, to be avoided, of %v", b, tg.Member, want)
						}
					}
					for _, a := range m.adverts {
						for _, e := range a.Entries {
							if a.State == Up && e.Balance == b {
								live[b+" "+e.Targets[0]] = true
							}
						}
					}
				}
				got := map[string]bool{}
				for _, mp := range d.Snapshot() {
					for _, tg := range mp.Targets {
						got[mp.Balancer+" "+tg.URI] = true
					}
				}
				if len(got) != len(live) {
					t.Fatalf("snapshot %v, want %v", got, live)
				}
				for k := range live {
					if !got[k] {
						t.Fatalf("snapshot lacks %s", k)
					}
				}
			},
		})
	})
}

func randomQuery(t *rapid.T, balancer string) *Query {
	q := &Query{
		Balancer: balancer,
		Policy:   Policy(rapid.IntRange(0, 3).Draw(t, "policy")),
		Affinity: AffinityMode(rapid.IntRange(0, 2).Draw(t, "affinity")),
		Avoid:    rapid.SampledFrom([]string{"", memberID(0), memberID(1)}).Draw(t, "avoid"),
		Client:   testClient,
	}
	if rapid.Bool().Draw(t, "cookie") {
		q.Cookie = wishFor(memberID(rapid.IntRange(0, 5).Draw(t, "wish")))
	}
	return q
}
