//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/errors"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"github.com/valyala/bytebufferpool"
)

// A Loop is one event loop: one goroutine, one poller, many conns. Only Index,
// Engine and Post are safe for any goroutine.
type Loop struct {
	// Set by New, never written again.
	engine   *Engine
	index    int
	poller   *netpoll.Poller
	waker    waker
	tickTask func()

	// Owned by the loop's goroutine.
	buf        []byte // what Data lends
	plain      []byte // what TLS decrypts into, made when first needed
	dirty      []*Conn
	settled    int   // conns of dirty that this turn has settled
	current    *Conn // whose handler runs, and who pays for a panic
	causes     map[*Conn]error
	acceptors  map[int]*acceptor
	wheel      wheel[Conn, *Conn]
	timers     wheel[Timer, *Timer]
	attachment netpoll.PollAttachment
	iov        iovecs
	chunks     []*bytebufferpool.ByteBuffer
	outs       []*outbound
	moves      []move
	running    []func()
	ran        int // tasks of running that have run
	count      counters
	panicLog   time.Time
	stopping   bool

	// The door from outside.
	mu       sync.Mutex
	tasks    []func()
	closed   bool
	ticking  atomic.Bool // the wheel has entries: ticks are wanted
	tickSent atomic.Bool // a posted tick has not run yet

	published published
}

func newLoop(e *Engine, index int) (*Loop, error) {
	p, err := netpoll.OpenPoller()
	if err != nil {
		return nil, fmt.Errorf("engine: poller of loop %d: %w", index, err)
	}
	w, err := newWaker()
	if err == nil {
		err = p.AddRead(&netpoll.PollAttachment{FD: w.fd}, true)
	}
	if err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("engine: wake-up of loop %d: %w", index, err)
	}
	l := &Loop{
		engine: e, index: index, poller: p, waker: w,
		buf:       make([]byte, e.opts.ReadBuffer),
		causes:    make(map[*Conn]error),
		acceptors: make(map[int]*acceptor),
	}
	l.tickTask = l.tick
	l.wheel.init()
	l.timers.init()
	return l, nil
}

// Index answers l's place in the engine, 0 to NumLoops-1. Safe for any goroutine.
func (l *Loop) Index() int { return l.index }

// Engine answers the engine that l belongs to. Safe for any goroutine.
func (l *Loop) Engine() *Engine { return l.engine }

// Now answers the time, at most one tick (100 ms) old.
func (l *Loop) Now() time.Time { return *l.engine.coarse.Load() }

// Post runs fn on the loop, in a later turn and in the order of posting; writes
// made by all tasks of one wake-up are gathered. It reports false, and fn never runs,
// once the loop has stopped. Safe for any goroutine, and for the loop itself.
func (l *Loop) Post(fn func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.tasks = append(l.tasks, fn)
	if len(l.tasks) == 1 {
		l.waker.wake()
	}
	return true
}

// run is the loop's goroutine.
func (l *Loop) run() {
	defer l.engine.loops.Done()
	err := l.poller.Polling(l.event)
	if !l.stopping {
		panic(fmt.Errorf("engine: poller of loop %d ended: %w", l.index, err))
	}
	l.closeFiles()
}

// closeFiles closes what newLoop opened.
func (l *Loop) closeFiles() {
	l.waker.close()
	_ = l.poller.Close()
}

// event is one turn: for one fd, or for what was posted.
func (l *Loop) event(fd int, ev netpoll.IOEvent, fl netpoll.IOFlags) error {
	if fd == l.waker.fd {
		l.waker.drain()
		return l.runPosted()
	}
	l.dispatch(fd, ev, fl)
	if len(l.dirty) > 0 {
		l.settle()
	}
	return nil
}

func (l *Loop) dispatch(fd int, ev netpoll.IOEvent, fl netpoll.IOFlags) {
	defer l.recovered()
	c := l.engine.table.get(fd)
	if c == nil || c.loop.Load() != l {
		if a := l.acceptors[fd]; a != nil {
			a.ready()
		}
		return
	}
	l.count.turns++
	failed := netpoll.IsErrorEvent(ev, fl)
	if c.flags&flagConnecting != 0 {
		l.finishConnect(c)
		return
	}
	if c.flags&flagBlocked != 0 && (failed || netpoll.IsWriteEvent(ev)) {
		c.flush(l)
		c.touch()
	}
	if (failed || netpoll.IsReadEvent(ev)) && c.flags&flagReadLater == 0 {
		l.read(c, failed || hasEnded(ev, fl))
	}
}

// runPosted is one turn for everything posted since the last wake-up.
func (l *Loop) runPosted() error {
	l.mu.Lock()
	l.running, l.tasks = l.tasks, l.running[:0]
	l.mu.Unlock()
	l.ran = 0
	for l.ran < len(l.running) {
		l.runTasks()
	}
	clear(l.running)
	l.settle()
	if l.stopping {
		l.lastTasks()
		return errors.ErrEngineShutdown
	}
	return nil
}

// runTasks runs the tasks at hand until the end or a panic.
func (l *Loop) runTasks() {
	defer l.recovered()
	for l.ran < len(l.running) {
		fn := l.running[l.ran]
		l.ran++
		fn()
		l.current = nil
	}
}
