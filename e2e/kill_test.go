//go:build linux

package e2e

import (
	"sync"
	"testing"
	"time"
)

// A probe asks the balancers of some members again and again, as a client
// without memory would, and keeps what they answer.
type probe struct {
	f       *fleet
	stop    chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	answers []redirect
	failed  int
}

// watch starts a probe of each of the members, one question every interval.
func (f *fleet) watch(interval time.Duration, members ...*member) *probe {
	p := &probe{f: f, stop: make(chan struct{})}
	f.t.Cleanup(p.end)
	for _, m := range members {
		p.running.Add(1)
		go p.run(m, interval)
	}
	return p
}

// run is the goroutine of one probed member.
func (p *probe) run(m *member, interval time.Duration) {
	defer p.running.Done()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		asked := time.Now()
		r, err := ask(plain, m.addr(), p.f.uri())
		p.mu.Lock()
		if err != nil {
			p.failed++
		} else {
			p.answers = append(p.answers, redirect{asked, time.Now(), p.f.byURI(r.location())})
		}
		p.mu.Unlock()
	}
}

func (p *probe) end() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.running.Wait()
}

// all is what was answered so far.
func (p *probe) all() []redirect {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]redirect(nil), p.answers...)
}

// count counts the answers to m among those asked from a moment to another.
func count(list []redirect, m *member, from, to time.Time) (n int) {
	for _, r := range list {
		if r.to == m && !r.asked.Before(from) && r.asked.Before(to) {
			n++
		}
	}
	return n
}

// lastTo is when the last answer that led to m came.
func lastTo(list []redirect, m *member) (last time.Time) {
	for _, r := range list {
		if r.to == m && r.answered.After(last) {
			last = r.answered
		}
	}
	return last
}

// F01 allows redirects to a dead member for this long.
const deadRedirects = time.Second

// TestA4KillOneOfThree is drill F01 in size S: 3,000 clients, kill -9.
func TestA4KillOneOfThree(t *testing.T) {
	visitors := 3000
	if testing.Short() {
		visitors = 300
	}
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, visitors)
	victim := f.members[1]
	survivors := f.but(victim)
	orphans := c.by()[victim]
	if orphans < visitors/6 {
		t.Fatalf("%s has %d of %d clients: too few to show anything", victim.name, orphans, visitors)
	}
	p := f.watch(5*time.Millisecond, survivors...)
	eventually(t, patience, func() bool { return count(p.all(), victim, time.Time{}, time.Now()) > 10 },
		"the probe sees no redirect to the living %s", victim.name)

	killed := time.Now()
	victim.kill()
	c.settle(60*time.Second, "visitors after the kill")
	c.speak()
	c.settle(60*time.Second, "visitors who spoke again")
	eventually(t, patience, func() bool { return time.Since(killed) > 3*deadRedirects }, "the time to watch does not end")
	p.end()

	l := c.since(killed)
	var back spread
	for _, e := range l.entered {
		back = append(back, e.at.Sub(killed))
	}
	if len(back) != orphans {
		t.Errorf("%d clients came back, %d were on %s", len(back), orphans, victim.name)
	}
	for _, e := range l.ends {
		if e.member != victim {
			t.Errorf("visitor %d lost its connection to %s, which lived: %v", e.visitor, e.member.name, e.err)
		}
	}
	answers := append(p.all(), l.redirects...)
	late := count(answers, victim, killed.Add(deadRedirects), time.Now())
	if late > 0 {
		t.Errorf("%d redirects to the dead member asked for later than %v after the kill", late, deadRedirects)
	}
	early := count(answers, victim, killed, killed.Add(deadRedirects))
	window := time.Duration(0)
	if last := lastTo(answers, victim); last.After(killed) {
		window = last.Sub(killed)
	}
	by, most := c.by(), 0
	for _, m := range survivors {
		most = max(most, by[m])
	}
	t.Logf("F01 S: back %v of %d orphans, dead redirects %d after 1 s (%d before, the last after %.3f s), in vain %d, max/mean over survivors %.3f",
		back, orphans, late, early, window.Seconds(), len(l.lost()), float64(most)*float64(len(survivors))/float64(visitors))
}

// TestKillTwoOfThree is drill F04 in size S: the last member takes everybody.
func TestKillTwoOfThree(t *testing.T) {
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, 300)
	last := f.members[0]
	killed := time.Now()
	for _, m := range f.but(last) {
		m.kill()
	}
	c.settle(30*time.Second, "visitors after the kill")
	c.speak()
	c.settle(patience, "visitors who spoke again")
	l := c.since(killed)
	for _, e := range l.ends {
		if e.member == last {
			t.Errorf("visitor %d lost its connection to %s, which lived: %v", e.visitor, last.name, e.err)
		}
	}
	if n := c.by()[last]; n != len(c.all) {
		t.Errorf("%d of %d visitors are on %s", n, len(c.all), last.name)
	}
	var back spread
	for _, e := range l.entered {
		back = append(back, e.at.Sub(killed))
	}
	t.Logf("F04 S: kill -9 of two of three: %d orphans back %v, in vain %d", len(back), back, len(l.lost()))
}

// TestKillAllAndStartAgain is drill F05 in size S.
func TestKillAllAndStartAgain(t *testing.T) {
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, 300)
	for _, m := range f.members {
		m.kill()
	}
	began := time.Now()
	f.start()
	formed := time.Since(began)
	c.settle(30*time.Second, "visitors after the restart")
	c.speak()
	c.settle(patience, "visitors who spoke again")
	var back spread
	for _, e := range c.since(began).entered {
		back = append(back, e.at.Sub(began))
	}
	t.Logf("F05 S: kill -9 of all three, started again: formed in %.2f s, %d clients back %v", formed.Seconds(), len(back), back)
}
