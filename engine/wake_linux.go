package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A waker makes a loop's poller return. gnet's own Trigger drains its queue until it
// is empty, so that a task that posts itself again would starve the sockets; this one
// reports one event per wake-up and leaves the queue to us.
type waker struct{ fd int }

func newWaker() (waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return waker{fd}, err
}

// wake writes to the eventfd. It is watched edge-triggered and never read: each
// write is an event.
func (w waker) wake() {
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(w.fd), uintptr(unsafe.Pointer(&one)), 8)
}

func (w waker) drain() {}

func (w waker) close() { sysClose(w.fd) }
