//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// maxPlain is the most that one TLS record carries.
const maxPlain = 16 << 10

// A TLS is a conn with crypto/tls between socket and handler: a Handler towards the
// [Conn] below, and the same methods as Conn for what is above. Everything after the
// handshake happens on the loop, on borrowed buffers; what it keeps per idle
// session is crypto/tls's own state. Methods run on the conn's loop.
type TLS struct {
	c      *Conn
	conn   *tls.Conn
	mem    memConn
	up     Handler
	next   func(*TLS) Handler // until the handshake is done
	shaker *Handshaker
	prefix []byte // of a Move under way
	err    error  // why we closed
	paused bool
	ended  bool // EOF was told, or nothing is to be delivered any more
	moving bool
}

// ConnectionState answers what the handshake agreed on.
func (t *TLS) ConnectionState() tls.ConnectionState { return t.conn.ConnectionState() }

// Data takes ciphertext.
func (t *TLS) Data(p []byte) {
	if t.mem.meet != nil {
		if t.mem.meet.feed(p) {
			t.c.Pause()
		}
		return
	}
	if len(t.mem.in) > 0 {
		t.mem.in = append(t.mem.in, p...)
	} else {
		t.mem.in = p
	}
	t.pump()
}

// shaken goes on after the handshake.
func (t *TLS) shaken(err error) {
	if t.c.flags&flagDead != 0 || t.ended {
		return
	}
	l := t.c.Loop()
	l.current = t.c
	t.mem.in, t.mem.eof, t.mem.meet = t.mem.meet.in, t.mem.meet.err != nil, nil
	if err != nil {
		l.count.handshakeErrs++
		t.fatal(err)
		return
	}
	l.count.handshakes++
	t.c.SetTimeout(0)
	t.c.Resume()
	next := t.next
	t.next = nil
	if t.up = next(t); t.up == nil {
		t.Close()
		return
	}
	t.pump()
}

// pump decrypts and delivers until the ciphertext at hand is used up.
func (t *TLS) pump() {
	l := t.c.Loop()
	if l.plain == nil {
		l.plain = make([]byte, maxPlain)
	}
	for !t.paused && !t.ended && !t.moving {
		n, err := t.conn.Read(l.plain)
		if n > 0 {
			t.up.Data(l.plain[:n])
		}
		if err == nil || t.ended {
			continue
		}
		var wait wouldBlock
		if errors.As(err, &wait) {
			break
		}
		t.ended = true
		if errors.Is(err, io.EOF) {
			t.up.EOF()
		} else {
			t.fatal(err)
		}
	}
	if t.mem.real == nil {
		t.mem.own()
	}
}

// fatal closes after the alert that crypto/tls has queued.
func (t *TLS) fatal(err error) {
	t.err, t.ended = err, true
	t.c.Close()
}

// EOF takes the peer's FIN; without a close_notify before it the stream may
// have been cut, and above that is an EOF only between records.
func (t *TLS) EOF() {
	if t.mem.meet != nil {
		t.mem.meet.fail(io.EOF)
		return
	}
	t.mem.eof = true
	t.pump()
}

// Drained passes on.
func (t *TLS) Drained() {
	if t.up != nil {
		t.up.Drained()
	}
}

// Timeout is the handshake's deadline, or passes on.
func (t *TLS) Timeout() {
	if t.up != nil {
		t.up.Timeout()
		return
	}
	t.c.Loop().count.handshakeErrs++
	t.c.fail(ErrHandshakeTimeout)
}

// Closed passes on, and ends a handshake under way.
func (t *TLS) Closed(err error) {
	if t.mem.meet != nil {
		t.mem.meet.fail(net.ErrClosed)
	}
	t.ended = true
	if t.err != nil {
		err = t.err
	}
	if up := t.up; up != nil {
		up.Closed(err)
	}
}

// Moved goes on after Move.
func (t *TLS) Moved(l *Loop) {
	t.moving = false
	if m, ok := t.up.(Moved); ok {
		m.Moved(l)
	}
	if p := t.prefix; len(p) > 0 && !t.ended {
		t.prefix = nil
		t.up.Data(p)
	}
	t.pump()
}

// Write is [Conn.Write]: encrypted at once, sent at the end of the turn.
func (t *TLS) Write(p []byte) {
	if len(p) > 0 && t.mem.meet == nil && t.c.flags&flagNoWrite == 0 {
		_, _ = t.conn.Write(p)
	}
}

// Send is Write: the ciphertext is in a buffer of crypto/tls, which has to be
// copied anyway.
func (t *TLS) Send(p []byte) { t.Write(p) }

// Pending answers the queued bytes of ciphertext.
func (t *TLS) Pending() int { return t.c.Pending() }

// Over is [Conn.Over].
func (t *TLS) Over() bool { return t.c.Over() }

// SetHighWater is [Conn.SetHighWater], in bytes of ciphertext.
func (t *TLS) SetHighWater(n int) { t.c.SetHighWater(n) }

// SetLimit is [Conn.SetLimit], in bytes of ciphertext.
func (t *TLS) SetLimit(n int) { t.c.SetLimit(n) }

// Pause is [Conn.Pause]. What has been received but not delivered stays encrypted.
func (t *TLS) Pause() {
	t.paused = true
	t.c.Pause()
}

// Resume is [Conn.Resume].
func (t *TLS) Resume() {
	if !t.paused {
		return
	}
	t.paused = false
	t.c.Resume()
	l := t.c.Loop()
	l.Post(func() {
		if t.c.Loop() == l {
			l.current = t.c
			t.pump()
		}
	})
}

// Close sends a close_notify and is [Conn.Close].
func (t *TLS) Close() {
	t.notifyClose()
	t.c.Close()
}

// CloseFast sends a close_notify and is [Conn.CloseFast].
func (t *TLS) CloseFast() {
	t.notifyClose()
	t.c.CloseFast()
}

// CloseWrite sends a close_notify and is [Conn.CloseWrite].
func (t *TLS) CloseWrite() {
	t.notifyClose()
	t.c.CloseWrite()
}

func (t *TLS) notifyClose() {
	if t.mem.meet == nil && t.c.flags&flagNoWrite == 0 {
		_ = t.conn.CloseWrite()
	}
}

// Abort is [Conn.Abort].
func (t *TLS) Abort() {
	t.ended = true
	t.c.Abort()
}

// SetTimeout is [Conn.SetTimeout].
func (t *TLS) SetTimeout(d time.Duration) { t.c.SetTimeout(d) }

// SetHandler is [Conn.SetHandler] for what is above TLS.
func (t *TLS) SetHandler(h Handler) { t.up = h }

// Loop is [Conn.Loop].
func (t *TLS) Loop() *Loop { return t.c.Loop() }

// LocalAddr is [Conn.LocalAddr].
func (t *TLS) LocalAddr() netip.AddrPort { return t.c.LocalAddr() }

// RemoteAddr is [Conn.RemoteAddr].
func (t *TLS) RemoteAddr() netip.AddrPort { return t.c.RemoteAddr() }

// Control is [Conn.Control].
func (t *TLS) Control(fn func(fd int) error) error { return t.c.Control(fn) }

// Detach is [Conn.Detach]; the net.Conn is a *tls.Conn with everything that was
// received and not delivered still in it.
func (t *TLS) Detach() (net.Conn, error) {
	if t.mem.meet != nil {
		return nil, ErrPending
	}
	nc, err := t.c.Detach()
	if err != nil {
		return nil, err
	}
	t.ended = true
	t.mem.own()
	t.mem.real = nc
	return t.conn, nil
}

// Move is [Conn.Move]; prefix is plaintext.
func (t *TLS) Move(to *Loop, prefix []byte) {
	t.moving = true
	t.prefix = append([]byte(nil), prefix...)
	t.c.Move(to, nil)
}
