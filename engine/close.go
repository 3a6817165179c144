//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "golang.org/x/sys/unix"

// Close ends c in good order: what is queued is sent, then our FIN, then input
// is read and thrown away until the peer's FIN, so that no reset overtakes the last
// bytes. If the peer takes nothing for CloseTimeout, c is reset and Closed gets
// [ErrCloseTimeout]; if it has taken all but sends no FIN for so long, the socket is
// closed without it. Closed comes in a later turn or at the end of this one.
func (c *Conn) Close() {
	if c.flags&(flagDead|flagClosing) != 0 {
		return
	}
	c.Resume()
	c.flags |= flagClosing
	if c.flags&flagConnecting != 0 {
		c.fail(nil)
		return
	}
	c.setTimer(c.loop.Load().engine.opts.CloseTimeout)
	c.touch()
}

// CloseFast is Close without waiting for the peer's FIN: for the last answer to a
// peer that has said all it will, such as a redirect. Bytes from the peer that we have
// not read turn our FIN into a reset.
func (c *Conn) CloseFast() {
	c.flags |= flagNoLinger
	c.Close()
	c.touch()
}

// CloseWrite sends our FIN behind what is queued; reading goes on. Later writes
// are dropped.
func (c *Conn) CloseWrite() {
	if c.flags&flagNoWrite != 0 {
		return
	}
	c.flags |= flagHalfClose
	c.touch()
}

// Abort resets the connection at once and drops what is queued. Closed(nil)
// comes at the end of the turn.
func (c *Conn) Abort() { c.fail(nil) }

// finish is called when c has nothing left to send and was told to end.
func (c *Conn) finish(l *Loop) {
	closing := c.flags&flagClosing != 0
	if closing && c.flags&(flagEOF|flagNoLinger) != 0 {
		c.release(nil)
		return
	}
	if c.flags&flagFinSent == 0 {
		c.flags |= flagFinSent
		sysShutdown(int(c.fd))
		if closing {
			c.setTimer(l.engine.opts.CloseTimeout)
		}
	}
}

// discarded counts a large read of input that nobody wants any more. A peer that
// pours on instead of closing is reset: throwing its bytes away costs as much as
// reading them did.
func (c *Conn) discarded(large bool) {
	if !large {
		return
	}
	if c.flags += discardOne; c.flags >= discardMost {
		c.fail(nil)
	}
}

// expired is called when c's timer fires.
func (c *Conn) expired(l *Loop) {
	switch {
	case c.flags&flagClosing == 0:
		l.current = c
		c.handler.Timeout()
		l.current = nil
	case c.out != nil:
		c.fail(ErrCloseTimeout)
	default:
		c.release(nil)
	}
}

// fail resets c; Closed(err) follows at the end of the turn.
func (c *Conn) fail(err error) {
	if c.flags&flagDead != 0 {
		return
	}
	if err != nil && c.flags&flagClosing != 0 && c.flags&flagFinSent != 0 {
		err = nil
	}
	if c.fd >= 0 {
		_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	c.release(err)
}

// release closes the socket and frees all that c holds.
func (c *Conn) release(err error) {
	if c.flags&flagDead != 0 {
		return
	}
	l := c.loop.Load()
	c.unlink(l)
	if c.fd >= 0 {
		sysClose(int(c.fd))
		c.fd = -1
	}
	if err != nil {
		l.causes[c] = err
	}
	c.touch()
}

// unlink takes c out of table, wheel and counts, and drops its queue; the fd is
// the caller's.
func (c *Conn) unlink(l *Loop) {
	c.flags |= flagDead
	if c.fd >= 0 {
		l.engine.table.clear(int(c.fd))
	}
	l.wheel.disarm(c)
	c.dropOut(l)
	l.engine.live.Add(-1)
	l.count.conns--
}

func (l *Loop) deliverClosed(c *Conn) {
	if c.flags&flagSilent != 0 {
		return
	}
	c.flags |= flagSilent
	err := l.causes[c]
	if err != nil {
		delete(l.causes, c)
	}
	h := c.handler
	c.handler = nil
	if h == nil {
		return
	}
	l.current = c
	h.Closed(err)
	l.current = nil
}
