//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

// Dial connects to addr without blocking. open is called at once with the
// connecting conn; what is written to it goes out when the connection stands, which
// [Connected] tells. A failure, or [ErrDialTimeout] once timeout has passed (0 = the
// kernel's own, about two minutes), ends in Closed. Loop only.
func (l *Loop) Dial(addr netip.AddrPort, timeout time.Duration, open func(*Conn) Handler) {
	l.count.dialed++
	fd, err := l.connect(addr)
	c := l.newConn(fd)
	c.flags |= flagConnecting | flagBlocked
	c.out = l.takeOut()
	l.admit(c, open)
	if err != nil {
		c.fail(fmt.Errorf("engine: dial %s: %w", addr, err))
		return
	}
	if timeout > 0 && c.flags&flagDead == 0 {
		l.After(timeout, func() {
			if c.loop.Load() == l && c.flags&flagConnecting != 0 {
				c.fail(fmt.Errorf("%w: %s after %v", ErrDialTimeout, addr, timeout))
			}
		})
	}
}

// connect starts a connection. The fd is -1 when there is not even a socket.
func (l *Loop) connect(addr netip.AddrPort) (int, error) {
	ip := addr.Addr().Unmap()
	family := unix.AF_INET6
	if ip.Is4() {
		family = unix.AF_INET
	}
	fd, err := streamSocket(family)
	if err != nil {
		return -1, err
	}
	if err = setConnOptions(fd, &l.engine.opts); err != nil {
		return fd, err
	}
	err = unix.Connect(fd, socket.NetAddrToSockaddr(net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, addr.Port()))))
	if errors.Is(err, syscall.EINPROGRESS) || errors.Is(err, syscall.EINTR) {
		return fd, nil
	}
	return fd, err
}

// finishConnect looks how a connect ended. An event alone proves nothing: it may
// have been meant for an earlier owner of the fd.
func (l *Loop) finishConnect(c *Conn) {
	fd := int(c.fd)
	if v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || v != 0 {
		if err == nil {
			err = syscall.Errno(v)
		}
		c.fail(fmt.Errorf("engine: dial: %w", err))
		return
	}
	if _, err := unix.Getpeername(fd); err != nil {
		return
	}
	c.flags &^= flagConnecting
	c.touch()
	if h, ok := c.handler.(Connected); ok {
		l.current = c
		h.Connected()
		l.current = nil
	}
	if c.flags&flagDead == 0 {
		c.flush(l)
	}
}
