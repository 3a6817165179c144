//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

// held is the number of connections that count for Options.MaxConns.
func (e *Engine) held() int64 { return e.live.Load() + e.away.Load() }

// A detached conn counts for Options.MaxConns until it is closed.
type detached struct {
	*net.TCPConn
	engine *Engine
	closed sync.Once
}

// Close closes the connection.
func (d *detached) Close() error {
	d.closed.Do(func() { d.engine.away.Add(-1) })
	return d.TCPConn.Close()
}

// Detach takes c off its loop and answers it as a net.Conn of the standard
// library, with the methods of a [net.TCPConn]. c is dead then: no callback comes any
// more, not even Closed. [ErrPending] means that output is still queued; c stays as it was then, and after any other error.
func (c *Conn) Detach() (net.Conn, error) {
	if c.flags&(flagDead|flagClosing|flagConnecting|flagMoving) != 0 {
		return nil, ErrClosed
	}
	l := c.loop.Load()
	if c.out != nil && c.flags&flagBlocked == 0 {
		c.flush(l)
	}
	if c.flags&flagDead != 0 {
		return nil, ErrClosed
	}
	if c.out != nil {
		return nil, ErrPending
	}
	tc, err := stdConn(int(c.fd))
	if err != nil {
		return nil, err
	}
	if err := l.forget(c); err != nil {
		_ = tc.Close()
		return nil, fmt.Errorf("engine: detach: %w", err)
	}
	l.engine.away.Add(1)
	c.unlink(l)
	sysClose(int(c.fd))
	c.fd = -1
	c.flags |= flagSilent
	c.handler = nil
	l.count.detached++
	return &detached{TCPConn: tc, engine: l.engine}, nil
}

// stdConn answers a duplicate of fd without our stall timeout: its next owner has
// deadlines of its own.
func stdConn(fd int) (*net.TCPConn, error) {
	dup, err := socket.Dup(fd)
	if err != nil {
		return nil, fmt.Errorf("engine: detach: %w", err)
	}
	_ = setStallTimeout(dup, 0)
	f := os.NewFile(uintptr(dup), "detached")
	nc, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("engine: detach: %w", err)
	}
	return nc.(*net.TCPConn), nil
}

// Attach takes over nc, which must be a socket of the standard library. nc is
// closed in any case; the engine goes on with a duplicate of its fd on a loop chosen in
// turn. A copy of prefix, bytes already read from nc, is delivered as the first Data.
// Safe for any goroutine, loops included.
func (e *Engine) Attach(nc net.Conn, prefix []byte, open func(*Conn) Handler) error {
	return e.loop[int(e.nextRR.Add(1))%len(e.loop)].Attach(nc, prefix, open)
}

// Attach is [Engine.Attach] for a certain loop.
func (l *Loop) Attach(nc net.Conn, prefix []byte, open func(*Conn) Handler) error {
	defer nc.Close()
	fd, err := dupOf(nc)
	if err != nil {
		return fmt.Errorf("engine: attach: %w", err)
	}
	_ = setConnOptions(fd, &l.engine.opts)
	prefix = append([]byte(nil), prefix...)
	posted := l.Post(func() {
		l.count.attached++
		c := l.newConn(fd)
		l.admit(c, open)
		c.deliver(l, prefix)
	})
	if !posted {
		sysClose(fd)
		return ErrStopped
	}
	return nil
}

func dupOf(nc net.Conn) (int, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T has no file descriptor", nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(s uintptr) { fd, dupErr = socket.Dup(int(s)) }); err != nil {
		return -1, err
	}
	if dupErr != nil {
		return -1, dupErr
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		sysClose(fd)
		return -1, err
	}
	return fd, nil
}

// deliver hands p to the handler as if it had been read.
func (c *Conn) deliver(l *Loop, p []byte) {
	if len(p) == 0 || c.flags&(flagDead|flagClosing) != 0 {
		return
	}
	l.current = c
	c.handler.Data(p)
	l.current = nil
}

// A move is a conn on its way to another loop.
type move struct {
	c      *Conn
	to     *Loop
	prefix []byte
}

// Move continues c on another loop. It leaves at the end of this turn, with its
// queue and its timer; until then it may still be used here. On the new loop the handler
// is told by [Moved], then gets a copy of prefix as Data, then what arrives. If that loop
// has stopped, c ends with [ErrStopped].
func (c *Conn) Move(to *Loop, prefix []byte) {
	if c.flags&(flagDead|flagClosing|flagConnecting|flagMoving) != 0 {
		return
	}
	l := c.loop.Load()
	c.flags |= flagMoving
	c.touch()
	l.moves = append(l.moves, move{c, to, append([]byte(nil), prefix...)})
}

// sendMoves lets go of the conns that were told to move in this turn.
func (l *Loop) sendMoves() {
	for i := range l.moves {
		l.sendMove(l.moves[i])
		l.moves[i] = move{}
	}
	l.moves = l.moves[:0]
	if len(l.dirty) > 0 {
		l.settle()
	}
}

func (l *Loop) sendMove(m move) {
	c := m.c
	if c.flags&flagDead != 0 {
		return
	}
	l.engine.table.clear(int(c.fd))
	if err := l.forget(c); err != nil {
		c.fail(fmt.Errorf("engine: move: %w", err))
		return
	}
	armed := c.timer.next != nil
	l.wheel.disarm(c)
	l.count.conns--
	c.loop.Store(m.to)
	if !m.to.Post(func() { m.to.receive(m, armed) }) {
		c.loop.Store(l)
		l.count.conns++
		c.fail(ErrStopped)
	}
}

// receive goes on with a conn that another loop let go of.
func (l *Loop) receive(m move, armed bool) {
	c := m.c
	c.flags &^= flagMoving | flagReadLater
	l.count.conns++
	if !l.engine.table.put(int(c.fd), c) {
		c.fail(ErrFileLimit)
		return
	}
	if l.stopping {
		c.fail(ErrStopped)
		return
	}
	if armed {
		l.wheel.arm(c, l.engine.now())
		l.wantTicks()
	}
	c.touch()
	if h, ok := c.handler.(Moved); ok {
		l.current = c
		h.Moved(l)
		l.current = nil
	}
	c.deliver(l, m.prefix)
}
