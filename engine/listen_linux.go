package engine

import (
	"net/netip"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

func streamSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// openListeners makes one listening socket per loop, among which the kernel
// spreads connections. Unless the address is to be shared, the first one binds and
// listens without SO_REUSEPORT, which fails if anybody else listens there, and gets the
// option only then, for its siblings to join: no gap between the check and the use.
func openListeners(addr netip.AddrPort, n int, reusePort bool, o *Options) ([]int, error) {
	fds := make([]int, 0, n)
	for i := range n {
		fd, err := listenSocket(addr, reusePort || i > 0, o)
		if err != nil {
			closeAll(fds)
			return nil, err
		}
		fds = append(fds, fd)
		if err = unix.Listen(fd, o.Backlog); err == nil && i == 0 && n > 1 && !reusePort {
			err = socket.SetReuseport(fd, 1)
		}
		var sa unix.Sockaddr
		if err == nil && i == 0 {
			sa, err = unix.Getsockname(fd)
			addr = netip.AddrPortFrom(addr.Addr(), addrPort(sa).Port())
		}
		if err != nil {
			closeAll(fds)
			return nil, err
		}
	}
	return fds, nil
}
