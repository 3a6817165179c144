//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "syscall"

// edgeTriggered: each arrival is reported once. It spares the kernel to look, with
// every wait, at each socket that the wait before reported.
const edgeTriggered = true

// readsPerTurn bounds the reads of one event.
const readsPerTurn = 4

// read empties the socket. Events are edge-triggered, so it must: what is left
// behind is not reported again. A read that does not fill the buffer has emptied
// it, and whatever comes after is a new event, except a FIN that came with the
// bytes: ended says that the event told of one.
func (l *Loop) read(c *Conn, ended bool) {
	for range readsPerTurn {
		if n := l.readOnce(c); n == 0 || n < len(l.buf) && !ended {
			return
		}
	}
	l.readLater(c)
}

// readLater reads c to its end in a turn of its own. What arrives until then is
// left to it.
func (l *Loop) readLater(c *Conn) {
	if c.flags&flagReadLater != 0 {
		return
	}
	c.flags |= flagReadLater
	l.Post(func() {
		if c.loop.Load() == l {
			c.flags &^= flagReadLater
			l.read(c, true)
		}
	})
}

// readOnce reads, delivers, and answers how many bytes; 0 means that there is no more
// to read now.
func (l *Loop) readOnce(c *Conn) int {
	if c.flags&flagNoRead != 0 {
		return 0
	}
	n, errno := sysRecv(int(c.fd), l.buf)
	switch {
	case n > 0:
		l.count.bytesIn += int64(n)
		if c.flags&flagClosing != 0 {
			c.discarded(n >= len(l.buf)/4)
			return n
		}
		l.current = c
		c.handler.Data(l.buf[:n])
		l.current = nil
		return n
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
	return 0
}
