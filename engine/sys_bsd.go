//go:build darwin || dragonfly || freebsd || openbsd

package engine

import (
	"syscall"

	gio "github.com/panjf2000/gnet/v2/pkg/io"
	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EIO
}

// sysRecv reads from a socket; 0 and no error is the peer's FIN.
func sysRecv(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), errnoOf(err)
		}
	}
}

// sysSend writes to a socket; the runtime ignores SIGPIPE on sockets.
func sysSend(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := unix.Write(fd, p)
		if err != unix.EINTR {
			return max(n, 0), errnoOf(err)
		}
	}
}

// sysAccept takes one connection, non-blocking and close-on-exec.
func sysAccept(fd int) (int, syscall.Errno) {
	n, _, err := socket.Accept(fd)
	return n, errnoOf(err)
}

func sysClose(fd int) { _ = unix.Close(fd) }

// sysShutdown sends our FIN.
func sysShutdown(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

// maxIov is how many chunks go out in one call.
const maxIov = 64

// An iovecs is a loop's scratch for gathered writes.
type iovecs struct {
	vec [maxIov][]byte
}

func (v *iovecs) send(fd, k int) (int, syscall.Errno) {
	for {
		n, err := gio.Writev(fd, v.vec[:k])
		if err == unix.EINTR {
			continue
		}
		clear(v.vec[:k])
		return max(n, 0), errnoOf(err)
	}
}

// send2 writes a and b in one call.
func (v *iovecs) send2(fd int, a, b []byte) (int, syscall.Errno) {
	v.vec[0], v.vec[1] = a, b
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
	v.vec[0] = p
	want = len(p)
	for i := 1; i < k; i++ {
		v.vec[i] = o.chunks[i].B
		want += len(o.chunks[i].B)
	}
	n, e = v.send(fd, k)
	return n, want, e
}

// setStallTimeout does nothing: these systems have no option of this meaning that
// is set alike.
func setStallTimeout(int, int) error { return nil }
