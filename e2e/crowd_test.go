//go:build linux

package e2e

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// A crowd is many visitors of one fleet and the ledger of what they saw.
type crowd struct {
	t       *testing.T
	f       *fleet
	doors   []string
	all     []*visitor
	stop    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	ledger ledger
}

// A ledger is the history of a crowd, each list in the order of time.
type ledger struct {
	redirects []redirect
	entered   []entry   // first echo of each connection
	ends      []ending  // of each connection
	failed    []failure // attempts that led nowhere
	wrong     []error   // echoes that were not the message
}

type redirect struct {
	asked, answered time.Time
	to              *member
}

type entry struct {
	at      time.Time
	visitor int
	member  *member
}

type ending struct {
	at      time.Time
	visitor int
	member  *member
	err     error
}

type failure struct {
	at  time.Time
	err error
}

// newCrowd lets n visitors in and waits until each has had an echo. They come
// in waves, for the storm is not what the test is about.
func newCrowd(t *testing.T, f *fleet, n int) *crowd {
	t.Helper()
	c := &crowd{t: t, f: f, doors: f.doors(), stop: make(chan struct{})}
	t.Cleanup(c.end)
	for i := range n {
		v := &visitor{c: c, n: i, dial: from(f.network, i)}
		c.all = append(c.all, v)
		c.running.Add(1)
		go v.run()
		if i%100 == 99 {
			c.settle(patience*2, "wave of visitors")
		}
	}
	c.settle(patience*2, "visitors")
	return c
}

// settle waits until every visitor is connected and has heard its echoes.
func (c *crowd) settle(within time.Duration, what string) {
	c.t.Helper()
	if !holds(within, func() bool { return c.unsettled() == 0 }) {
		c.mu.Lock()
		defer c.mu.Unlock()
		last := c.ledger.failed[max(0, len(c.ledger.failed)-3):]
		c.t.Fatalf("%d of %d %s without their echo after %v; last failures %v", c.unsettled(), len(c.all), what, within, last)
	}
}

func (c *crowd) unsettled() int {
	n := 0
	for _, v := range c.all {
		if !v.settled() {
			n++
		}
	}
	return n
}

// speak lets every connected visitor send one message.
func (c *crowd) speak() {
	for _, v := range c.all {
		_ = v.speak()
	}
}

// by counts the connected visitors of each member.
func (c *crowd) by() map[*member]int {
	n := make(map[*member]int)
	for _, v := range c.all {
		v.mu.Lock()
		if v.member != nil {
			n[v.member]++
		}
		v.mu.Unlock()
	}
	return n
}

func (c *crowd) note(fn func(l *ledger)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over() {
		fn(&c.ledger)
	}
}

// since gives what happened after a moment.
func (c *crowd) since(t time.Time) ledger {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.ledger
	return ledger{
		redirects: after(l.redirects, func(r redirect) bool { return r.answered.After(t) }),
		entered:   after(l.entered, func(e entry) bool { return e.at.After(t) }),
		ends:      after(l.ends, func(e ending) bool { return e.at.After(t) }),
		failed:    after(l.failed, func(f failure) bool { return f.at.After(t) }),
		wrong:     slices.Clone(l.wrong),
	}
}

func after[T any](list []T, late func(T) bool) []T {
	var out []T
	for _, x := range list {
		if late(x) {
			out = append(out, x)
		}
	}
	return out
}

// lost are the failures in which a client was sent to a member in vain.
func (l ledger) lost() []failure {
	return after(l.failed, func(f failure) bool {
		var e *lostRedirect
		return errors.As(f.err, &e)
	})
}

func (c *crowd) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func (c *crowd) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.stop:
	}
}

// end sends everybody home and waits for them.
func (c *crowd) end() {
	close(c.stop)
	for _, v := range c.all {
		v.hangUp()
	}
	c.running.Wait()
	for _, err := range c.ledger.wrong {
		c.t.Error(err)
	}
}
