//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary runs itself as a small echo server when childEnv is set to
// "files maxconns address reuse".
const childEnv = "KZ_ENGINE_CHILD"

// runChild serves until its standard input ends. It prints its address or an error,
// and answers each line with its stats.
func runChild() {
	f := strings.Fields(os.Getenv(childEnv))
	files, _ := strconv.ParseUint(f[0], 10, 64)
	maxConns, _ := strconv.Atoi(f[1])
	var limit unix.Rlimit
	setInt(&limit.Cur, files)
	setInt(&limit.Max, files)
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	e, err := New(Options{Loops: 2, MaxConns: maxConns, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err == nil {
		var ln *Listener
		ln, err = e.Listen(netip.MustParseAddrPort(f[2]), ListenOptions{
			Open: echoSend.on, ReusePort: f[3] == "true", Refusal: []byte("busy\n"),
		})
		if err == nil {
			fmt.Println(ln.Addr())
		}
	}
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		_ = json.NewEncoder(os.Stdout).Encode(e.Stats())
	}
	_ = e.Stop(context.Background())
}

type child struct {
	t    *testing.T
	addr netip.AddrPort
	err  string // instead of an address
	in   interface{ Write([]byte) (int, error) }
	out  *bufio.Reader
	log  *logBuffer
}

func startChild(t *testing.T, files, maxConns int, addr string, reuse bool) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s %v", childEnv, files, maxConns, addr, reuse))
	c := &child{t: t, log: &logBuffer{}}
	cmd.Stderr = c.log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("child: %v\n%s", err, c.log)
		}
	})
	c.in, c.out = in, bufio.NewReader(out)
	line := strings.TrimSpace(c.line())
	if msg, bad := strings.CutPrefix(line, "error: "); bad {
		c.err = msg
		return c
	}
	if c.addr, err = netip.ParseAddrPort(line); err != nil {
		t.Fatalf("child says %q\n%s", line, c.log)
	}
	return c
}

func (c *child) line() string {
	c.t.Helper()
	s, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("child: %v\n%s", err, c.log)
	}
	return s
}

func (c *child) stats() (s Stats) {
	c.t.Helper()
	if _, err := c.in.Write([]byte("\n")); err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(c.line()), &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// setInt bridges the systems' types of rlimits.
func setInt[T int64 | uint64](p *T, n uint64) { *p = T(n) }
