//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A lab is a network of namespaces: one per member, each with one cable to a
// bridge that has a namespace of its own. Nothing outside is changed. Pulling
// a cable leaves the member's carrier up: packets vanish, as they do behind a
// broken switch.
//
//	[member 0]──┐
//	[member 1]──┤ bridge
//	[member 2]──┘
type lab struct {
	t       *testing.T
	prefix  string
	network string // first three bytes of the addresses
}

// namespacePrefix begins the name of every namespace, and is followed by the
// process id of the test binary.
const namespacePrefix = "kze2e-"

var labs atomic.Int32

// newLab builds a network for n members; it skips the test where that cannot
// be done.
func newLab(t *testing.T, n int) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root: not shown here")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the ip command (iproute2): not shown here")
	}
	l := &lab{t: t, prefix: fmt.Sprintf("%s%d-%d-", namespacePrefix, os.Getpid(), labs.Add(1)), network: "10.77.0"}
	t.Cleanup(func() { removeNamespaces(func(name string) bool { return strings.HasPrefix(name, l.prefix) }) })
	if err := l.build(n); err != nil {
		t.Skipf("network namespaces are not available: %v", err)
	}
	return l
}

func (l *lab) build(n int) error {
	sw := l.prefix + "switch"
	if err := ip("netns", "add", sw); err != nil {
		return err
	}
	if err := ip("-n", sw, "link", "add", "br0", "type", "bridge", "forward_delay", "0"); err != nil {
		return err
	}
	if err := ip("-n", sw, "link", "set", "br0", "up"); err != nil {
		return err
	}
	for i := range n {
		ns, port := l.namespace(i), fmt.Sprintf("port%d", i)
		for _, args := range [][]string{
			{"netns", "add", ns},
			{"-n", ns, "link", "set", "lo", "up"},
			{"-n", sw, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", ns},
			{"-n", ns, "addr", "add", fmt.Sprintf("%s.%d/24", l.network, i+1), "dev", "eth0"},
			{"-n", ns, "link", "set", "eth0", "up"},
			{"-n", sw, "link", "set", port, "master", "br0", "up"},
		} {
			if err := ip(args...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lab) namespace(i int) string { return l.prefix + "m" + itoa(i) }

// pull takes member i's cable out of the bridge.
func (l *lab) pull(i int) {
	l.t.Helper()
	if err := ip("-n", l.prefix+"switch", "link", "set", fmt.Sprintf("port%d", i), "nomaster"); err != nil {
		l.t.Fatal(err)
	}
}

// plug puts it back.
func (l *lab) plug(i int) {
	l.t.Helper()
	if err := ip("-n", l.prefix+"switch", "link", "set", fmt.Sprintf("port%d", i), "master", "br0"); err != nil {
		l.t.Fatal(err)
	}
}

// inside dials from the namespace of member i.
func (l *lab) inside(i int) dialer {
	return func(addr string) (c net.Conn, err error) {
		err = l.enter(i, func() error {
			c, err = plain(addr)
			return err
		})
		return c, err
	}
}

// enter runs fn on a thread that is in the namespace of member i. A thread
// that cannot be brought back ends.
func (l *lab) enter(i int, fn func() error) error {
	result := make(chan error)
	go func() { result <- l.onThread(i, fn) }()
	return <-result
}

func (l *lab) onThread(i int, fn func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + l.namespace(i))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = fn()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return err
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// sweepNamespaces removes the namespaces of runs that were cut short.
func sweepNamespaces() {
	if os.Geteuid() == 0 {
		removeNamespaces(func(name string) bool {
			owner, ok := ownerOf(name, namespacePrefix)
			return ok && !alive(owner)
		})
	}
}

func removeNamespaces(which func(name string) bool) {
	list, _ := os.ReadDir("/run/netns")
	for _, e := range list {
		if which(e.Name()) {
			_ = ip("netns", "delete", e.Name())
		}
	}
}
