package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// phase is what the demo wants of a member's process.
type phase uint8

const (
	dead phase = iota
	running
	killed   // kill -9 sent
	draining // SIGTERM sent
)

// A member is one child process, or the place of one that ended. All but dead
// belongs to the demo's goroutine.
type member struct {
	*place
	phase phase
	cmd   *exec.Cmd
	since time.Time // of the phase
	view  view
	tail  []string      // the last lines of the log
	ended chan struct{} // closed when the process has been waited for

	down atomic.Bool // for the clients' dials
}

// tailLines is how much of the log is shown when a member ends by itself.
const tailLines = 8

func (m *member) alive() bool { return m.phase == running }

// start runs the member's process. line is called for each line it writes, and
// then exited once, both from a goroutine of this process.
func (m *member) start(o *Options, r *room, line func(string), exited func(error)) error {
	log, err := os.Create(r.path(m.Name + ".log"))
	if err != nil {
		return err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	cmd := exec.Command(o.Executable, "-config", r.path(m.File), "-D", "GATEWAY_WEB_DIRECTORY="+r.web())
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = tether()
	err = cmd.Start()
	in.Close()
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", m.Name, err), log.Close(), out.Close())
	}
	m.cmd, m.view, m.tail, m.ended = cmd, view{}, nil, make(chan struct{})
	m.enter(running)
	m.down.Store(false)
	go pump(cmd, out, log, m.ended, line, exited)
	return nil
}

func (m *member) enter(p phase) { m.phase, m.since = p, time.Now() }

// pump is the goroutine of one child: it ends when the child has.
func pump(cmd *exec.Cmd, out, log *os.File, ended chan struct{}, line func(string), exited func(error)) {
	for r := bufio.NewReader(out); ; {
		text, err := r.ReadString('\n')
		if text != "" {
			io.WriteString(log, text)
			line(text)
		}
		if err != nil {
			break
		}
	}
	out.Close()
	log.Close()
	err := cmd.Wait()
	close(ended)
	exited(err)
}

func (m *member) pid() int { return m.cmd.Process.Pid }

// kill is kill -9.
func (m *member) kill() {
	m.down.Store(true)
	m.enter(killed)
	m.cmd.Process.Kill()
}

// drain is SIGTERM: the member withdraws, closes its sessions and leaves.
func (m *member) drain() {
	m.enter(draining)
	m.cmd.Process.Signal(syscall.SIGTERM)
}

// finish waits for the end of the process, and forces it at the deadline.
func (m *member) finish(deadline time.Time) {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-m.ended:
	case <-t.C:
		m.cmd.Process.Kill()
		<-m.ended
	}
}

func (m *member) heard(text string) (changed bool) {
	m.tail = append(m.tail, text)
	m.tail = m.tail[max(0, len(m.tail)-tailLines):]
	return m.view.read(text)
}
