package broadcast

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A subscriber that has more than its limit to read is cut, once, and nobody
// else notices.
func TestSlowIsCut(t *testing.T) {
	r := newRig(t, 1, Options{MaxPending: 100})
	back := r.start()
	slow, fast := r.open(0), r.open(0)
	slow.pending = 100
	back.says("1")
	r.settle()
	slow.pending = 101
	back.says("2")
	r.settle()
	// Closed may be a while in coming.
	back.says("3")
	r.settle()
	slow.hears(t, "slow", "1")
	fast.hears(t, "fast", "1 2 3")
	if slow.aborts != 1 || r.s.Cut() != 1 || r.s.Dropped() != 0 {
		t.Errorf("aborted %d times, cut %d, dropped %d; want 1, 1, 0", slow.aborts, r.s.Cut(), r.s.Dropped())
	}
	slow.ends()
	back.says("4")
	r.settle()
	fast.hears(t, "fast", "1 2 3 4")
}

// With drop-oldest a slow subscriber misses the oldest bursts and hears the
// rest in order.
func TestDropOldest(t *testing.T) {
	size := burst("0").Len()
	r := newRig(t, 1, Options{MaxPending: 3 * size, DropOldest: true})
	back := r.start()
	slow, fast := r.open(0), r.open(0)
	say := func(from, to int) {
		for i := from; i <= to; i++ {
			back.says(fmt.Sprint(i))
			r.settle()
		}
	}
	say(1, 1)
	slow.over = true
	say(2, 4)
	if got := r.s.Dropped(); got != 0 {
		t.Errorf("dropped = %d at the limit, want 0", got)
	}
	say(5, 6)
	slow.hears(t, "slow", "1")
	slow.onSend = func() { slow.over = len(slow.bursts) == 3 }
	slow.over = false
	slow.recv.Drained(slow.recorder)
	slow.hears(t, "slow, drained in part", "1 4 5")
	say(7, 7)
	slow.hears(t, "slow, drained in part", "1 4 5")
	slow.over = false
	slow.recv.Drained(slow.recorder)
	say(8, 8)
	slow.hears(t, "slow", "1 4 5 6 7 8")
	fast.hears(t, "fast", "1 2 3 4 5 6 7 8")
	if r.s.Dropped() != 2 || r.s.Cut() != 0 || slow.aborts != 0 {
		t.Errorf("dropped %d, cut %d, aborted %d; want 2, 0, 0", r.s.Dropped(), r.s.Cut(), slow.aborts)
	}
}

// A burst larger than the limit is still kept: it is the newest.
func TestDropOldestLargeBurst(t *testing.T) {
	r := newRig(t, 1, Options{MaxPending: 1, DropOldest: true})
	back := r.start()
	c := r.open(0)
	c.over = true
	for _, s := range []string{"first", "second"} {
		back.says(s)
		r.settle()
	}
	c.over = false
	c.recv.Drained(c.recorder)
	c.hears(t, "slow", "second")
	if r.s.Dropped() != 1 {
		t.Errorf("dropped = %d, want 1", r.s.Dropped())
	}
}

// The response of an emulated client or an event stream may end while it is
// over the mark; no Drained follows, but what was kept goes first all the
// same.
func TestDropOldestWithoutDrained(t *testing.T) {
	r := newRig(t, 1, Options{DropOldest: true})
	back := r.start()
	c := r.open(0)
	c.over = true
	back.says("1")
	r.settle()
	c.over = false
	back.says("2")
	r.settle()
	c.hears(t, "reconnected", "1 2")
}

// Whoever ends during a delivery, every other subscriber gets the burst once,
// and the next one too.
func TestRemovalDuringDelivery(t *testing.T) {
	const n = 4
	for at := range n {
		for mask := range 1 << n {
			t.Run(fmt.Sprintf("%d removes %04b", at, mask), func(t *testing.T) {
				r := newRig(t, 1, Options{})
				h := &r.s.hubs[0]
				var subs []*client
				for range n {
					subs = append(subs, r.open(0))
				}
				var late *client
				subs[at].onSend = func() {
					subs[at].onSend = nil
					for i, c := range subs {
						if mask>>i&1 == 1 {
							c.ends()
						}
					}
					late = r.open(0)
				}
				h.deliver(burst("1"))
				h.deliver(burst("2"))
				for i, c := range subs {
					want := "1 2"
					if mask>>i&1 == 1 {
						want = "1"
						if i > at {
							want = ""
						}
					}
					c.hears(t, fmt.Sprint("subscriber ", i), want)
				}
				late.hears(t, "late joiner", "2")
				checkHub(t, h, n+1-strings.Count(fmt.Sprintf("%b", mask), "1"))
			})
		}
	}
}

// Abort may deliver Closed before it returns.
func TestCutDuringDelivery(t *testing.T) {
	r := newRig(t, 1, Options{MaxPending: 1})
	h := &r.s.hubs[0]
	var subs []*client
	for i := range 6 {
		c := r.open(0)
		if i%2 == 1 {
			c.pending = 2
			c.onAbort = c.ends
		}
		subs = append(subs, c)
	}
	h.deliver(burst("1"))
	h.deliver(burst("2"))
	for i, c := range subs {
		c.hears(t, fmt.Sprint("subscriber ", i), []string{"1 2", ""}[i%2])
	}
	if r.s.Cut() != 3 {
		t.Errorf("cut = %d, want 3", r.s.Cut())
	}
	checkHub(t, h, 3)
}

// checkHub checks that each of the n subscribers knows its place, and that
// nothing holds those that have gone.
func checkHub(t *testing.T, h *hub, n int) {
	t.Helper()
	if len(h.subs) != n {
		t.Errorf("%d subscribers, want %d", len(h.subs), n)
	}
	for i, s := range h.subs {
		if s == nil || s.index != i {
			t.Fatalf("place %d: %+v", i, s)
		}
	}
	rest := h.subs[len(h.subs):cap(h.subs)]
	if slices.ContainsFunc(rest, func(s *subscriber) bool { return s != nil }) {
		t.Error("a subscriber that has gone is still held")
	}
}
