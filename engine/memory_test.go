//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// rawDial connects without putting anything on our heap.
func rawDial(t *testing.T, addr netip.AddrPort) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An idle conn with a timer costs its 64 bytes and 8 in the table; opening and closing
// many leaves nothing.
func TestIdleConnMemory(t *testing.T) {
	const conns, budget = 3000, 112
	if soft, _ := fileLimits(); soft < 3*conns {
		t.Skipf("RLIMIT_NOFILE is %d", soft)
	}
	e := start(t, Options{Loops: 1, MaxConns: 2 * conns})
	shared := &funcs{}
	ln := listen(t, e, func(c *Conn) Handler { c.SetTimeout(1 << 40); return shared })
	open := func() (fds []int) {
		for range conns {
			fds = append(fds, rawDial(t, ln.Addr()))
		}
		eventually(t, "conns", func() bool { return e.Stats().Conns == conns })
		return fds
	}
	reset := func(fds []int) {
		for _, fd := range fds {
			_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			unix.Close(fd)
		}
		eventually(t, "no conns", func() bool { return e.Stats().Conns == 0 })
	}
	reset(open())
	before := heapInUse()
	fds := open()
	if n := (heapInUse() - before) / conns; n > budget {
		t.Errorf("%d bytes per idle conn, budget %d", n, budget)
	} else {
		t.Logf("%d bytes per idle conn", n)
	}
	reset(fds)
	for range 3 {
		reset(open())
	}
	if n := heapInUse() - before; n > 64<<10 {
		t.Errorf("%d bytes more after %d conns came and went", n, 4*conns)
	}
}
