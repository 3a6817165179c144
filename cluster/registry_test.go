package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	selfName = "10.0.0.1:5942"
	peerName = "10.0.0.2:5942"
)

func testRegistry() *registry {
	addr := netip.MustParseAddrPort(selfName)
	return newRegistry(Member{ID: idOf(selfName), Addr: addr, Instance: 1, Epoch: 1000, Self: true}, meta{instance: 1})
}

func life(instance, epoch, version uint64) meta {
	return meta{instance: instance, stamp: stamp{epoch, version}}
}

func (r *registry) alive(m meta) []Event {
	events, again := r.confirm(peerName, netip.MustParseAddrPort(peerName), m, time.Now())
	if again {
		more, _ := r.confirm(peerName, netip.MustParseAddrPort(peerName), m, time.Now())
		events = append(events, more...)
	}
	return events
}

func (r *registry) offer(instance, epoch, version uint64, st state, advert string) []Event {
	events, _ := r.put(newRecord(peerName, instance, stamp{epoch, version}, st, []byte(advert)), time.Now())
	return events
}

// say writes events as one line.
func say(events []Event) string {
	var out []string
	for _, e := range events {
		s := fmt.Sprintf("%v %d", e.Kind, e.Member.Instance)
		if e.Kind == Changed {
			s += fmt.Sprintf(" %q", e.Advert)
		}
		if e.Left {
			s += " left"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestRegistryStories(t *testing.T) {
	type step struct {
		do   func(r *registry) []Event
		want string
	}
	alive := func(i, e, v uint64, want string) step {
		return step{func(r *registry) []Event { return r.alive(life(i, e, v)) }, want}
	}
	put := func(i, e, v uint64, advert, want string) step {
		return step{func(r *registry) []Event { return r.offer(i, e, v, stateUp, advert) }, want}
	}
	leaving := func(i, e, v uint64, want string) step {
		return step{func(r *registry) []Event { return r.offer(i, e, v, stateLeaving, "") }, want}
	}
	dead := func(want string) step {
		return step{func(r *registry) []Event { return r.lost(peerName, time.Now()) }, want}
	}
	link := func(i uint64, up bool, want string) step {
		return step{func(r *registry) []Event { return r.report(peerName, i, up) }, want}
	}
	for name, story := range map[string][]step{
		"record after gossip":            {alive(2, 5, 1, "online 2"), put(2, 5, 1, "a", `changed 2 "a"`), put(2, 5, 1, "a", ""), put(2, 5, 2, "b", `changed 2 "b"`)},
		"record before gossip is parked": {put(2, 5, 1, "a", ""), alive(2, 5, 1, `online 2, changed 2 "a"`)},
		"older record does not count":    {alive(2, 5, 3, "online 2"), put(2, 5, 3, "new", `changed 2 "new"`), put(2, 5, 2, "old", ""), put(2, 4, 9, "older", "")},
		"same words, new version":        {alive(2, 5, 1, "online 2"), put(2, 5, 1, "a", `changed 2 "a"`), put(2, 5, 2, "a", "")},
		"withdrawn":                      {alive(2, 5, 1, "online 2"), put(2, 5, 1, "a", `changed 2 "a"`), put(2, 5, 2, "", `changed 2 ""`), put(2, 5, 3, "b", `changed 2 "b"`)},
		"hidden, not deleted":            {alive(2, 5, 1, "online 2"), put(2, 5, 1, "a", `changed 2 "a"`), dead("gone 2"), put(2, 5, 2, "b", ""), alive(2, 5, 2, `online 2, changed 2 "b"`)},
		"restart seen by gossip first":   {alive(2, 5, 1, "online 2"), put(2, 5, 1, "a", `changed 2 "a"`), alive(3, 6, 1, "gone 2, online 3"), put(3, 6, 1, "b", `changed 3 "b"`)},
		"restart seen by record first":   {alive(2, 5, 1, "online 2"), put(2, 5, 1, "a", `changed 2 "a"`), put(3, 6, 1, "b", ""), alive(3, 6, 1, `gone 2, online 3, changed 3 "b"`)},
		"leave":                          {alive(2, 5, 1, "online 2"), leaving(2, 5, 2, "gone 2 left"), dead(""), alive(2, 5, 2, "")},
		"leave known from gossip only":   {alive(2, 5, 1, "online 2"), {func(r *registry) []Event { m := life(2, 5, 2); m.flags = metaLeaving; return r.alive(m) }, "gone 2 left"}, dead("")},
		"leave, then another life":       {alive(2, 5, 1, "online 2"), leaving(2, 5, 2, "gone 2 left"), dead(""), alive(3, 6, 1, "online 3")},
		"death twice":                    {alive(2, 5, 1, "online 2"), dead("gone 2"), dead("")},
		"link words":                     {link(2, true, ""), alive(2, 5, 1, "online 2"), link(2, true, "link up 2"), link(2, true, ""), link(9, false, ""), link(2, false, "link down 2"), dead("gone 2"), link(2, true, ""), alive(2, 5, 1, "online 2"), link(2, true, "link up 2")},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRegistry()
			for i, s := range story {
				if got := say(s.do(r)); got != s.want {
					t.Fatalf("step %d: got %s, want %s", i, got, s.want)
				}
			}
		})
	}
}

func TestOnlyTheOwnerWrites(t *testing.T) {
	r := testRegistry()
	r.advertise([]byte("mine"))
	forged := newRecord(selfName, 1, stamp{1000, 99}, stateUp, []byte("theirs"))
	if events, _ := r.put(forged, time.Now()); len(events) > 0 || string(r.own.advert) != "mine" {
		t.Errorf("another member changed our record to %q", r.own.advert)
	}
	if !r.outrank(forged.instance, forged.stamp) || string(r.own.advert) != "mine" || !forged.stamp.less(r.own.stamp) {
		t.Errorf("own record %+v does not outrank the forged one", r.own.stamp)
	}
	if r.outrank(r.self.Instance, r.own.stamp) {
		t.Error("the echo of our own record raised our epoch")
	}
	if r.outrank(7, stamp{r.own.stamp.epoch - 1, 1000}) {
		t.Error("an earlier life's record raised our epoch")
	}
}

func TestConflictingRecordsAgreeEverywhere(t *testing.T) {
	a := newRecord(peerName, 2, stamp{5, 1}, stateUp, []byte("a"))
	b := newRecord(peerName, 2, stamp{5, 1}, stateUp, []byte("b"))
	var got [2]string
	for i, order := range [][]*record{{a, b}, {b, a}} {
		r := testRegistry()
		for _, rec := range order {
			r.put(rec, time.Now())
		}
		got[i] = string(r.slots[peerName].rec.advert)
		if r.conflicts != 1 {
			t.Errorf("%d conflicts counted, want 1", r.conflicts)
		}
	}
	if got[0] != got[1] {
		t.Errorf("members disagree: %q and %q", got[0], got[1])
	}
	r := testRegistry()
	m := life(2, 5, 1)
	m.hash = a.hash
	r.alive(m)
	r.put(b, time.Now())
	r.put(a, time.Now())
	if got := string(r.slots[peerName].rec.advert); got != "a" {
		t.Errorf("record %q, want the one that gossip vouches for", got)
	}
}

func TestAdmit(t *testing.T) {
	r := testRegistry()
	r.alive(life(2, 500, 1))
	addr := netip.MustParseAddrPort(peerName)
	if err := r.admit(peerName, addr, life(9, 499, 1)); !errors.Is(err, errStale) {
		t.Errorf("stale incarnation: %v", err)
	}
	for _, m := range []meta{life(2, 499, 1), life(3, 500, 1), life(3, 501, 1)} {
		if err := r.admit(peerName, addr, m); err != nil {
			t.Errorf("life %+v: %v", m, err)
		}
	}
	if err := r.admit(peerName, netip.MustParseAddrPort("10.0.0.66:5942"), life(2, 500, 1)); err == nil {
		t.Error("a name with another's address was admitted")
	}
	if err := r.admit("somebody", addr, life(2, 500, 1)); err == nil {
		t.Error("a name that is no address was admitted")
	}
	for i := range 2 * maxSlots {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		if r.admit(nameOf(a), a, life(2, 1, 1)) == nil {
			r.confirm(nameOf(a), a, life(2, 1, 1), time.Now())
		}
	}
	if len(r.slots) > maxSlots {
		t.Errorf("%d names remembered, limit %d", len(r.slots), maxSlots)
	}
}

func TestRegistryForgets(t *testing.T) {
	r := testRegistry()
	now := time.Now()
	r.alive(life(2, 5, 1))
	r.offer(2, 5, 1, stateUp, "a")
	for i := range 10 * maxParked {
		name := nameOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), 1))
		r.put(newRecord(name, 2, stamp{1, 1}, stateUp, make([]byte, 1000)), now)
	}
	if n := r.parked(); n != maxParked {
		t.Errorf("%d records of strangers, want %d", n, maxParked)
	}
	if got := r.state(true); len(got) > 3000 {
		t.Errorf("records of strangers are passed on: %d bytes", len(got))
	}
	r.expire(now.Add(2 * time.Minute))
	if n := r.parked(); n != 0 {
		t.Errorf("%d records of strangers after two minutes", n)
	}
	r.lost(peerName, now)
	r.expire(now.Add(23 * time.Hour))
	if r.slots[peerName] == nil {
		t.Error("a member gone for 23 h was forgotten")
	}
	r.expire(now.Add(25 * time.Hour))
	if r.slots[peerName] != nil || r.bytes != 0 {
		t.Errorf("a member gone for 25 h is remembered, %d bytes", r.bytes)
	}
}

func TestDelegateRefuses(t *testing.T) {
	c := &Cluster{o: Options{}, name: selfName, self: Member{Instance: 1}, reg: testRegistry(), box: newMailbox(), log: discard()}
	d := delegate{c}
	good := life(2, 5, 1)
	node := func(name string, ip string, port uint16, meta []byte) *memberlist.Node {
		return &memberlist.Node{Name: name, Addr: netip.MustParseAddr(ip).AsSlice(), Port: port, Meta: meta}
	}
	if err := d.NotifyAlive(node(peerName, "10.0.0.2", 5942, good.append(nil))); err != nil {
		t.Errorf("good claim: %v", err)
	}
	for name, n := range map[string]*memberlist.Node{
		"no metadata":   node(peerName, "10.0.0.2", 5942, nil),
		"other port":    node(peerName, "10.0.0.2", 5943, good.append(nil)),
		"other address": node(peerName, "10.0.0.3", 5942, good.append(nil)),
		"other layout":  node(peerName, "10.0.0.2", 5942, []byte(strings.Repeat("x", 50))),
	} {
		if err := d.NotifyAlive(n); err == nil {
			t.Errorf("%s: admitted", name)
		}
	}
	before := c.refused.Load()
	d.NotifyMsg(nil)
	d.NotifyMsg(make([]byte, maxRecord+2))
	d.MergeRemoteState([]byte{0, 0, 0, 9, 1}, true)
	d.MergeRemoteState(appendState(nil, []byte{77}), false)
	if got := c.refused.Load() - before; got != 4 {
		t.Errorf("%d refusals counted, want 4", got)
	}
	msg := appendRecord(nil, newRecord(peerName, 2, stamp{5, 1}, stateUp, make([]byte, 200<<10)))
	for range 200 {
		d.NotifyMsg(msg)
	}
	if c.box.bytes > maxMailBytes {
		t.Errorf("%d bytes queued, limit %d", c.box.bytes, maxMailBytes)
	}
}
