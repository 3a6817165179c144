package gateway

import "golang.org/x/sys/unix"

// pace makes the kernel send no more than rate bytes per second on a socket.
func pace(rate int64) func(fd int) error {
	return func(fd int) error {
		return unix.SetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, uint64(rate))
	}
}
