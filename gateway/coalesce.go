package gateway

import (
	"context"
	"sync"
	"time"
)

// A coalescer runs fn once for any number of calls within delay.
type coalescer struct {
	ctx   context.Context
	delay time.Duration
	fn    func()
	ask   chan struct{}
	done  sync.WaitGroup
}

func newCoalescer(ctx context.Context, delay time.Duration, fn func()) *coalescer {
	c := &coalescer{ctx: ctx, delay: delay, fn: fn, ask: make(chan struct{}, 1)}
	c.done.Go(c.run)
	return c
}

func (c *coalescer) run() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.ask:
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(c.delay):
			c.fn()
		}
	}
}

// call asks for a run; it never blocks.
func (c *coalescer) call() {
	select {
	case c.ask <- struct{}{}:
	default:
	}
}

func (c *coalescer) wait() { c.done.Wait() }
