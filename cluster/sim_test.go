package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A sim is a cluster on a memNet, in virtual time.
type sim struct {
	t     *testing.T
	net   *memNet
	nodes map[string]*simNode
	order []string
}

// A simNode is one member and what it was told.
type simNode struct {
	*Cluster
	mu     sync.Mutex
	events []Event
	view   map[string]string // member id -> advert, from events only
	inst   map[string]uint64
	links  map[string]Kind
	wrong  string // first event out of order
}

func simulate(t *testing.T, seed uint64, run func(s *sim)) {
	if underRace {
		t.Skip("simulated clusters run without the race detector, see race_test.go")
	}
	synctest.Test(t, func(t *testing.T) {
		s := &sim{t: t, net: newMemNet(seed), nodes: make(map[string]*simNode)}
		defer s.end()
		run(s)
	})
}

// end stops everybody and lets memberlist's goroutines run out.
func (s *sim) end() {
	for _, n := range s.nodes {
		n.Shutdown()
	}
	time.Sleep(2 * time.Minute)
}

// start brings up the i-th member, knowing only the first.
func (s *sim) start(i int, change ...func(*Options)) *simNode {
	s.t.Helper()
	name := memName(i)
	n := &simNode{view: make(map[string]string), inst: make(map[string]uint64), links: make(map[string]Kind)}
	o := Options{
		Name: "sim", Bind: netip.MustParseAddrPort(name), Seeds: []string{memName(1)},
		Keys:   [][]byte{[]byte("0123456789abcdef")},
		Settle: -1, Events: n.take, Transport: s.net.attach(name),
	}
	for _, f := range change {
		f(&o)
	}
	c, err := Start(context.Background(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	n.Cluster = c
	s.nodes[name] = n
	if !slices.Contains(s.order, name) {
		s.order = append(s.order, name)
	}
	c.Advertise([]byte("advert of " + c.Self().InstanceKey()))
	return n
}

func (s *sim) startAll(n int) {
	s.t.Helper()
	for i := 1; i <= n; i++ {
		s.start(i)
	}
	s.within(5*time.Second, "formed, links up", func() bool { return s.whole() && s.linked(LinkUp) })
}

// kill ends a member as a crash would.
func (s *sim) kill(name string) {
	s.nodes[name].Shutdown()
	delete(s.nodes, name)
}

// within advances time until ok, and fails after limit. It gives the time it took.
func (s *sim) within(limit time.Duration, what string, ok func() bool) time.Duration {
	s.t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		synctest.Wait()
		if ok() {
			return time.Since(begun)
		}
		if time.Since(begun) >= limit {
			s.t.Fatalf("not within %v: %s\n%s", limit, what, s.dump())
		}
	}
}

// whole reports whether every member sees every other, its advert and life.
func (s *sim) whole() bool { return s.agree(s.order...) }

// agree reports whether the living of names see each other, with adverts, and
// nobody else.
func (s *sim) agree(names ...string) bool {
	var alive []*simNode
	for _, name := range names {
		if n := s.nodes[name]; n != nil {
			alive = append(alive, n)
		}
	}
	for _, n := range alive {
		if len(n.Members()) != len(alive) {
			return false
		}
		n.mu.Lock()
		ok := len(n.view) == len(alive)-1
		for _, m := range alive {
			self := m.Self()
			if m != n {
				rec, _, _ := m.reg.current()
				ok = ok && n.view[self.ID] == string(rec.advert) && n.inst[self.ID] == self.Instance
			}
		}
		n.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// sees reports whether the member at by has the one at of.
func (s *sim) sees(by, of string) bool {
	return slices.ContainsFunc(s.nodes[by].Members(), func(m Member) bool { return nameOf(m.Addr) == of })
}

func (s *sim) dump() string {
	var b bytes.Buffer
	for _, name := range s.order {
		n := s.nodes[name]
		if n == nil {
			fmt.Fprintf(&b, "%s: down\n", name)
			continue
		}
		fmt.Fprintf(&b, "%s:", name)
		for _, m := range n.Members() {
			fmt.Fprintf(&b, " %s/%s", m.ID, m.InstanceKey()[:4])
		}
		fmt.Fprintf(&b, " view %v health %+v\n", n.view, n.Health())
	}
	return b.String()
}

// take records an event and checks its place in the order.
func (n *simNode) take(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	id := e.Member.ID
	_, online := n.inst[id]
	switch e.Kind {
	case Online:
		if online {
			n.fault(e)
		}
		n.inst[id] = e.Member.Instance
		n.view[id] = ""
	case Gone:
		if !online {
			n.fault(e)
		}
		delete(n.inst, id)
		delete(n.view, id)
		delete(n.links, id)
	case Changed:
		if !online || n.inst[id] != e.Member.Instance {
			n.fault(e)
		}
		n.view[id] = string(e.Advert)
	case LinkUp, LinkDown:
		if !online {
			n.fault(e)
		}
		n.links[id] = e.Kind
	}
}

func (n *simNode) fault(e Event) {
	if n.wrong == "" {
		n.wrong = fmt.Sprintf("event %d out of order: %v %s/%s", len(n.events), e.Kind, e.Member.ID, e.Member.InstanceKey())
	}
}

// count gives how many events of a kind there were about a member.
func (n *simNode) count(k Kind, name string) (c int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Kind == k && e.Member.ID == idOf(name) {
			c++
		}
	}
	return c
}

func (n *simNode) link(name string) Kind {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[idOf(name)]
}

// orderly fails the test when some member's events made no sense.
func (s *sim) orderly() {
	s.t.Helper()
	for name, n := range s.nodes {
		n.mu.Lock()
		wrong := n.wrong
		n.mu.Unlock()
		if wrong != "" {
			s.t.Errorf("%s: %s", name, wrong)
		}
	}
}
