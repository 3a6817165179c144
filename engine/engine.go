//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// An Engine is a set of loops with the sockets on them. Its methods are safe for
// any goroutine but those of its own loops: they may wait for a loop.
type Engine struct {
	// Set by New, never written again.
	opts  Options
	loop  []*Loop
	table *table
	start time.Time
	quit  chan struct{}

	clock  atomic.Uint32             // present tick
	coarse atomic.Pointer[time.Time] // time of that tick

	live    atomic.Int64 // conns, connecting ones included
	away    atomic.Int64 // detached ones that their new owners have not closed
	pending atomic.Int64 // queued bytes of blocked conns
	nextRR  atomic.Uint32
	reserve reserve

	loops      sync.WaitGroup
	helpers    sync.WaitGroup // TLS handshakes
	tickerDone chan struct{}
	stopOnce   sync.Once
	stopped    chan struct{}
}

// New starts the loops. The options' limits are logged in one line.
func New(o Options) (*Engine, error) {
	soft, hard := fileLimits()
	o, err := o.withDefaults(soft)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		opts: o, table: newTable(hard), start: time.Now(),
		quit: make(chan struct{}), tickerDone: make(chan struct{}), stopped: make(chan struct{}),
	}
	e.setClock(e.start)
	for i := range o.Loops {
		l, err := newLoop(e, i)
		if err != nil {
			e.discard()
			return nil, err
		}
		e.loop = append(e.loop, l)
	}
	e.reserve.take()
	e.loops.Add(len(e.loop))
	for _, l := range e.loop {
		go l.run()
	}
	go e.runTicker()
	o.Logger.Info("engine started", "component", "engine", "loops", o.Loops, "files", soft,
		"connections", o.MaxConns, "backlog", min(o.Backlog, somaxconn()), "bytes_conn", o.Limit, "bytes_all", o.MaxPending)
	return e, nil
}

// discard closes the pollers of loops that never ran.
func (e *Engine) discard() {
	for _, l := range e.loop {
		l.closeFiles()
	}
}

// NumLoops answers the number of loops.
func (e *Engine) NumLoops() int { return len(e.loop) }

// Loop answers loop i, 0 to NumLoops-1.
func (e *Engine) Loop(i int) *Loop { return e.loop[i] }

// Stop closes the listeners, resets all conns (Closed gets [ErrStopped]), and ends
// every goroutine of the engine. If ctx ends first, because a handler does not
// return, its error is returned and the rest goes on in the background. A second
// Stop waits for the first.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopOnce.Do(func() {
		close(e.quit)
		for _, l := range e.loop {
			l.Post(l.stop)
		}
		go e.awaitStopped()
	})
	select {
	case <-e.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("engine: stop: %w", ctx.Err())
	}
}

func (e *Engine) awaitStopped() {
	<-e.tickerDone
	e.loops.Wait()
	e.helpers.Wait()
	e.reserve.release()
	close(e.stopped)
}

// stop is the posted task that ends l.
func (l *Loop) stop() {
	l.stopping = true
	for _, a := range l.acceptors {
		a.close()
	}
	l.abortAll()
}

func (l *Loop) abortAll() {
	l.engine.table.each(l, func(c *Conn) { c.fail(ErrStopped) })
}

// lastTasks closes the door and runs what was posted before; conns that arrive by
// it end like all others.
func (l *Loop) lastTasks() {
	l.mu.Lock()
	l.closed = true
	l.running, l.tasks = l.tasks, nil
	l.mu.Unlock()
	for l.ran = 0; l.ran < len(l.running); {
		l.runTasks()
	}
	l.abortAll()
	l.settle()
	l.publish()
}

// newConn makes the conn of an fd that is on no loop yet.
func (l *Loop) newConn(fd int) *Conn {
	c := &Conn{fd: int32(fd)}
	c.loop.Store(l)
	l.engine.live.Add(1)
	l.count.conns++
	return c
}

// admit puts c into the table and asks open for its handler. A nil handler closes c.
func (l *Loop) admit(c *Conn, open func(*Conn) Handler) {
	inTable := c.fd < 0 || l.engine.table.put(int(c.fd), c)
	l.current = c
	c.handler = open(c)
	l.current = nil
	switch {
	case c.flags&flagDead != 0:
	case c.handler == nil:
		c.release(nil)
	case !inTable:
		c.fail(ErrFileLimit)
	case l.stopping:
		c.fail(ErrStopped)
	default:
		c.touch()
	}
}
