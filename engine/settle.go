//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"runtime/debug"
	"time"
)

// settle ends a turn: all touched conns are flushed, watched for what they want,
// and told what they are owed; callbacks may touch more conns, which is done as well.
func (l *Loop) settle() {
	for l.settled < len(l.dirty) {
		l.settleSome()
	}
	l.dirty, l.settled = l.dirty[:0], 0
	if len(l.moves) > 0 {
		l.sendMoves()
	}
}

func (l *Loop) settleSome() {
	defer l.recovered()
	for l.settled < len(l.dirty) {
		c := l.dirty[l.settled]
		l.dirty[l.settled] = nil
		l.settled++
		c.flags &^= flagDirty
		c.settle(l)
	}
}

// settle does what c is owed at the end of a turn.
func (c *Conn) settle(l *Loop) {
	if c.flags&flagDead != 0 {
		l.deliverClosed(c)
		return
	}
	if c.out != nil && c.flags&flagBlocked == 0 {
		c.flush(l)
	}
	if c.flags&flagMoving != 0 {
		return
	}
	if c.flags&flagOver != 0 && c.Pending() <= c.lowWater() {
		c.flags &^= flagOver
		if c.flags&flagNoWrite == 0 {
			l.current = c
			c.handler.Drained()
			l.current = nil
		}
	}
	if c.out == nil && c.flags&(flagHalfClose|flagClosing) != 0 {
		c.finish(l)
	}
	if c.flags&flagDead != 0 {
		return
	}
	want := flags(0)
	if c.flags&flagNoRead == 0 {
		want |= flagReadOn
	}
	if c.flags&(flagBlocked|flagConnecting) != 0 {
		want |= flagWriteOn
	}
	if err := l.setInterest(c, want); err != nil {
		c.fail(err)
	}
}

// recovered is deferred around everything that calls handlers or tasks.
func (l *Loop) recovered() {
	v := recover()
	if v == nil {
		return
	}
	l.count.panics++
	err := &PanicError{Value: v, Stack: debug.Stack()}
	if now := l.Now(); now.Sub(l.panicLog) >= time.Second {
		l.panicLog = now
		l.engine.opts.Logger.Error("handler panicked, its connection is reset", "component", "engine",
			"loop", l.index, "err", err, "panics", l.count.panics, "stack", string(err.Stack))
	}
	c := l.current
	l.current = nil
	if c != nil {
		c.fail(err)
	}
}
