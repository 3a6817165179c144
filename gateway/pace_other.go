//go:build !linux

package gateway

import "errors"

// pace says that this kernel cannot pace a socket.
func pace(int64) func(fd int) error {
	return func(int) error { return errors.New("tcp.maximum.outbound.rate: sockets are paced on Linux only") }
}
