package engine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// BenchmarkEcho compares the same echo of 125 bytes, or 16 KiB, on this engine, on gnet.Run,
// and on a bare epoll loop in Go: the figures of ADR 0001. Each server is a process of
// its own with one loop on one core; the load runs on another core, sends one message on
// every conn and then reads all answers. server-ns/op is the server's CPU time per
// message, from its process clock. Compare within one run only:
//
//	go test -run '^$' -bench Echo -benchtime 200000x -count 7 ./engine
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{125, 16 << 10} {
		for _, conns := range []int{100, 1000} {
			for _, server := range []string{"floor", "engine-send", "engine-write", "gnet"} {
				b.Run(fmt.Sprintf("%dB/%d/%s", size, conns, server), func(b *testing.B) {
					benchEcho(b, server, conns, size)
				})
			}
		}
	}
}

const benchEnv = "KZ_ENGINE_BENCH"

func benchEcho(b *testing.B, server string, conns, size int) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), benchEnv+"="+server, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	var addr netip.AddrPort
	for lines := bufio.NewScanner(out); !addr.IsValid(); {
		if !lines.Scan() {
			b.Fatal("no address from the server")
		}
		addr, _ = netip.ParseAddrPort(strings.TrimSpace(lines.Text()))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pin(0, min(1, runtime.NumCPU()-1))
	fds := make([]int, conns)
	for i := range fds {
		fds[i] = benchDial(b, addr)
		defer unix.Close(fds[i])
	}
	msg, buf := pattern(size), make([]byte, size)
	round := func(n int) {
		for _, fd := range fds[:n] {
			if k, err := syscall.Write(fd, msg); k != size || err != nil {
				b.Fatal(k, err)
			}
		}
		for _, fd := range fds[:n] {
			for got := 0; got < size; {
				k, err := syscall.Read(fd, buf[got:])
				if k <= 0 {
					b.Fatal(k, err)
				}
				got += k
			}
		}
	}
	for range 5 {
		round(conns)
	}
	begin := cpuTime(b, cmd.Process.Pid)
	b.ResetTimer()
	for left := b.N; left > 0; left -= conns {
		round(min(left, conns))
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b, cmd.Process.Pid)-begin)/float64(b.N), "server-ns/op")
}

func benchDial(b *testing.B, addr netip.AddrPort) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err != nil {
		b.Fatal(err)
	}
	return fd
}

func pin(pid, core int) {
	var set unix.CPUSet
	set.Set(core)
	_ = unix.SchedSetaffinity(pid, &set)
}

// cpuTime reads the CPU clock of another process.
func cpuTime(b *testing.B, pid int) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// runBenchServer is the child's side: it prints its address and echoes until its
// standard input ends.
func runBenchServer(kind string) {
	switch kind {
	case "floor":
		go benchFloor()
	case "gnet":
		go func() {
			l, _ := net.Listen("tcp", "127.0.0.1:0")
			addr := l.Addr().String()
			l.Close()
			_ = gnet.Run(&gnetEcho{addr: addr}, "tcp://"+addr, gnet.WithReuseAddr(true), gnet.WithTCPNoDelay(gnet.TCPNoDelay))
		}()
	default:
		e, err := New(Options{Loops: 1, Logger: quiet()})
		if err != nil {
			panic(err)
		}
		h := echoSend
		if kind == "engine-write" {
			h = echoWrite
		}
		ln, err := e.Listen(anyPort, ListenOptions{Open: h.on})
		if err != nil {
			panic(err)
		}
		benchServing(ln.Addr())
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// benchServing pins every thread to the first core and says where we listen.
func benchServing(addr any) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		var tid int
		if _, err := fmt.Sscan(t.Name(), &tid); err == nil {
			pin(tid, 0)
		}
	}
	fmt.Println(addr)
}

type gnetEcho struct {
	gnet.BuiltinEventEngine
	addr string
}

func (g *gnetEcho) OnBoot(gnet.Engine) gnet.Action {
	benchServing(g.addr)
	return gnet.None
}

func (g *gnetEcho) OnTraffic(c gnet.Conn) gnet.Action {
	p, _ := c.Next(-1)
	_, _ = c.Write(p)
	return gnet.None
}

// benchFloor is the least that epoll, recv and send can cost in Go.
func benchFloor() {
	runtime.LockOSThread()
	lfd, err := listenSocket(anyPort, false, &Options{})
	if err != nil {
		panic(err)
	}
	_ = unix.Listen(lfd, 4096)
	sa, _ := unix.Getsockname(lfd)
	ep, _ := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	_ = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, lfd, &unix.EpollEvent{Fd: int32(lfd), Events: unix.EPOLLIN})
	benchServing(addrPort(sa))
	events, buf := make([]unix.EpollEvent, 1024), make([]byte, 64<<10)
	for {
		n, _ := unix.EpollWait(ep, events, -1)
		for _, ev := range events[:max(n, 0)] {
			fd := int(ev.Fd)
			if fd == lfd {
				if c, errno := sysAccept(lfd); errno == 0 {
					_ = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, c, &unix.EpollEvent{Fd: int32(c), Events: unix.EPOLLIN})
				}
				continue
			}
			k, errno := sysRecv(fd, buf)
			if k == 0 && errno != syscall.EAGAIN {
				sysClose(fd)
			} else if k > 0 {
				sysSend(fd, buf[:k])
			}
		}
	}
}
