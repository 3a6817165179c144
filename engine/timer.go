//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "time"

// A Timer is what [Loop.After] answers. It belongs to its loop.
type Timer struct {
	timer link[Timer]
	due   uint32
	loop  *Loop
	fn    func()
}

func (t *Timer) wheelLink() *link[Timer] { return &t.timer }
func (t *Timer) wheelDue() uint32        { return t.due }

// After calls fn on the loop once d has passed, up to two ticks (200 ms) late and
// never early. Loop only.
func (l *Loop) After(d time.Duration, fn func()) *Timer {
	return l.afterTicks(ticks(max(d, 0)), fn)
}

func (l *Loop) afterTicks(n uint32, fn func()) *Timer {
	now := l.engine.now()
	t := &Timer{due: now + n, loop: l, fn: fn}
	l.timers.arm(t, now)
	l.wantTicks()
	return t
}

// Stop keeps t from firing; false means that it already has, or was stopped.
// Loop only.
func (t *Timer) Stop() bool {
	armed := t.timer.next != nil
	t.loop.timers.disarm(t)
	return armed
}

// wantTicks asks the engine's ticker to post ticks to l.
func (l *Loop) wantTicks() {
	if !l.ticking.Load() {
		l.ticking.Store(true)
	}
}

// tick is the posted task of one tick.
func (l *Loop) tick() {
	l.tickSent.Store(false)
	now := l.engine.now()
	l.wheel.advance(now)
	l.timers.advance(now)
	l.fire()
}

// fire runs what is due. A panic leaves the rest to the task posted for it.
func (l *Loop) fire() {
	done := false
	defer func() {
		if !done {
			l.Post(l.fire)
		}
	}()
	for c := l.wheel.pop(); c != nil; c = l.wheel.pop() {
		c.expired(l)
	}
	for t := l.timers.pop(); t != nil; t = l.timers.pop() {
		t.fn()
	}
	done = true
	if l.wheel.n == 0 && l.timers.n == 0 {
		l.ticking.Store(false)
	}
}

// now answers the present tick.
func (e *Engine) now() uint32 { return e.clock.Load() }

// runTicker is the engine's one ticker. It keeps the clock, and posts to the
// loops whose wheels have entries. Its clock is monotonic: a step of the wall clock
// moves no timer.
func (e *Engine) runTicker() {
	defer close(e.tickerDone)
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-e.quit:
			return
		case now := <-t.C:
			e.setClock(now)
		}
		for _, l := range e.loop {
			if l.ticking.Load() && !l.tickSent.Swap(true) {
				l.Post(l.tickTask)
			}
		}
	}
}

func (e *Engine) setClock(now time.Time) {
	e.coarse.Store(&now)
	e.clock.Store(uint32(now.Sub(e.start) / tick))
}
