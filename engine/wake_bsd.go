//go:build darwin || dragonfly || freebsd || openbsd

package engine

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A waker makes a loop's poller return. gnet's own Trigger drains its queue until it
// is empty, so that a task that posts itself again would starve the sockets; this one
// reports one event per wake-up and leaves the queue to us.
type waker struct{ fd, out int }

func newWaker() (waker, error) {
	var p [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return waker{-1, -1}, err
	}
	_ = unix.SetNonblock(p[0], true)
	_ = unix.SetNonblock(p[1], true)
	return waker{p[0], p[1]}, nil
}

// wake writes a byte; a full pipe is a wake-up that is still to come.
func (w waker) wake() { _, _ = unix.Write(w.out, []byte{1}) }

func (w waker) drain() {
	var b [64]byte
	for {
		if n, err := unix.Read(w.fd, b[:]); n < len(b) || err != nil {
			return
		}
	}
}

func (w waker) close() {
	sysClose(w.fd)
	sysClose(w.out)
}
