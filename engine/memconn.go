//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"io"
	"net"
	"sync"
	"time"
)

// wouldBlock is what an empty memConn answers on a loop. crypto/tls does not latch
// an error that is a temporary net.Error: it keeps its partial record and goes on
// with the next Read. That is behaviour and not contract; TestTLSResumes pins it.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "engine: nothing to read yet" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true }

// A memConn is what crypto/tls takes for its network. It has three lives: during
// the handshake its Read blocks the handshake's goroutine until the loop feeds it; then it
// lives on the loop, reads from what the loop lends, and never blocks; after Detach it
// passes everything to a real connection.
type memConn struct {
	c    *Conn
	in   []byte // ciphertext that crypto/tls has not read
	eof  bool   // nothing follows in
	meet *meeting
	real net.Conn
}

// A meeting is where loop and handshake goroutine hand over bytes.
type meeting struct {
	sync.Mutex
	more   sync.Cond
	local  net.Addr // asked once, by the loop
	remote net.Addr
	in     []byte
	err    error // ends Read once in is used up
	paused bool  // the loop stopped reading because in is long
}

// meetingMax is how many bytes the loop reads ahead of the handshake.
const meetingMax = 64 << 10

func newMeeting(c *Conn) *meeting {
	m := &meeting{local: net.TCPAddrFromAddrPort(c.LocalAddr()), remote: net.TCPAddrFromAddrPort(c.RemoteAddr())}
	m.more.L = m
	return m
}

// feed gives p to the goroutine; true means that it has enough for now.
func (m *meeting) feed(p []byte) (full bool) {
	m.Lock()
	defer m.Unlock()
	m.in = append(m.in, p...)
	m.paused = len(m.in) >= meetingMax
	m.more.Signal()
	return m.paused
}

func (m *meeting) fail(err error) {
	m.Lock()
	defer m.Unlock()
	if m.err == nil {
		m.err = err
	}
	m.more.Signal()
}

func (m *meeting) read(p []byte, c *Conn) (int, error) {
	m.Lock()
	defer m.Unlock()
	for len(m.in) == 0 {
		if m.err != nil {
			return 0, m.err
		}
		m.more.Wait()
	}
	n := copy(p, m.in)
	m.in = m.in[n:]
	if m.paused && len(m.in) == 0 {
		m.paused = false
		c.Loop().Post(c.Resume)
	}
	return n, nil
}

// Read implements net.Conn.
func (m *memConn) Read(p []byte) (int, error) {
	if m.meet != nil {
		return m.meet.read(p, m.c)
	}
	if len(m.in) > 0 {
		n := copy(p, m.in)
		m.in = m.in[n:]
		return n, nil
	}
	switch {
	case m.real != nil:
		return m.real.Read(p)
	case m.eof:
		return 0, io.EOF
	}
	return 0, wouldBlock{}
}

// Write implements net.Conn. On the loop it gathers; a failure is told to the
// handler and not here.
func (m *memConn) Write(p []byte) (int, error) {
	switch {
	case m.meet != nil:
		own := append([]byte(nil), p...)
		if !m.c.Loop().Post(func() { m.c.Write(own) }) {
			return 0, ErrStopped
		}
	case m.real != nil:
		return m.real.Write(p)
	default:
		m.c.Write(p)
	}
	return len(p), nil
}

// own copies what the loop has lent, so that it outlives the call.
func (m *memConn) own() {
	if len(m.in) == 0 {
		m.in = nil
		return
	}
	m.in = append([]byte(nil), m.in...)
}

// Close implements net.Conn; on the loop the conn is closed by its TLS.
func (m *memConn) Close() error {
	if m.real != nil {
		return m.real.Close()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (m *memConn) LocalAddr() net.Addr {
	if m.real != nil {
		return m.real.LocalAddr()
	}
	if m.meet != nil {
		return m.meet.local
	}
	return net.TCPAddrFromAddrPort(m.c.LocalAddr())
}

// RemoteAddr implements net.Conn.
func (m *memConn) RemoteAddr() net.Addr {
	if m.real != nil {
		return m.real.RemoteAddr()
	}
	if m.meet != nil {
		return m.meet.remote
	}
	return net.TCPAddrFromAddrPort(m.c.RemoteAddr())
}

// SetDeadline implements net.Conn; on the loop the wheel holds all deadlines.
func (m *memConn) SetDeadline(t time.Time) error {
	if m.real != nil {
		return m.real.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline implements net.Conn.
func (m *memConn) SetReadDeadline(t time.Time) error {
	if m.real != nil {
		return m.real.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline implements net.Conn.
func (m *memConn) SetWriteDeadline(t time.Time) error {
	if m.real != nil {
		return m.real.SetWriteDeadline(t)
	}
	return nil
}
