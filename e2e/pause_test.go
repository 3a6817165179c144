//go:build linux

package e2e

import (
	"syscall"
	"testing"
	"time"
)

// pausedRedirects is how long a stopped member may still be handed out
// (reliability.md F03, with half a second for a busy machine).
const pausedRedirects = 2500 * time.Millisecond

// TestA5StoppedMemberIsSkipped is drill F03: SIGSTOP for 10 s, then SIGCONT.
func TestA5StoppedMemberIsSkipped(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a pause of 10 s")
	}
	t.Parallel()
	f := newFleet(t, fleetSpec{Env: []string{"GOMAXPROCS=1"}})
	f.start()
	c := newCrowd(t, f, 90)
	sleeper := f.members[0]
	p := f.watch(10*time.Millisecond, f.but(sleeper)...)
	eventually(t, patience, func() bool { return count(p.all(), sleeper, time.Time{}, time.Now()) > 10 },
		"the probe sees no redirect to %s", sleeper.name)

	stopped := time.Now()
	sleeper.signal(syscall.SIGSTOP)
	c.speak()
	eventually(t, 20*time.Second, func() bool { return time.Since(stopped) > 10*time.Second }, "the pause does not end")
	woken := time.Now()
	sleeper.signal(syscall.SIGCONT)

	answers := p.all()
	early := count(answers, sleeper, stopped, stopped.Add(pausedRedirects))
	late := count(answers, sleeper, stopped.Add(pausedRedirects), woken)
	window := lastTo(answers, sleeper).Sub(stopped)
	if early == 0 {
		t.Error("no redirect to the stopped member before it was noticed: the probe sees nothing")
	}
	if late > 0 {
		t.Errorf("%d redirects to the stopped member later than %v", late, pausedRedirects)
	}
	eventually(t, 30*time.Second, func() bool { return count(p.all(), sleeper, woken, time.Now()) > 0 },
		"%s is not used again", sleeper.name)
	again := time.Since(woken)
	p.end()
	c.settle(patience, "visitors after the pause")
	f.formed(f.members...)
	c.speak()
	c.settle(patience, "visitors who spoke again")
	ends := c.since(stopped).ends
	for _, e := range ends {
		t.Errorf("visitor %d lost its connection to %s: %v", e.visitor, e.member.name, e.err)
	}
	t.Logf("F03 S: SIGSTOP 10 s: redirects to the stopped member %d (%d before %.1f s, the last after %.2f s); used again %.2f s after SIGCONT; %d of 90 connections lost",
		late, early, pausedRedirects.Seconds(), window.Seconds(), again.Seconds(), len(ends))
}
