package load

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A poller is one epoll descriptor, level triggered. Its system calls are raw:
// the generator's thread does nothing else, and the scheduler's entry and exit
// would cost it more than the calls.
type poller struct {
	fd     int
	events [512]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &poller{fd: fd}, nil
}

// set registers fd (op unix.EPOLL_CTL_ADD) or changes it (EPOLL_CTL_MOD); at is
// what wait gives back.
func (p *poller) set(op, fd, at int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(at)}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

// wait returns the events of at most one millisecond-resolution timeout.
func (p *poller) wait(timeout time.Duration) []unix.EpollEvent {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(timeout.Milliseconds()), 0, 0)
	if errno != 0 {
		return nil
	}
	return p.events[:n]
}

func rawRead(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func rawWrite(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
