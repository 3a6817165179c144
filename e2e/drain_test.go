//go:build linux

package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestDrainMovesClientsInOrder is drill F37 in size S: SIGTERM withdraws the
// member, closes its clients with 1001, and none of them is ever sent to a
// member that does not take it.
func TestDrainMovesClientsInOrder(t *testing.T) {
	const visitors = 300
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, visitors)
	leaver := f.members[1]
	movers := c.by()[leaver]
	p := f.watch(10*time.Millisecond, f.but(leaver)...)
	eventually(t, patience, func() bool { return count(p.all(), leaver, time.Time{}, time.Now()) > 5 },
		"the probe sees no redirect to %s", leaver.name)

	asked := time.Now()
	leaver.terminate()
	took := time.Since(asked)
	c.settle(30*time.Second, "visitors after the drain")
	c.speak()
	c.settle(patience, "visitors who spoke again")
	p.end()

	l := c.since(asked)
	for _, e := range l.ends {
		var end *closed
		if e.member != leaver || !errors.As(e.err, &end) || end.code != 1001 {
			t.Errorf("visitor %d on %s ended with %v; want only those of %s, with 1001", e.visitor, e.member.name, e.err, leaver.name)
		}
	}
	if len(l.ends) != movers || movers == 0 {
		t.Errorf("%d connections ended, %d were on %s", len(l.ends), movers, leaver.name)
	}
	for _, e := range l.failed {
		t.Errorf("an attempt failed %v after SIGTERM: %v", e.at.Sub(asked), e.err)
	}
	late := count(p.all(), leaver, asked.Add(deadRedirects), time.Now())
	if late > 0 {
		t.Errorf("%d redirects to the draining member later than %v", late, deadRedirects)
	}
	var back spread
	for _, e := range l.entered {
		back = append(back, e.at.Sub(asked))
	}
	text := leaver.text(leaver.began)
	inOrder(t, text, "Stopping server", "Stopping services", "Cluster member "+leaver.id()+": service echo unbound", "Stopped services",
		"Member Removed", "Current cluster members:", "Stopped server successfully")
	for _, m := range f.but(leaver) {
		inOrder(t, m.text(0), "Cluster member "+leaver.id()+" is draining", "Cluster member "+leaver.id()+" has gone down", "Member Removed")
		f.targets(m.addr(), f.but(leaver)...)
	}
	t.Logf("F37 S: SIGTERM: exit 0 after %.2f s; %d clients got 1001 and were back %v; redirects to it 0 after 1 s, the last after %.3f s; failed redirects %d",
		took.Seconds(), movers, back, max(0, lastTo(p.all(), leaver).Sub(asked).Seconds()), len(l.lost()))
}

// inOrder fails the test unless text contains the parts one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for i, part := range parts {
		at := strings.Index(rest, part)
		if at < 0 {
			after := "from the beginning"
			if i > 0 {
				after = "behind " + parts[i-1]
			}
			t.Errorf("no %q %s", part, after)
			return
		}
		rest = rest[at+len(part):]
	}
}

// TestRollingRestart is drill F38 in size S.
func TestRollingRestart(t *testing.T) {
	const visitors = 150
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, visitors)
	began := time.Now()
	for _, m := range f.members {
		m.terminate()
		m.start()
		f.formed(f.members...)
		c.settle(30*time.Second, "visitors after the restart of "+m.name)
	}
	took := time.Since(began)
	c.speak()
	c.settle(patience, "visitors who spoke again")
	l := c.since(began)
	for _, e := range l.failed {
		t.Errorf("an attempt failed %.3f s after the beginning: %v", e.at.Sub(began).Seconds(), e.err)
	}
	moves := make(map[int]int)
	for _, e := range l.ends {
		var end *closed
		if !errors.As(e.err, &end) || end.code != 1001 {
			t.Errorf("visitor %d on %s ended with %v, want 1001", e.visitor, e.member.name, e.err)
		}
		moves[e.visitor]++
	}
	most, worst := 0, 0
	for _, n := range c.by() {
		most = max(most, n)
	}
	for _, n := range moves {
		worst = max(worst, n)
	}
	t.Logf("F38 S: three members restarted in %.1f s: failed reconnects %d, %d moves, at most %d of one client, max/mean %.2f",
		took.Seconds(), len(l.failed), len(l.ends), worst, float64(most)*3/visitors)
}

// TestQuickRestart kills a member with clients on it and starts it again on
// the same address at once, three times.
func TestQuickRestart(t *testing.T) {
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, 60)
	m := f.members[2]
	var took spread
	for range 3 {
		began := time.Now()
		m.kill()
		m.start()
		f.formed(f.members...)
		took = append(took, time.Since(began))
		f.reach(f.members...)
		c.settle(30*time.Second, "visitors after the restart")
	}
	for _, o := range f.but(m) {
		f.targets(o.addr(), f.members...)
		if text := o.text(0); strings.Contains(text, "member conflict") {
			t.Errorf("%s took the returned member for another", o.name)
		}
	}
	t.Logf("F07: kill -9 and start on the same address, three times: whole again %v after the kill", took)
}
