//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// targets asks one balancer until it has named each of the members, and fails
// the test when it names another or not all of them.
func (f *fleet) targets(door string, members ...*member) {
	f.t.Helper()
	seen := make(map[*member]bool)
	eventually(f.t, patience, func() bool {
		r, err := ask(plain, door, f.uri())
		if err != nil {
			f.t.Fatalf("%s: %v", door, err)
		}
		m := f.byURI(r.location())
		if r.status != 302 || m == nil {
			f.t.Fatalf("%s: status %d, location %q", door, r.status, r.location())
		}
		seen[m] = true
		return len(seen) >= len(members)
	}, "%s does not redirect to all of %d members", door, len(members))
	for _, m := range members {
		if !seen[m] {
			f.t.Errorf("%s: no redirect to %s", door, m.name)
		}
	}
}

// reach goes through every redirect of a door to an echo on each member.
func (f *fleet) reach(members ...*member) {
	f.t.Helper()
	for _, m := range members {
		c, err := open(plain, m.addr(), m.uri())
		if err != nil {
			f.t.Fatalf("%s: %v", m.name, err)
		}
		if err := c.echo("hello " + m.name); err != nil {
			f.t.Errorf("%s: %v", m.name, err)
		}
		c.Close()
	}
}

func TestA2TwoMembersByMulticast(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 2, Discovery: multicast})
	began := time.Now()
	f.start()
	took := time.Since(began)
	for _, door := range f.doors() {
		f.targets(door, f.members...)
	}
	f.reach(f.members...)
	t.Logf("two members by multicast on lo: formed %.2f s after the first start", took.Seconds())
}

func TestA2ThreeMembersInAChain(t *testing.T) {
	f := newFleet(t, fleetSpec{Discovery: chain})
	for i, m := range f.members {
		if n := len(m.conf.Cluster.Connects); n != 1 {
			t.Fatalf("%s lists %d members", f.members[i].name, n)
		}
	}
	began := time.Now()
	f.start()
	took := time.Since(began)
	for _, door := range f.doors() {
		f.targets(door, f.members...)
	}
	f.reach(f.members...)
	t.Logf("three members by unicast, each listing one other: formed %.2f s after the first start", took.Seconds())
}

// TestA2OtherNamesStayApart shows that forming is seen by the tests above: a
// member of another cluster at the same group address is not taken in.
func TestA2OtherNamesStayApart(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 2, Discovery: multicast})
	f.members[1].conf.Cluster.Name += "-other"
	for _, m := range f.members {
		m.start()
	}
	for _, m := range f.members {
		f.formed(m)
		f.targets(m.addr(), m)
	}
	for _, m := range f.members {
		if text := m.text(0); strings.Contains(text, "is now online") {
			t.Errorf("%s took in a member of another cluster", m.name)
		}
	}
}
