package load

import (
	"fmt"
	"io"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kzfast/kzfast/bench/wire"
)

// A driver is what a connection does: one per mode, shared by its connections.
type driver interface {
	// data takes received bytes, valid until it returns. An error ends the run.
	data(c *conn, p []byte) error
	// gone is told that the connection ended, with io.EOF when in order. The
	// descriptor is closed already. An error ends the run.
	gone(c *conn, err error) error
}

// A conn is one client connection. At rest it holds no buffer.
type conn struct {
	fd   int // -1 when closed
	at   int // index in generator.conns
	open bool
	d    driver
	v    verifier
	sent uint32 // messages sent
	head []byte // unfinished HTTP answer
	out  []byte // what the kernel did not take; not empty means write interest is on
}

// source gives connection i an address of its own in 127.0.0.0/8, so that
// ports do not run out: 64 addresses.
func source(i int) [4]byte {
	return [4]byte{127, 0, 0, byte(2 + i%64)}
}

// dial starts a connection and sends first as soon as it stands.
func (g *generator) dial(c *conn, to netip.AddrPort, first []byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	g.dialled++
	if to.Addr().IsLoopback() {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: source(g.dialled)}); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("bind: %w", err)
		}
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return fmt.Errorf("connect %v: %w", to, err)
	}
	c.fd, c.open, c.head, c.out, c.sent = fd, false, nil, nil, 0
	c.v = verifier{id: c.v.id}
	interest := uint32(unix.EPOLLIN)
	if n, errno := rawWrite(fd, first); errno != 0 || n < len(first) {
		if errno != 0 {
			n = 0
		}
		c.out = append(c.out, first[n:]...)
		interest |= unix.EPOLLOUT
	}
	return g.ep.set(unix.EPOLL_CTL_ADD, fd, c.at, interest)
}

// write sends p, or what the kernel does not take of it later.
func (g *generator) write(c *conn, p []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return
	}
	n, errno := rawWrite(c.fd, p)
	if errno != 0 {
		if errno != syscall.EAGAIN {
			return // shows as a readable event
		}
		n = 0
	}
	if n < len(p) {
		c.out = append(c.out, p[n:]...)
		_ = g.ep.set(unix.EPOLL_CTL_MOD, c.fd, c.at, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

func (g *generator) flush(c *conn) {
	n, errno := rawWrite(c.fd, c.out)
	if errno != 0 {
		return
	}
	c.out = append(c.out[:0], c.out[n:]...)
	if len(c.out) == 0 {
		c.out = nil
		_ = g.ep.set(unix.EPOLL_CTL_MOD, c.fd, c.at, unix.EPOLLIN)
	}
}

// event serves one event of c.
func (g *generator) event(c *conn, events uint32) error {
	if events&unix.EPOLLOUT != 0 && len(c.out) > 0 {
		g.flush(c)
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	n, errno := rawRead(c.fd, g.buf)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return nil
	case errno != 0:
		g.close(c)
		return c.d.gone(c, errno)
	case n == 0:
		g.close(c)
		return c.d.gone(c, io.EOF)
	}
	return c.d.data(c, g.buf[:n])
}

func (g *generator) close(c *conn) {
	if c.fd < 0 {
		return
	}
	_ = unix.Close(c.fd)
	c.fd, c.open, c.head, c.out = -1, false, nil, nil
}

// reset closes c with a RST, which leaves nothing in TIME_WAIT.
func (g *generator) reset(c *conn) {
	if c.fd >= 0 {
		_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	g.close(c)
}

// response collects an answer's head. ok means that it is whole; rest is what
// came behind it.
func (c *conn) response(p []byte) (r wire.Response, rest []byte, ok bool, err error) {
	if len(c.head) > 0 {
		c.head = append(c.head, p...)
		p = c.head
	}
	r, n := wire.ParseResponse(p)
	if n == 0 {
		if len(p) > 64<<10 {
			return r, nil, false, fmt.Errorf("no HTTP answer in the first %d bytes: %.80q", len(p), p)
		}
		if len(c.head) == 0 {
			c.head = append(c.head, p...)
		}
		return r, nil, false, nil
	}
	c.head = nil
	return r, p[n:], true, nil
}

// upgraded is response for a WebSocket handshake: anything but the right 101
// is an error.
func (g *generator) upgraded(c *conn, p []byte) (rest []byte, ok bool, err error) {
	r, rest, ok, err := c.response(p)
	if err != nil || !ok {
		return nil, false, err
	}
	if r.Status != 101 || r.Header("Sec-WebSocket-Accept") != g.accept {
		return nil, false, fmt.Errorf("handshake: got status %d, accept %q; want 101, %q", r.Status, r.Header("Sec-WebSocket-Accept"), g.accept)
	}
	c.open = true
	return rest, true, nil
}

// frames feeds verified bytes to the connection's verifier and answers pings.
func (g *generator) frames(c *conn, p []byte) (int, error) {
	n, err := c.v.feed(p, g.stream)
	if c.v.pong != nil {
		g.write(c, wire.AppendFrame(nil, wire.OpPong, c.v.pong, g.pat.key))
		c.v.pong = nil
	}
	return n, err
}
