package engine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sockets of a loop never block, so their calls go raw: the scheduler need not
// be told, and telling it costs more than the calls' own overhead. EINTR cannot come
// from a call that does not sleep, and is retried all the same.

// sysRecv reads from a socket; 0 and no error is the peer's FIN.
func sysRecv(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
		if e == 0 {
			return int(n), 0
		}
		if e != syscall.EINTR {
			return 0, e
		}
	}
}

// sysSend writes to a socket without raising SIGPIPE.
func sysSend(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
		if e == 0 {
			return int(n), 0
		}
		if e != syscall.EINTR {
			return 0, e
		}
	}
}

// sysAccept takes one connection, non-blocking and close-on-exec, without its address.
func sysAccept(fd int) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(n), 0
}

func sysClose(fd int) {
	syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// sysShutdown sends our FIN.
func sysShutdown(fd int) {
	syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
}

// maxIov is how many chunks go out in one call.
const maxIov = 64

// An iovecs is a loop's scratch for gathered writes.
type iovecs struct {
	msg unix.Msghdr
	vec [maxIov]unix.Iovec
}

func (v *iovecs) set(i int, p []byte) {
	v.vec[i].Base = &p[0]
	v.vec[i].SetLen(len(p))
}

func (v *iovecs) send(fd, k int) (int, syscall.Errno) {
	v.msg.Iov = &v.vec[0]
	v.msg.SetIovlen(k)
	for {
		n, _, e := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&v.msg)), unix.MSG_NOSIGNAL)
		if e == syscall.EINTR {
			continue
		}
		clear(v.vec[:k])
		if e != 0 {
			return 0, e
		}
		return int(n), 0
	}
}

// send2 writes a and b in one call.
func (v *iovecs) send2(fd int, a, b []byte) (int, syscall.Errno) {
	v.set(0, a)
	v.set(1, b)
	return v.send(fd, 2)
}

// sendOut writes what it can of o in one call; want is how much it offered.
func (v *iovecs) sendOut(fd int, o *outbound) (n, want int, e syscall.Errno) {
	p := o.head()
	if len(o.chunks) == 1 {
		n, e = sysSend(fd, p)
		return n, len(p), e
	}
	k := min(len(o.chunks), maxIov)
	v.set(0, p)
	want = len(p)
	for i := 1; i < k; i++ {
		v.set(i, o.chunks[i].B)
		want += len(o.chunks[i].B)
	}
	n, e = v.send(fd, k)
	return n, want, e
}

// setStallTimeout sets TCP_USER_TIMEOUT in milliseconds, 0 being the kernel's own way.
func setStallTimeout(fd, ms int) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
}
