package run

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kzfast/kzfast/bench/conf"
	"github.com/kzfast/kzfast/bench/load"
	"github.com/kzfast/kzfast/bench/wire"
)

// floor is a Bench with nothing but a floor-c.
func floor(t *testing.T) *Bench {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	b := &Bench{Root: t.TempDir(), Out: t.TempDir(), Procs: 1, Log: io.Discard}
	sources, err := filepath.Glob(filepath.Join("..", "floor", "c", "*.c"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	args := append([]string{"-O2", "-Wall", "-Wextra", "-Werror", "-o", b.bin("floor-c")}, sources...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return b
}

// TestFloor drives floor-c, started as the runner starts it, in each mode.
func TestFloor(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := floor(t)
	echo := func(o load.Options) load.Options {
		o.Mode, o.Conns = load.Echo, 20
		return o
	}
	cases := []struct {
		name string
		role Role
		o    load.Options
	}{
		{"echo", Echo, echo(load.Options{})},
		{"echo depth", Echo, echo(load.Options{Depth: 40, Text: true})},
		{"echo 16 KiB", Echo, echo(load.Options{Size: 16 << 10, Depth: 4})},
		{"echo 100 kB", Echo, echo(load.Options{Size: 100000, Depth: 5})},
		{"handshake", Echo, load.Options{Mode: load.Handshake, Conns: 8}},
		{"redirect", Redirect, load.Options{Mode: load.Redirect, Conns: 8, Location: Location}},
		{"broadcast", Broadcast, load.Options{Mode: load.Broadcast, Conns: 30, Burst: 8}},
		{"broadcast tcp", Broadcast, load.Options{Mode: load.Broadcast, Conns: 30, Burst: 8, Publish: free(t)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			addr := free(t)
			host, port := split(addr)
			args := []string{b.bin("floor-c"), string(c.role), host, port}
			switch {
			case c.role == Redirect:
				args = append(args, Location)
			case c.o.Publish != "":
				h, p := split(c.o.Publish)
				args = append(args, h, p)
			}
			p, err := b.start(t.Context(), "floor", 0, addr, args, false)
			if err != nil {
				t.Fatal(err)
			}
			defer p.stop()
			c.o.URL, c.o.PID = "ws://"+addr+"/echo", p.cmd.Process.Pid
			c.o.Warmup, c.o.Duration = 10*time.Millisecond, 100*time.Millisecond
			if r, err := load.Run(c.o); err != nil || r.Messages == 0 {
				t.Errorf("%d messages, %v", r.Messages, err)
			}
		})
	}
}

// TestFloorKeyLast sends a request whose key is the last header.
func TestFloorKeyLast(t *testing.T) {
	b := floor(t)
	addr := free(t)
	host, port := split(addr)
	p, err := b.start(t.Context(), "floor", 0, addr, []string{b.bin("floor-c"), "echo", host, port}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	for _, blank := range []string{"", " ", "  "} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key:%s%s\r\n\r\n", blank, key)
		buf := make([]byte, 1024)
		n, _ := c.Read(buf)
		c.Close()
		if r, _ := wire.ParseResponse(buf[:n]); r.Status != 101 || r.Header("Sec-WebSocket-Accept") != wire.Accept(key) {
			t.Errorf("%d blanks: got %q", len(blank), buf[:n])
		}
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestStartRefusesForeign(t *testing.T) {
	b := &Bench{Root: t.TempDir(), Out: t.TempDir(), Procs: 1, Log: io.Discard}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = b.start(t.Context(), "x", 0, l.Addr().String(), []string{"sleep", "60"}, false)
	if err == nil || !strings.Contains(err.Error(), "serves") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestStartFails sees that a server which ends at once is reported with what it
// said, and one that is not there at all.
func TestStartFails(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := &Bench{Root: t.TempDir(), Out: t.TempDir(), Procs: 1, Log: io.Discard}
	_, err := b.start(t.Context(), "x", 0, conf.Member, []string{"sh", "-c", "echo why >&2; exit 3"}, false)
	if err == nil || !strings.Contains(err.Error(), "exit status 3: why") {
		t.Errorf("got %v", err)
	}
	if _, err := b.start(t.Context(), "x", 0, conf.Member, []string{"/nonexistent"}, false); err == nil {
		t.Error("a program that does not exist was started")
	}
}
