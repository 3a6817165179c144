//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// cut is how long the partition lasts, and settleAfter when each side must
// have turned to itself (reliability.md F11).
const (
	cut         = 40 * time.Second
	settleAfter = 3 * time.Second
)

// TestA5PartitionHeals is drill F11: one of three members is cut off and
// joined again, in a network of namespaces, without any restart.
func TestA5PartitionHeals(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a partition of 40 s")
	}
	t.Parallel()
	l := newLab(t, 3)
	f := newFleet(t, fleetSpec{Lab: l, Env: []string{"GOMAXPROCS=1"}})
	f.start()
	lone := f.members[2]
	sides := map[*member][]*member{f.members[0]: f.members[:2], f.members[1]: f.members[:2], lone: {lone}}
	for i, m := range f.members {
		if err := f.named(l.inside(i), m, f.members); err != nil {
			t.Fatalf("before the cut: %v", err)
		}
	}
	keep := f.hold(l)

	l.pull(2)
	began := time.Now()
	stale := 0
	for time.Since(began) < settleAfter {
		for i, m := range f.members {
			stale += f.strangers(l.inside(i), m, sides[m], 10)
		}
	}
	if stale == 0 {
		t.Error("no redirect across the cut in its first moments: the probe sees nothing, or nothing was cut")
	}
	wrong := 0
	for time.Since(began) < cut {
		for i, m := range f.members {
			wrong += f.strangers(l.inside(i), m, sides[m], 5)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if wrong > 0 {
		t.Errorf("%d redirects across the cut later than %v", wrong, settleAfter)
	}
	for i, m := range f.members {
		if err := f.named(l.inside(i), m, sides[m]); err != nil {
			t.Errorf("during the cut: %v", err)
		}
	}

	l.plug(2)
	healed := time.Now()
	var took spread
	for i, m := range f.members {
		eventually(t, 60*time.Second, func() bool { return f.named(l.inside(i), m, f.members) == nil },
			"%s does not redirect to all three again", m.name)
		took = append(took, time.Since(healed))
	}
	f.formed(f.members...)
	for _, m := range f.members {
		if n := strings.Count(m.text(0), started); n != 1 {
			t.Errorf("%s was started %d times", m.name, n)
		}
	}
	closed := keep()
	t.Logf("F11 S: cut of %v: redirects across it %d before %v, %d after; whole again %.2f s after the heal on the last of three members; %d of 3 held connections lost",
		cut, stale, settleAfter, wrong, took.at(1).Seconds(), closed)
}

// named asks m's balancer, with a dialer of its side, until it has named each
// of the wanted members; a name that is not wanted or a missing one is an
// error.
func (f *fleet) named(dial dialer, m *member, want []*member) error {
	seen := make(map[*member]bool)
	for range 40 * len(want) {
		r, err := ask(dial, m.addr(), f.uri())
		if err != nil {
			return err
		}
		to := f.byURI(r.location())
		if to == nil || !contains(want, to) {
			return &strayRedirect{m, to, r.status}
		}
		if seen[to] = true; len(seen) == len(want) && len(want) > 1 {
			return nil
		}
	}
	if len(seen) < len(want) {
		return &strayRedirect{m, nil, 302}
	}
	return nil
}

// A strayRedirect is an answer that names a member it should not, or the lack
// of one that it should.
type strayRedirect struct {
	by, to *member
	status int
}

func (e *strayRedirect) Error() string {
	if e.to == nil {
		return e.by.name + " does not name every member of its side; status " + itoa(e.status)
	}
	return e.by.name + " names " + e.to.name
}

// strangers counts among n answers of m's balancer those that lead to another
// side; no answer at all is an error of the test.
func (f *fleet) strangers(dial dialer, m *member, side []*member, n int) (stray int) {
	f.t.Helper()
	for range n {
		r, err := ask(dial, m.addr(), f.uri())
		if err != nil {
			f.t.Fatalf("%s does not serve its side: %v", m.name, err)
		}
		if to := f.byURI(r.location()); to == nil {
			f.t.Errorf("%s answers %d %q", m.name, r.status, r.location())
		} else if !contains(side, to) {
			stray++
		}
	}
	return stray
}

func contains(list []*member, m *member) bool {
	for _, o := range list {
		if o == m {
			return true
		}
	}
	return false
}

// hold opens one connection on each member from its own side. What it returns
// counts those that do not echo any more.
func (f *fleet) hold(l *lab) (lost func() int) {
	f.t.Helper()
	var conns []*wsConn
	for i, m := range f.members {
		c, err := open(l.inside(i), m.addr(), m.uri())
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { c.Close() })
		conns = append(conns, c)
	}
	return func() (n int) {
		for i, c := range conns {
			if err := c.echo("still here"); err != nil {
				f.t.Errorf("connection held on %s: %v", f.members[i].name, err)
				n++
			}
		}
		return n
	}
}
