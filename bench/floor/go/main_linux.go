package main

import (
	"flag"
	"log"
	"net/netip"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	flag.Parse()
	runtime.LockOSThread()
	a, err := netip.ParseAddrPort(*addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(run(a))
}

// A server is the loop's state. Connections at rest own one byte in open.
type server struct {
	ep, listener int
	open         []bool         // by descriptor: the handshake is done
	in, out      map[int][]byte // unfinished input and output, by descriptor
	buf          [512 << 10]byte
}

func run(a netip.AddrPort) error {
	s := &server{in: map[int][]byte{}, out: map[int][]byte{}, open: make([]bool, 1<<16)}
	var err error
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := unix.Bind(s.listener, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		return err
	}
	if err := unix.Listen(s.listener, 4096); err != nil {
		return err
	}
	if s.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	s.watch(unix.EPOLL_CTL_ADD, s.listener, unix.EPOLLIN)
	var events [512]unix.EpollEvent
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.ep), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), ^uintptr(0), 0, 0)
		if errno != 0 && errno != syscall.EINTR {
			return errno
		}
		for _, e := range events[:max(int(n), 0)] {
			fd := int(e.Fd)
			if fd == s.listener {
				s.accept()
				continue
			}
			if e.Events&unix.EPOLLOUT != 0 && !s.flush(fd) {
				continue
			}
			if e.Events&^unix.EPOLLOUT != 0 {
				s.readable(fd)
			}
		}
	}
}

func (s *server) watch(op, fd int, events uint32) {
	_ = unix.EpollCtl(s.ep, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *server) accept() {
	for range 64 {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		if fd >= len(s.open) {
			_ = unix.Close(fd)
			continue
		}
		s.open[fd] = false
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
	}
}

func (s *server) drop(fd int) {
	delete(s.in, fd)
	delete(s.out, fd)
	_ = unix.Close(fd)
}

func (s *server) readable(fd int) {
	have := copy(s.buf[:], s.in[fd])
	free := s.buf[have:]
	r, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&free[0])), uintptr(len(free)))
	n := int(r)
	if errno == syscall.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		s.drop(fd)
		return
	}
	p := s.buf[:have+n]
	used, ok := s.input(fd, p)
	switch {
	case !ok:
		s.drop(fd)
	case used < len(p):
		s.in[fd] = append(s.in[fd][:0], p[used:]...)
	case have > 0:
		delete(s.in, fd)
	}
}

func (s *server) input(fd int, p []byte) (used int, ok bool) {
	if !s.open[fd] {
		answer, n := upgrade(p)
		if n == 0 {
			return 0, true
		}
		s.open[fd] = true
		s.write(fd, answer)
		used = n
	}
	n, out, ok := echo(p[used:])
	if len(out) > 0 {
		s.write(fd, out)
	}
	return used + n, ok
}

func (s *server) write(fd int, p []byte) {
	if q := s.out[fd]; len(q) > 0 {
		s.out[fd] = append(q, p...)
		return
	}
	r, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	n := int(r)
	if errno != 0 {
		n = 0
	}
	if n < len(p) && (errno == 0 || errno == syscall.EAGAIN) {
		s.out[fd] = append([]byte{}, p[n:]...)
		s.watch(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// flush reports whether the connection is still open.
func (s *server) flush(fd int) bool {
	q := s.out[fd]
	if len(q) == 0 {
		return true
	}
	n, err := unix.Write(fd, q)
	if err == unix.EAGAIN {
		return true
	}
	if err != nil {
		s.drop(fd)
		return false
	}
	if n == len(q) {
		delete(s.out, fd)
		s.watch(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN)
		return true
	}
	s.out[fd] = q[n:]
	return true
}
