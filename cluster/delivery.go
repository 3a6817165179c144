package cluster

import "sync"

// A delivery hands events to the owner's function in order, on one goroutine.
// While the owner is slow, newer adverts, loads and link words of a member
// replace older ones; Online and Gone are all kept.
type delivery struct {
	fn func(Event)

	mu      sync.Mutex
	pending []Event
	latest  map[slotOfEvent]int // index in pending of what may be replaced
	signal  chan struct{}
}

type slotOfEvent struct {
	id    string
	class Kind
}

func newDelivery(fn func(Event)) *delivery {
	return &delivery{fn: fn, latest: make(map[slotOfEvent]int), signal: make(chan struct{}, 1)}
}

func (d *delivery) push(e Event) {
	if d.fn == nil {
		return
	}
	d.mu.Lock()
	d.add(e)
	d.mu.Unlock()
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

func (d *delivery) add(e Event) {
	switch e.Kind {
	case Online, Gone:
		for _, class := range []Kind{Changed, LinkUp, Load} {
			delete(d.latest, slotOfEvent{e.Member.ID, class})
		}
	case Changed, LinkUp, LinkDown, Load:
		at := slotOfEvent{e.Member.ID, e.Kind}
		if e.Kind == LinkDown {
			at.class = LinkUp
		}
		if i, ok := d.latest[at]; ok {
			d.pending[i] = e
			return
		}
		d.latest[at] = len(d.pending)
	}
	d.pending = append(d.pending, e)
}

func (d *delivery) take() []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.pending
	d.pending = nil
	clear(d.latest)
	return events
}

// run delivers until done is closed; what is queued then is dropped.
func (d *delivery) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-d.signal:
		}
		for _, e := range d.take() {
			select {
			case <-done:
				return
			default:
				d.fn(e)
			}
		}
	}
}
