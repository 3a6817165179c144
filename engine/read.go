//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "syscall"

// readsPerTurn bounds the reads of one edge-triggered event.
const readsPerTurn = 16

func (l *Loop) read(c *Conn) {
	if !edgeTriggered {
		l.readOnce(c)
		return
	}
	for range readsPerTurn {
		if !l.readOnce(c) {
			return
		}
	}
	l.readLater(c)
}

// readLater tries to read c in a turn of its own.
func (l *Loop) readLater(c *Conn) {
	l.Post(func() {
		if c.loop.Load() == l {
			l.read(c)
		}
	})
}

// readOnce reads and delivers; true means that there may be more.
func (l *Loop) readOnce(c *Conn) bool {
	if c.flags&flagNoRead != 0 {
		return false
	}
	n, errno := sysRecv(int(c.fd), l.buf)
	switch {
	case n > 0:
		l.count.bytesIn += int64(n)
		if c.flags&flagClosing != 0 {
			return c.discarded(n >= len(l.buf)/4)
		}
		l.current = c
		c.handler.Data(l.buf[:n])
		l.current = nil
		return true
	case errno == 0:
		c.flags |= flagEOF
		c.touch()
		if c.flags&flagClosing == 0 {
			l.current = c
			c.handler.EOF()
			l.current = nil
		}
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	default:
		c.fail(errno)
	}
	return false
}
