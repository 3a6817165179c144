package engine

import "golang.org/x/sys/unix"

func stallTimeoutOf(fd int) (int, error) {
	return unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
}
