//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a child of the test with its output in a file.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	file string        // standard output and error together
	done chan struct{} // closed when it has ended
}

// forker runs its functions on one thread that lives as long as the test
// binary: the kernel ends a child when the thread that started it ends.
var forker = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for fn := range work {
			fn()
		}
	}()
	return work
})

// start runs a command whose end comes with the test's at the latest. Its
// output is appended to dir/name.log.
func start(t *testing.T, dir, name string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, file: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	forker() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	go p.reap()
	t.Cleanup(p.kill)
	return p
}

// reap is the goroutine that waits for the process; kill waits for it.
func (p *process) reap() {
	_ = p.cmd.Wait()
	close(p.done)
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !p.ended() {
		p.t.Errorf("%s: %v: %v", p.name, s, err)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process as kill -9 does and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// exit waits for the end of the process and answers its status.
func (p *process) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("%s still runs after %v", p.name, within)
		return -1
	}
}

// text is what the process has written, from byte offset from on.
func (p *process) text(from int) string {
	b, err := os.ReadFile(p.file)
	if err != nil || from > len(b) {
		return ""
	}
	return string(b[from:])
}

// mark is the present length of the output, for use as an offset.
func (p *process) mark() int { return len(p.text(0)) }

// waitFor waits until the output behind offset from contains part.
func (p *process) waitFor(part string, from int, within time.Duration) {
	p.t.Helper()
	eventually(p.t, within, func() bool {
		return strings.Contains(p.text(from), part) || p.ended()
	}, "%s: no line with %q", p.name, part)
	if !strings.Contains(p.text(from), part) {
		p.t.Fatalf("%s ended without a line with %q", p.name, part)
	}
}

// tail is the last n lines of the output.
func (p *process) tail(n int) string {
	lines := strings.Split(strings.TrimSuffix(p.text(0), "\n"), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// resident is the resident memory of the process in bytes.
func (p *process) resident() int64 {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", itoa(p.cmd.Process.Pid), "statm"))
	if err != nil {
		p.t.Fatal(err)
	}
	fields := bytes.Fields(b)
	return atoi(p.t, string(fields[1])) * int64(os.Getpagesize())
}

// files is the number of open descriptors of the process.
func (p *process) files() int {
	p.t.Helper()
	list, err := os.ReadDir(filepath.Join("/proc", itoa(p.cmd.Process.Pid), "fd"))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(list)
}
