//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "time"

// tick is the resolution of all timers.
const tick = 100 * time.Millisecond

// wheelSlots times tick is one revolution, 51.2 s.
const wheelSlots = 512

// ticks converts a duration to wheel ticks so that a timer set now never fires
// early: rounded up, and one more because the present tick is partly over.
func ticks(d time.Duration) uint32 {
	return uint32((d+tick-1)/tick) + 1
}

// A link puts a T into one of the wheel's circular lists. The zero link is in none.
type link[T any] struct {
	next, prev *T
}

// timed is what a wheel can hold: *T with a link inside and a due tick.
type timed[T any] interface {
	*T
	wheelLink() *link[T]
	wheelDue() uint32
}

// A wheel is a hashed timer wheel over intrusive lists: arming, disarming and
// re-arming are O(1) and allocate nothing. Each list's head is an unused T. Entries
// are found again by their slot and kept when their due tick lies in a later
// revolution, or was moved to a later one since. Loop only.
type wheel[T any, P timed[T]] struct {
	slots  [wheelSlots]T
	firing T
	at     uint32 // last tick that was processed
	n      int    // armed entries
}

func (w *wheel[T, P]) init() {
	for i := range w.slots {
		w.reset(&w.slots[i])
	}
	w.reset(&w.firing)
}

func (w *wheel[T, P]) reset(head *T) {
	k := P(head).wheelLink()
	k.next, k.prev = head, head
}

// arm links p, whose due tick is set; now is the present tick. A due tick that has
// passed, as after a move between loops, fires with the next.
func (w *wheel[T, P]) arm(p *T, now uint32) {
	if w.n == 0 {
		w.at = now
	}
	w.n++
	w.insert(&w.slots[max(P(p).wheelDue(), w.at+1)%wheelSlots], p)
}

func (w *wheel[T, P]) insert(head, p *T) {
	h, k := P(head).wheelLink(), P(p).wheelLink()
	k.next, k.prev = head, h.prev
	P(h.prev).wheelLink().next = p
	h.prev = p
}

// disarm takes p out of whatever list it is in; a p in none is left alone.
func (w *wheel[T, P]) disarm(p *T) {
	k := P(p).wheelLink()
	if k.next == nil {
		return
	}
	P(k.next).wheelLink().prev = k.prev
	P(k.prev).wheelLink().next = k.next
	*k = link[T]{}
	w.n--
}

// advance moves every entry due at or before now to the firing list.
func (w *wheel[T, P]) advance(now uint32) {
	if now <= w.at {
		return
	}
	if w.n == 0 {
		w.at = now
		return
	}
	if now-w.at > wheelSlots {
		w.at = now - wheelSlots
	}
	for w.at < now {
		w.at++
		w.sweep(&w.slots[w.at%wheelSlots], now)
	}
}

func (w *wheel[T, P]) sweep(head *T, now uint32) {
	p := P(head).wheelLink().next
	w.reset(head)
	for p != head {
		next := P(p).wheelLink().next
		due := P(p).wheelDue()
		if due <= now {
			w.insert(&w.firing, p)
		} else {
			w.insert(&w.slots[due%wheelSlots], p)
		}
		p = next
	}
}

// pop takes one entry off the firing list, nil when it is empty. An entry whose due
// tick was moved to a later one since it got there goes back to its slot.
func (w *wheel[T, P]) pop() *T {
	for {
		p := P(&w.firing).wheelLink().next
		if p == &w.firing {
			return nil
		}
		w.disarm(p)
		due := P(p).wheelDue()
		if due <= w.at {
			return p
		}
		w.n++
		w.insert(&w.slots[due%wheelSlots], p)
	}
}
