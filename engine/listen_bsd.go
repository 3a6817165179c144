//go:build darwin || dragonfly || freebsd || openbsd

package engine

import (
	"net/netip"
	"syscall"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

func streamSocket(family int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		sysClose(fd)
		return -1, err
	}
	return fd, nil
}

// openListeners makes one listening socket and a duplicate of it for every other
// loop: SO_REUSEPORT does not spread connections alike on these systems. All loops wake for
// a connection and one gets it.
func openListeners(addr netip.AddrPort, n int, reusePort bool, o *Options) ([]int, error) {
	fd, err := listenSocket(addr, reusePort, o)
	if err != nil {
		return nil, err
	}
	fds := []int{fd}
	if err = unix.Listen(fd, o.Backlog); err != nil {
		closeAll(fds)
		return nil, err
	}
	for len(fds) < n {
		dup, err := socket.Dup(fd)
		if err != nil {
			closeAll(fds)
			return nil, err
		}
		fds = append(fds, dup)
	}
	return fds, nil
}
