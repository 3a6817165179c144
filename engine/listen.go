//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

// ListenOptions says how a listener behaves.
type ListenOptions struct {
	// ReusePort shares the address with other processes. Without it, an address
	// that is already served is refused. The kernel asks the newcomer only: a
	// process that sets it also joins one of the same user that does not.
	ReusePort bool
	// Open is called on the conn's loop, once per accepted conn, and answers its
	// handler; nil closes the conn.
	Open func(*Conn) Handler
	// Refusal is sent to clients that are turned away by MaxConns or for want of
	// fds, before they are closed. It may be empty.
	Refusal []byte
}

// A Listener is one address that the engine serves. Safe for any goroutine, except
// that Close must not be called on a loop.
type Listener struct {
	engine    *Engine
	opts      ListenOptions
	addr      netip.AddrPort
	acceptors []*acceptor
	episode   episode
	once      sync.Once
}

// Listen serves addr on every loop, also while the engine runs. Port 0 lets the kernel
// choose one. An error wraps the errno, so that
// errors.Is(err, syscall.EADDRINUSE) tells that the address is taken.
func (e *Engine) Listen(addr netip.AddrPort, o ListenOptions) (*Listener, error) {
	if o.Open == nil {
		return nil, fmt.Errorf("engine: listen %s: no Open function", addr)
	}
	fds, err := openListeners(addr, len(e.loop), o.ReusePort, &e.opts)
	if err != nil {
		return nil, listenError(addr, err)
	}
	sa, err := unix.Getsockname(fds[0])
	if err != nil {
		closeAll(fds)
		return nil, listenError(addr, err)
	}
	ln := &Listener{engine: e, opts: o, addr: addrPort(sa)}
	for i, fd := range fds {
		ln.acceptors = append(ln.acceptors, &acceptor{loop: e.loop[i], listener: ln, fd: fd, accept: sysAccept})
	}
	if err := ln.start(); err != nil {
		_ = ln.Close()
		return nil, listenError(addr, err)
	}
	return ln, nil
}

// start puts each acceptor on its loop and waits until all are there.
func (ln *Listener) start() error {
	results := make(chan error, len(ln.acceptors))
	for _, a := range ln.acceptors {
		if !a.loop.Post(func() { results <- a.start() }) {
			sysClose(a.fd)
			a.fd = -1
			results <- ErrStopped
		}
	}
	var errs []error
	for range ln.acceptors {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

func (a *acceptor) start() error {
	l := a.loop
	if l.stopping {
		sysClose(a.fd)
		a.fd = -1
		return ErrStopped
	}
	l.acceptors[a.fd] = a
	return l.watchListener(a.fd)
}

// Addr answers the address that is served, with the real port.
func (ln *Listener) Addr() netip.AddrPort { return ln.addr }

// Close stops accepting; established conns live on. Connections that the kernel
// has already completed are accepted first. It returns when the sockets are closed.
// A second Close does nothing.
func (ln *Listener) Close() error {
	ln.once.Do(func() {
		var wg sync.WaitGroup
		for _, a := range ln.acceptors {
			wg.Add(1)
			if !a.loop.Post(func() { defer wg.Done(); a.finish() }) {
				wg.Done()
			}
		}
		wg.Wait()
	})
	return nil
}

// finish serves who already waits, a bounded number of them, and closes.
func (a *acceptor) finish() {
	if a.fd < 0 {
		return
	}
	defer a.close()
	for range a.loop.engine.opts.Backlog {
		fd, errno := a.accept(a.fd)
		if errno != 0 {
			return
		}
		a.admit(fd)
	}
}

func listenError(addr netip.AddrPort, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("engine: listen %s: the address is already served, by another process or another listener of this one; "+
			"only the explicit reuse option shares it: %w", addr, err)
	}
	return fmt.Errorf("engine: listen %s: %w", addr, err)
}

// listenSocket makes a bound socket. Its options are inherited by the accepted
// sockets, which spares calls per connection.
func listenSocket(addr netip.AddrPort, reusePort bool, o *Options) (int, error) {
	ip := addr.Addr().Unmap()
	family := unix.AF_INET6
	if ip.Is4() {
		family = unix.AF_INET
	}
	fd, err := streamSocket(family)
	if err != nil {
		return -1, err
	}
	err = errors.Join(socket.SetReuseAddr(fd, 1), setConnOptions(fd, o))
	if err == nil && reusePort {
		err = socket.SetReuseport(fd, 1)
	}
	if err == nil && family == unix.AF_INET6 {
		err = socket.SetIPv6Only(fd, boolInt(!ip.IsUnspecified()))
	}
	if err == nil {
		sa := socket.NetAddrToSockaddr(net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, addr.Port())))
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		sysClose(fd)
		return -1, err
	}
	return fd, nil
}

// setConnOptions turns on nodelay, probes and the stall timeout.
func setConnOptions(fd int, o *Options) error {
	errs := []error{socket.SetNoDelay(fd, 1)}
	if o.StallTimeout > 0 {
		errs = append(errs, setStallTimeout(fd, int(o.StallTimeout/time.Millisecond)))
	}
	if o.KeepAlive > 0 {
		idle := max(int(o.KeepAlive/time.Second), 1)
		errs = append(errs, socket.SetKeepAlive(fd, true, idle, max(idle/keepAliveProbes, 1), keepAliveProbes))
	}
	return errors.Join(errs...)
}

func closeAll(fds []int) {
	for _, fd := range fds {
		sysClose(fd)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// addrPort converts what the kernel says, with IPv4 in its short form.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && ip.Is6() {
			if ifi, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				ip = ip.WithZone(ifi.Name)
			}
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port))
	}
	return netip.AddrPort{}
}
