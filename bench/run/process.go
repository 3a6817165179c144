package run

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/kzfast/kzfast/bench/conf"
)

// A process is a server or back end that was started here.
type process struct {
	cmd   *exec.Cmd
	trace *traces
	ended chan struct{} // closed when it has been waited for
	read  sync.WaitGroup
}

// TakeTurn makes sure that one benchmark runs on a machine at a time: they share
// its CPUs, addresses and output directory. Close ends the turn.
func TakeTurn() (io.Closer, error) {
	l, err := net.Listen("tcp", conf.Turn)
	if err != nil {
		return nil, fmt.Errorf("another benchmark is running: %w", err)
	}
	return l, nil
}

// start runs args on cpu and waits until addr accepts. Output goes to
// NAME.log in the output directory, gctrace lines also to the traces.
func (b *Bench) start(ctx context.Context, name string, cpu int, addr string, args []string, gctrace bool) (*process, error) {
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: something else serves %s already", name, addr)
	}
	args = b.pinned(cpu, args)
	log, err := os.Create(filepath.Join(b.Out, name+".log"))
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(args[0], args[1:]...), trace: &traces{}, ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Dir = b.Root
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(b.Procs))
	if gctrace {
		p.cmd.Env = append(p.cmd.Env, "GODEBUG=gctrace=1")
	}
	p.cmd.Stdout = log
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		log.Close()
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	p.read.Go(func() { p.follow(stderr, log) })
	go p.wait(log)
	if err := p.ready(ctx, addr); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w (%s)", name, err, filepath.Base(log.Name()))
	}
	return p, nil
}

// pinned puts args on one CPU, when there is a taskset to do it.
func (b *Bench) pinned(cpu int, args []string) []string {
	if !b.pin {
		return args
	}
	return append([]string{"taskset", "-c", strconv.Itoa(cpu)}, args...)
}

func (p *process) follow(stderr io.Reader, log io.Writer) {
	s := bufio.NewScanner(stderr)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.trace.add(time.Now(), s.Text())
		fmt.Fprintln(log, s.Text())
	}
	_, _ = io.Copy(log, stderr)
}

// wait ends with the process and its output.
func (p *process) wait(log *os.File) {
	p.read.Wait()
	_ = p.cmd.Wait()
	log.Close()
	close(p.ended)
}

func (p *process) ready(ctx context.Context, addr string) error {
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended at once: %v: %s", p.cmd.ProcessState, p.trace.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("nothing accepts on %s after 10 s: %w", addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop asks the process group to end and insists after five seconds.
func (p *process) stop() {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-p.cmd.Process.Pid, sig)
		select {
		case <-p.ended:
			return
		case <-time.After(5 * time.Second):
		}
	}
}
