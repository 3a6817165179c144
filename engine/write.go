//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "syscall"

// Write copies p and sends it at the end of the present turn, together with all
// else that was written to c in it, in one system call. More than 64 KiB in one turn go
// out earlier. A failure closes c later, never inside; bytes written after Close or
// CloseWrite are dropped.
func (c *Conn) Write(p []byte) {
	if len(p) == 0 || c.flags&flagNoWrite != 0 {
		return
	}
	if c.flags&flagBlocked != 0 {
		c.enqueue(p)
		return
	}
	if c.Pending()+len(p) > chunkMax {
		c.Send(p)
		return
	}
	l := c.loop.Load()
	if c.out == nil {
		c.out = l.takeOut()
		c.touch()
	}
	c.out.add(l, p)
}

// Send writes p at once, without a copy, if nothing is queued, and behind what
// this turn has gathered in the same system call; it copies only what the kernel did not
// take. p is the caller's again when Send returns. Failures are as for Write.
func (c *Conn) Send(p []byte) {
	if len(p) == 0 || c.flags&flagNoWrite != 0 {
		return
	}
	if c.flags&flagBlocked != 0 {
		c.enqueue(p)
		return
	}
	l := c.loop.Load()
	var n int
	var errno syscall.Errno
	gathered := c.Pending()
	if gathered == 0 {
		n, errno = sysSend(int(c.fd), p)
	} else {
		n, errno = l.iov.send2(int(c.fd), c.out.head(), p)
	}
	if errno != 0 && errno != syscall.EAGAIN {
		c.fail(errno)
		return
	}
	l.count.bytesOut += int64(n)
	if n == gathered+len(p) {
		c.dropOut(l)
		return
	}
	if n >= gathered {
		c.dropOut(l)
		c.block(l)
		c.enqueue(p[n-gathered:])
		return
	}
	c.out.consume(l, n)
	c.block(l)
	c.enqueue(p)
}

// block makes c wait for writability; what it has gathered becomes its queue.
func (c *Conn) block(l *Loop) {
	if c.out == nil {
		c.out = l.takeOut()
	}
	if c.out.n > 0 {
		c.out.fit(l)
	}
	if err := l.room(c, 0, c.out.n); err != nil {
		c.overLimit(l, err)
		return
	}
	c.flags |= flagBlocked
	l.engine.pending.Add(int64(c.out.n))
	c.checkHigh()
	c.touch()
}

// enqueue appends p to the queue of a blocked conn.
func (c *Conn) enqueue(p []byte) {
	if c.flags&flagDead != 0 {
		return
	}
	l := c.loop.Load()
	if err := l.room(c, c.out.n, len(p)); err != nil {
		c.overLimit(l, err)
		return
	}
	l.engine.pending.Add(int64(len(p)))
	c.out.add(l, p)
	c.checkHigh()
}

// room tells whether a conn with queued bytes may queue n more.
func (l *Loop) room(c *Conn, queued, n int) error {
	limit := l.engine.opts.Limit
	if c.limit > 0 {
		limit = int(c.limit) * limitUnit
	}
	switch {
	case queued+n > limit:
		return ErrSlowConsumer
	case l.engine.pending.Load()+int64(n) > l.engine.opts.MaxPending:
		return ErrMaxPending
	}
	return nil
}

func (c *Conn) checkHigh() {
	if c.out.n > c.highWater() {
		c.flags |= flagOver
	}
}

func (c *Conn) overLimit(l *Loop, err error) {
	l.count.slowConsumers++
	c.fail(err)
}

// flush sends what is gathered or queued, as far as the kernel takes it.
func (c *Conn) flush(l *Loop) {
	o := c.out
	for o.n > 0 {
		n, want, errno := l.iov.sendOut(int(c.fd), o)
		if errno != 0 && errno != syscall.EAGAIN {
			c.fail(errno)
			return
		}
		l.count.bytesOut += int64(n)
		if c.flags&flagBlocked != 0 {
			l.engine.pending.Add(-int64(n))
		}
		if n > 0 && c.flags&flagClosing != 0 {
			c.setTimer(l.engine.opts.CloseTimeout)
		}
		if n == o.n {
			o.n = 0
			break
		}
		o.consume(l, n)
		if n < want {
			if c.flags&flagBlocked == 0 {
				c.block(l)
			}
			return
		}
	}
	c.dropOut(l)
}
