//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoAddresses are what the demo's configurations open on this machine.
var demoAddresses = []string{"localhost:8001", "127.0.0.4:8001", "127.0.0.5:8001", "127.0.0.4:5942", "127.0.0.5:5943"}

// demoPatience bounds the wait for anything the demo does; it is generous
// because the machine may be busy.
const demoPatience = 60 * time.Second

// A demoRun is a 'kzfast demo' with a temporary directory of its own.
type demoRun struct {
	*process
	tmp string
}

// takeDemoPorts keeps other tests from the demo's fixed ports until this one
// ends, also those of other runs, and skips the test when somebody else has
// one of them.
func takeDemoPorts(t *testing.T) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "kzfast-e2e-demo.lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	eventually(t, 2*demoPatience, func() bool {
		return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	}, "the lock %s of the demo's ports was not free", lock.Name())
	for _, addr := range demoAddresses {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Skipf("the demo's ports are fixed, and one is taken: %v", err)
		}
		l.Close()
	}
}

// runDemo starts a demo on the fixed ports.
func runDemo(t *testing.T, args ...string) *demoRun {
	t.Helper()
	dir := t.TempDir()
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	d := &demoRun{start(t, dir, "demo", []string{"TMPDIR=" + tmp}, append([]string{kzfast(t), "demo"}, args...)...), tmp}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the demo said:\n%s", d.text(0))
		}
	})
	return d
}

// formed waits for the cluster and the clients of the demo.
func (d *demoRun) formed(t *testing.T) {
	t.Helper()
	d.waitFor("connected: ", 0, demoPatience)
	took := regexp.MustCompile(`cluster formed in (.*) s`).FindStringSubmatch(d.text(0))
	t.Logf("cluster formed in %s s", took[1])
}

var demoPID = regexp.MustCompile(`(?m)^\s*(member-\d)\b.*? pid (\d+)`)

// pids are the processes of the demo's members, the latest of each.
func (d *demoRun) pids(t *testing.T) map[string]int {
	t.Helper()
	all := make(map[string]int)
	for _, m := range demoPID.FindAllStringSubmatch(d.text(0), -1) {
		all[m[1]] = int(atoi(t, m[2]))
	}
	if len(all) != 2 {
		t.Fatalf("the demo names %d members, want 2:\n%s", len(all), d.text(0))
	}
	return all
}

// leavesNothing waits until the processes are gone, and checks the files.
func (d *demoRun) leavesNothing(t *testing.T, pids map[string]int) {
	t.Helper()
	for name, pid := range pids {
		eventually(t, demoPatience, func() bool { return !alive(pid) }, "%s, pid %d, lives on", name, pid)
	}
	if left, _ := filepath.Glob(filepath.Join(d.tmp, "*")); len(left) > 0 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestDemoScript(t *testing.T) {
	takeDemoPorts(t)
	d := runDemo(t, "--clients", "20", "--script", "s,1,r,2,s,r,d,r,q")
	if code := d.exit(2 * demoPatience); code != 0 {
		t.Fatalf("exit status %d, want 0", code)
	}
	text := d.text(0)
	t.Log("\n" + text)
	inOrder(t, text, "cluster formed in", "all 20 clients connected",
		"member-1 killed", "has counted member-1 out", "member-1 started again", "cluster formed in",
		"member-2 killed", "all 20 back after", "member-2 started again", "cluster formed in",
		"told to drain", "has drained and left", "started again", "cluster formed in", "ended; no process")
	back := regexp.MustCompile(`(?m)^  (all \d+ back|no client was on it).* echoes lost 0,`).FindAllString(text, -1)
	if len(back) != 3 {
		t.Errorf("%d of 3 losses ended with everybody back and no echo lost: %q", len(back), back)
	}
	if strings.Contains(text, "WRONG") || strings.Contains(text, "ended by itself") {
		t.Error("an echo was wrong, or a member ended by itself")
	}
	d.leavesNothing(t, d.pids(t))
}

func TestDemoEndsWithCtrlC(t *testing.T) {
	takeDemoPorts(t)
	d := runDemo(t, "--clients", "5")
	d.formed(t)
	asked := time.Now()
	d.signal(syscall.SIGINT)
	if code := d.exit(demoPatience); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	t.Logf("ended %v after SIGINT", time.Since(asked))
	d.leavesNothing(t, d.pids(t))
}

// TestDemoKilled shows that the members die with the demo, and that the next
// one removes what it could not.
func TestDemoKilled(t *testing.T) {
	takeDemoPorts(t)
	d := runDemo(t, "--clients", "5")
	d.formed(t)
	pids := d.pids(t)
	d.kill()
	for name, pid := range pids {
		eventually(t, demoPatience, func() bool { return !alive(pid) }, "%s, pid %d, outlives the demo", name, pid)
	}
	next := exec.Command(kzfast(t), "demo", "--clients", "0", "--script", "q")
	next.Env = append(os.Environ(), "TMPDIR="+d.tmp)
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("the next demo: %v\n%s", err, out)
	}
	d.leavesNothing(t, pids)
}

func TestDemoReportsAMemberKilledFromOutside(t *testing.T) {
	takeDemoPorts(t)
	d := runDemo(t, "--clients", "10")
	d.formed(t)
	pid := d.pids(t)["member-2"]
	syscall.Kill(pid, syscall.SIGKILL)
	d.waitFor("member-2 ended by itself (signal: killed)", 0, demoPatience)
	d.waitFor("echoes lost 0", 0, demoPatience)
	d.waitFor("member-1 has counted member-2 out", 0, demoPatience)
	d.signal(syscall.SIGTERM)
	if code := d.exit(demoPatience); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

func TestDemoNamesTheTakenPort(t *testing.T) {
	takeDemoPorts(t)
	l, err := net.Listen("tcp", "127.0.0.5:5943")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := runDemo(t)
	if code := d.exit(demoPatience); code != exitFailed {
		t.Errorf("exit status %d, want %d", code, exitFailed)
	}
	text := d.text(0)
	for _, part := range []string{"tcp port 5943 on 127.0.0.5 is taken by ", "pid " + itoa(os.Getpid()), "try again"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
	if strings.Contains(text, "8001") {
		t.Errorf("names a port that is free:\n%s", text)
	}
}

// TestClientSurvivesItsMember kills the member that answers 'kzfast client'
// while it counts its echoes.
func TestClientSurvivesItsMember(t *testing.T) {
	takeDemoPorts(t)
	d := runDemo(t, "--clients", "0")
	d.waitFor("cluster formed", 0, demoPatience)
	c := start(t, t.TempDir(), "client", nil, kzfast(t), "client", "--count", "60", "--rate", "30", "--json", "ws://localhost:8001/echo")
	c.waitFor(`"text":"message 3"`, 0, demoPatience)
	name := map[string]string{"ws://127.0.0.4:8001/echo": "member-1", "ws://127.0.0.5:8001/echo": "member-2"}[clientMember(c.text(0))]
	if name == "" {
		t.Fatalf("no member in:\n%s", c.text(0))
	}
	syscall.Kill(d.pids(t)[name], syscall.SIGKILL)
	if code := c.exit(demoPatience); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	var sum struct {
		Event       string
		Back, Wrong int
		Members     []string
	}
	lines := bytes.Split(bytes.TrimSpace([]byte(c.text(0))), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil || sum.Event != "summary" {
		t.Fatalf("%v in the last line of:\n%s", err, c.text(0))
	}
	if sum.Back != 60 || sum.Wrong != 0 || len(sum.Members) != 2 {
		t.Errorf("got %+v, want 60 back from both members", sum)
	}
	if !strings.Contains(c.text(0), `"event":"closed"`) || !strings.Contains(c.text(0), `"away":`) {
		t.Errorf("no word of the loss in:\n%s", c.text(0))
	}
	t.Logf("%s", lines[len(lines)-1])
}

// clientMember is the first member named in the client's JSON.
func clientMember(text string) string {
	m := regexp.MustCompile(`"member":"([^"]+)"`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}
