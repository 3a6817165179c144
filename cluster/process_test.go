package cluster

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// memberEnv makes the test binary a member: "bind seed".
const memberEnv = "KZFAST_TEST_MEMBER"

// runMember is a member in a process of its own, until its input ends.
func runMember() {
	bind, seed, _ := strings.Cut(os.Getenv(memberEnv), " ")
	c, err := Start(context.Background(), Options{
		Name: "processes", Bind: netip.MustParseAddrPort(bind), Seeds: []string{seed}, Keys: [][]byte{[]byte("0123456789abcdef")},
	})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	c.Advertise([]byte("from a process"))
	fmt.Println("ready", c.Self().Addr)
	bufio.NewReader(os.Stdin).ReadString('\n')
	c.Shutdown()
}

// spawn starts a member process at bind.
func spawn(t *testing.T, bind string, seed *realNode) (*exec.Cmd, netip.AddrPort) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), memberEnv+"="+bind+" "+seed.Self().Addr.String())
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
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	word, addr, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || word != "ready" {
		t.Fatalf("member process said %q, %v", line, err)
	}
	return cmd, netip.MustParseAddrPort(addr)
}

func TestKilledProcess(t *testing.T) {
	a := begin(t, "127.0.0.4:0", keyed("0123456789abcdef"), func(o *Options) { o.Name = "processes" })
	cmd, addr := spawn(t, "127.0.0.5:0", a)
	m := Member{ID: idOf(addr.String())}
	a.await(t, "link up", of(LinkUp, m))
	begun := time.Now()
	cmd.Process.Kill()
	a.await(t, "link down", of(LinkDown, m))
	t.Logf("kill -9: link down after %v", time.Since(begun))
	a.await(t, "gone", of(Gone, m))
	t.Logf("kill -9: gone after %v", time.Since(begun))

	_, again := spawn(t, addr.String(), a)
	if again != addr {
		t.Fatalf("restarted at %v, want %v", again, addr)
	}
	a.await(t, "new life's advert", func(e Event) bool {
		return e.Kind == Changed && e.Member.ID == m.ID && string(e.Advert) == "from a process"
	})
}

// A stopped process is alive for the kernel, not for its links.
func TestStoppedProcess(t *testing.T) {
	a := begin(t, "127.0.0.4:0", keyed("0123456789abcdef"), func(o *Options) { o.Name = "processes" })
	cmd, addr := spawn(t, "127.0.0.5:0", a)
	m := Member{ID: idOf(addr.String())}
	first := a.await(t, "online", of(Online, m))
	a.await(t, "link up", of(LinkUp, m))
	begun := time.Now()
	cmd.Process.Signal(syscall.SIGSTOP)
	a.await(t, "gone", of(Gone, m)) // the link's silence is usually noticed before
	t.Logf("SIGSTOP: gone after %v", time.Since(begun))
	begun = time.Now()
	cmd.Process.Signal(syscall.SIGCONT)
	if back := a.await(t, "online again", of(Online, m)); back.Member.Instance != first.Member.Instance {
		t.Errorf("came back as another life: %+v, was %+v", back.Member, first.Member)
	}
	advert, link := false, false
	a.await(t, "advert and link again", func(e Event) bool { // in either order
		advert, link = advert || of(Changed, m)(e), link || of(LinkUp, m)(e)
		return advert && link
	})
	t.Logf("SIGCONT: whole again after %v", time.Since(begun))
}
