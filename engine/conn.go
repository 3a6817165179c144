//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A Handler is told what happens on one conn. All methods run on the conn's loop,
// never while a method of the conn is on the stack. A panic costs the conn: it is reset,
// Closed gets a [*PanicError], the stack is logged and counted.
//
// It is an alias of its method set, so that a package may declare the same
// interface for itself and take a Conn without importing this one.
type Handler = interface {
	// Data lends received bytes. p is the loop's buffer: the callee may change it,
	// and must copy what it keeps beyond its return.
	Data(p []byte)
	// EOF says that the peer sends no more; bytes may still be written to it. A
	// handler with nothing more to say calls Close.
	EOF()
	// Drained says that Over was true and the queue has fallen to LowWater.
	Drained()
	// Timeout says that the timer set by SetTimeout fired; it is disarmed.
	Timeout()
	// Closed comes exactly once and last. nil means that we closed, or the peer
	// did in good order after we had.
	Closed(err error)
}

// Connected is implemented by handlers of dialled conns that want to know when
// the connection stands.
type Connected interface{ Connected() }

// Moved is implemented by handlers that want to know, on the new loop and before
// anything else arrives there, that Conn.Move has happened.
type Moved interface{ Moved(l *Loop) }

type flags uint32

const (
	flagDirty      flags = 1 << iota // in the loop's list of conns to settle
	flagBlocked                      // bytes are queued until the socket is writable
	flagOver                         // the queue has been above HighWater, Drained is owed
	flagPaused                       // Pause was called
	flagReread                       // Resume was called: what came since Pause may have been reported
	flagReadLater                    // a turn to read in is posted
	flagEOF                          // the peer's FIN was read
	flagConnecting                   // dialled, not yet connected
	flagHalfClose                    // FIN follows the queue
	flagClosing                      // Close was called
	flagNoLinger                     // CloseFast was called
	flagFinSent                      // our FIN is out
	flagDead                         // the fd is closed or given away
	flagMoving                       // Move was called in this turn
	flagReadOn                       // read interest is registered
	flagWriteOn                      // write interest is registered
	flagSilent                       // no Closed is owed

	// The top bits count the large reads thrown away since Close, at most 64 of
	// them: 4 MiB with the default buffer.
	discardOne  flags = 1 << 24
	discardMost       = 64 * discardOne

	flagNoWrite = flagDead | flagClosing | flagHalfClose
	flagNoRead  = flagDead | flagEOF | flagPaused | flagConnecting | flagMoving
)

// A Conn is one socket on one loop. It is one cache line, and holds no buffer
// while nothing is queued. Methods run on its loop, unless they say otherwise;
// after Closed they do nothing.
type Conn struct {
	loop    atomic.Pointer[Loop] // atomic only for the table's look-ups on other loops
	handler Handler
	out     *outbound // gathered or queued bytes, nil when there are none
	timer   link[Conn]
	due     uint32 // tick of the timer
	fd      int32
	flags   flags
	limit   uint16 // in limitUnit bytes, 0 = engine's
	high    uint16 // in highUnit bytes, 0 = engine's
}

func (c *Conn) wheelLink() *link[Conn] { return &c.timer }
func (c *Conn) wheelDue() uint32       { return c.due }

// Loop answers the loop that owns c.
func (c *Conn) Loop() *Loop { return c.loop.Load() }

// SetHandler makes h the receiver of everything that happens on c from now on.
func (c *Conn) SetHandler(h Handler) { c.handler = h }

// Marks of a single conn are kept coarsely, so that a conn stays one cache line.
const (
	limitUnit = 64 << 10
	highUnit  = 256
)

// SetLimit sets the number of queued bytes above which c is reset with
// [ErrSlowConsumer], rounded up to 64 KiB and at most 4 GiB; 0 means Options.Limit.
func (c *Conn) SetLimit(n int) { c.limit = units(n, limitUnit) }

// SetHighWater sets the number of queued bytes above which Over reports true,
// rounded up to 256 and at most 16 MiB; half of it is the low-water mark. 0 means
// Options.HighWater and Options.LowWater.
func (c *Conn) SetHighWater(n int) { c.high = units(n, highUnit) }

func units(n, unit int) uint16 {
	return uint16(min((max(n, 0)+unit-1)/unit, math.MaxUint16))
}

func (c *Conn) highWater() int {
	if c.high > 0 {
		return int(c.high) * highUnit
	}
	return c.loop.Load().engine.opts.HighWater
}

func (c *Conn) lowWater() int {
	if c.high > 0 {
		return int(c.high) * highUnit / 2
	}
	return c.loop.Load().engine.opts.LowWater
}

// Pending answers the bytes that were written and that the kernel has not taken.
func (c *Conn) Pending() int {
	if c.out == nil {
		return 0
	}
	return c.out.n
}

// Over reports that the queue has been above HighWater and has not yet fallen
// to LowWater. A producer that sees it stops and waits for Drained.
func (c *Conn) Over() bool { return c.flags&flagOver != 0 }

// Pause stops reading from the end of the present turn: no Data and no EOF until
// Resume, and the peer's window closes. It may be called twice.
func (c *Conn) Pause() {
	if c.flags&flagClosing != 0 {
		return
	}
	c.flags |= flagPaused
	c.touch()
}

// Resume undoes Pause. Bytes that have arrived meanwhile are delivered in a later
// turn.
func (c *Conn) Resume() {
	if c.flags&flagPaused == 0 {
		return
	}
	c.flags &^= flagPaused
	c.touch()
	c.flags |= flagReread
}

// SetTimeout makes Timeout fire once after d, replacing an earlier setting; d <= 0
// disarms. Resolution is 100 ms and it never fires early. O(1), no allocation; setting
// a later time on an armed timer, as after each message, is one store.
func (c *Conn) SetTimeout(d time.Duration) {
	if c.flags&(flagDead|flagClosing) == 0 {
		c.setTimer(d)
	}
}

func (c *Conn) setTimer(d time.Duration) {
	l := c.loop.Load()
	if d <= 0 {
		l.wheel.disarm(c)
		return
	}
	now := l.engine.now()
	due := now + ticks(d)
	if c.timer.next != nil {
		if due >= c.due {
			c.due = due
			return
		}
		l.wheel.disarm(c)
	}
	c.due = due
	l.wheel.arm(c, now)
	l.wantTicks()
}

// Control calls fn with the socket, to set options. fn must not close or keep the fd.
func (c *Conn) Control(fn func(fd int) error) error {
	if c.flags&flagDead != 0 {
		return ErrClosed
	}
	return fn(int(c.fd))
}

// LocalAddr asks the kernel for our end's address, zero when it has none.
func (c *Conn) LocalAddr() netip.AddrPort {
	if c.flags&flagDead != 0 {
		return netip.AddrPort{}
	}
	sa, err := unix.Getsockname(int(c.fd))
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// RemoteAddr asks the kernel for the peer's address, zero when it has none or
// the connection is gone.
func (c *Conn) RemoteAddr() netip.AddrPort {
	if c.flags&flagDead != 0 {
		return netip.AddrPort{}
	}
	sa, err := unix.Getpeername(int(c.fd))
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// touch puts c on its loop's list of conns to settle at the end of the turn.
func (c *Conn) touch() {
	if c.flags&flagDirty == 0 {
		c.flags |= flagDirty
		l := c.loop.Load()
		l.dirty = append(l.dirty, c)
	}
}
