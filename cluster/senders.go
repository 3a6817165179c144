package cluster

import (
	"context"
	"sync"
	"time"
)

const (
	senderCount = 8 // messages sent at the same time
	senderQueue = 256
)

// senders run what may block on a slow member: a fixed number of goroutines
// over a bounded queue.
type senders struct {
	jobs chan func()
	wg   sync.WaitGroup
}

func newSenders(done <-chan struct{}) *senders {
	s := &senders{jobs: make(chan func(), senderQueue)}
	for range senderCount {
		s.wg.Add(1)
		go s.run(done)
	}
	return s
}

func (s *senders) run(done <-chan struct{}) {
	defer s.wg.Done()
	for {
		select {
		case <-done:
			return
		case job := <-s.jobs:
			job()
		}
	}
}

// try queues a job and reports whether there was room.
func (s *senders) try(job func()) bool {
	select {
	case s.jobs <- job:
		return true
	default:
		return false
	}
}

// A publisher brings our record to each online member over TCP, the newest
// version only, one send per member at a time.
type publisher struct {
	self    func() *record
	send    func(name string, msg []byte) error
	try     func(job func()) bool
	mu      sync.Mutex
	readers map[string]*reader
	moved   chan struct{} // closed and replaced when a send ends
}

// A reader is one member that our record is sent to.
type reader struct {
	sent  *record // last that got through
	tried *record // last that was tried
	busy  bool
	after time.Time // not before, following a failure
}

const resendAfter = 500 * time.Millisecond

func newPublisher() *publisher {
	return &publisher{readers: make(map[string]*reader), moved: make(chan struct{})}
}

func (p *publisher) add(name string) {
	p.mu.Lock()
	p.readers[name] = &reader{}
	p.mu.Unlock()
	p.kick()
}

func (p *publisher) remove(name string) {
	p.mu.Lock()
	delete(p.readers, name)
	p.mu.Unlock()
}

// kick starts the sends that are due. Safe for any goroutine; it never blocks.
func (p *publisher) kick() {
	rec, now := p.self(), time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, r := range p.readers {
		if r.busy || r.sent == rec || now.Before(r.after) {
			continue
		}
		r.busy = p.try(func() { p.deliver(name, r) })
	}
}

// deliver sends what is newest when its turn comes.
func (p *publisher) deliver(name string, r *reader) {
	rec := p.self()
	err := p.send(name, appendRecord(make([]byte, 0, 1+len(rec.raw)), rec))
	p.mu.Lock()
	r.busy, r.tried = false, rec
	if err == nil {
		r.sent, r.after = rec, time.Time{}
	} else {
		r.after = time.Now().Add(resendAfter)
	}
	close(p.moved)
	p.moved = make(chan struct{})
	p.mu.Unlock()
	p.kick()
}

// flush waits until the newest record was tried once on every member.
func (p *publisher) flush(ctx context.Context) {
	for {
		rec, settled := p.self(), true
		p.mu.Lock()
		for _, r := range p.readers {
			settled = settled && (r.tried == rec || r.sent == rec)
		}
		moved := p.moved
		p.mu.Unlock()
		if settled {
			return
		}
		p.kick()
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}
