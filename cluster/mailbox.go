package cluster

import "sync"

const (
	maxMail      = 8192     // queued messages of others
	maxMailBytes = 16 << 20 // and their bytes
)

// A mailbox queues work for the membership loop. Membership is never refused;
// what other members send is, above a bound: the next exchange repairs it.
type mailbox struct {
	mu     sync.Mutex
	jobs   []job
	count  int // jobs with a cost
	bytes  int // their costs
	signal chan struct{}
}

type job struct {
	run  func()
	cost int // bytes held by a message of another member, 0 = membership
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

// put queues a change of membership.
func (b *mailbox) put(run func()) { b.add(job{run: run}) }

// offer queues the handling of a message of cost bytes and reports whether
// there was room.
func (b *mailbox) offer(cost int, run func()) bool { return b.add(job{run, max(1, cost)}) }

func (b *mailbox) add(j job) bool {
	b.mu.Lock()
	if j.cost > 0 {
		if b.count >= maxMail || b.bytes+j.cost > maxMailBytes {
			b.mu.Unlock()
			return false
		}
		b.count++
		b.bytes += j.cost
	}
	b.jobs = append(b.jobs, j)
	b.mu.Unlock()
	select {
	case b.signal <- struct{}{}:
	default:
	}
	return true
}

// take empties the mailbox.
func (b *mailbox) take() []job {
	b.mu.Lock()
	defer b.mu.Unlock()
	jobs := b.jobs
	b.jobs, b.count, b.bytes = nil, 0, 0
	return jobs
}
