package broadcast

import (
	"sync/atomic"

	"github.com/kzfast/kzfast/session"
)

// Bounds of what is on its way from one source to the hubs, in bytes of
// memory.
const (
	burstSize = 256 << 10 // a burst is complete that is no smaller, in the middle of a turn too
	highWater = 1 << 20   // a source is not heard above this
	lowWater  = highWater / 2
)

// A flow counts what one source has published and a hub has not yet delivered,
// so that a source that is faster than the loops is held back instead of
// stored. Safe for any goroutine.
type flow struct {
	pending atomic.Int64
	holding atomic.Bool
	wake    func() // called once for each time that full said yes; must not block
}

// full reports whether the source must stop until wake is called.
func (f *flow) full() bool {
	if f.pending.Load() <= highWater {
		return false
	}
	f.holding.Store(true)
	f.check()
	return true
}

func (f *flow) add(n int) { f.pending.Add(int64(n)) }

func (f *flow) done(n int) {
	f.pending.Add(-int64(n))
	f.check()
}

func (f *flow) check() {
	if f.pending.Load() <= lowWater && f.holding.CompareAndSwap(true, false) {
		f.wake()
	}
}

// A parcel is a burst on its way to the hubs.
type parcel struct {
	session.Shared
	from *flow
	left atomic.Int32 // hubs that have not delivered it, and its publisher
}

// arrived is called by the publisher and by each hub when it has delivered.
func (p *parcel) arrived() {
	if p.left.Add(-1) == 0 {
		p.from.done(p.Footprint())
	}
}
