package load

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/kzfast/kzfast/bench/proc"
	"github.com/kzfast/kzfast/bench/wire"
)

const (
	readBuffer = 256 << 10
	// opening bounds the handshakes under way at once, below any listener's backlog.
	opening = 128
	// stall is how long nothing may happen before a run is given up.
	stall = 15 * time.Second
)

// A generator is one run. Everything happens on the goroutine that called Run.
type generator struct {
	o       Options
	to      target
	ep      *poller
	conns   []*conn
	buf     []byte
	scratch []byte
	pat     *pattern
	stream  *stream
	request []byte // opening handshake, the same for all connections
	accept  string
	pids    []int
	dialled int
	result  *Result
}

// Run does what o says and returns what it found. With an error the result
// says how far it came, and its Error has the text. Run takes over the calling
// thread and switches the garbage collector off for the process.
func Run(o Options) (*Result, error) {
	g := &generator{o: o, buf: make([]byte, readBuffer), result: &Result{}}
	err := g.run()
	g.result.Options = g.o
	if err != nil {
		g.result.Error = err.Error()
	}
	return g.result, err
}

func (g *generator) run() (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)
	descriptors()
	if g.to, err = g.o.complete(); err != nil {
		return err
	}
	if g.ep, err = newPoller(); err != nil {
		return err
	}
	defer g.closeAll()
	var random [20]byte
	_, _ = rand.Read(random[:])
	key := base64.StdEncoding.EncodeToString(random[:16])
	g.request = wire.AppendRequest(nil, g.to.host, g.to.path, key)
	g.accept = wire.Accept(key)
	g.pat = newPattern(g.o.Size, g.o.Text, [4]byte(random[16:]))
	g.stream = &stream{pat: g.pat, op: opcode(g.o.Text), loose: g.o.Stream}
	if err := g.processes(); err != nil {
		return err
	}
	switch g.o.Mode {
	case Echo:
		return g.echo()
	case Idle:
		return g.idle()
	case Redirect, Handshake:
		return g.churn()
	case Broadcast:
		return g.broadcast()
	}
	return fmt.Errorf("mode %q: want echo, idle, redirect, handshake or broadcast", g.o.Mode)
}

func (g *generator) closeAll() {
	for _, c := range g.conns {
		g.reset(c)
	}
	_ = syscall.Close(g.ep.fd)
}

// add makes a conn that is not dialled yet.
func (g *generator) add(d driver) *conn {
	c := &conn{fd: -1, at: len(g.conns), d: d}
	c.v.id = uint32(c.at)
	g.conns = append(g.conns, c)
	return c
}

// turn serves the events at hand, waiting for at most timeout.
func (g *generator) turn(timeout time.Duration) error {
	for _, e := range g.ep.wait(timeout) {
		if c := g.conns[e.Fd]; c.fd >= 0 {
			if err := g.event(c, e.Events); err != nil {
				return err
			}
		}
	}
	return nil
}

// until turns the loop until done reports true; progress must change within
// stall, or the run is given up.
func (g *generator) until(what string, progress func() int64, done func() bool) error {
	last, since := progress(), time.Now()
	for !done() {
		if err := g.turn(10 * time.Millisecond); err != nil {
			return err
		}
		now := time.Now()
		if p := progress(); p != last {
			last, since = p, now
		} else if now.Sub(since) > stall {
			return fmt.Errorf("%s: nothing happened for %v, at %d", what, stall, last)
		}
	}
	return nil
}

// sleep turns the loop for d.
func (g *generator) sleep(d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := g.turn(min(left+time.Millisecond, 100*time.Millisecond)); err != nil {
			return err
		}
	}
}

// open dials n connections for d with first as their first bytes and waits
// until all are open. It returns them.
func (g *generator) open(n int, d driver, first []byte) ([]*conn, error) {
	from := len(g.conns)
	for range n {
		g.add(d)
	}
	list := g.conns[from:]
	var dialled, stood int
	var fault error
	err := g.until("opening connections", func() int64 { return int64(stood) }, func() bool {
		for fault == nil && dialled < n && dialled-stood < opening {
			fault = g.dial(list[dialled], g.to.addr, first)
			dialled++
		}
		for stood < dialled && list[stood].open {
			stood++
		}
		return fault != nil || stood == n
	})
	return list, errors.Join(fault, err)
}

// A span measures an interval.
type span struct {
	from        time.Time
	server, own time.Duration
}

// processes finds the server's processes; a master may start its workers after
// it listens, so each measurement looks again.
func (g *generator) processes() (err error) {
	if g.o.PID == 0 {
		return nil
	}
	if g.pids, err = proc.Tree(g.o.PID); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

func (g *generator) begin() (s span, err error) {
	if err := g.processes(); err != nil {
		return s, err
	}
	if s.server, err = proc.CPU(g.pids); err != nil {
		return s, fmt.Errorf("server: %w", err)
	}
	s.own, s.from = ownCPU(), time.Now()
	return s, nil
}

// end stores the interval since s and the messages in it.
func (g *generator) end(s span, messages int64) error {
	r := g.result
	r.From, r.To, r.Messages = s.from, time.Now(), messages
	r.Elapsed, r.LoadCPU = r.To.Sub(s.from), ownCPU()-s.own
	cpu, err := proc.CPU(g.pids)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	r.ServerCPU = cpu - s.server
	return nil
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// lost says that an established connection ended when it must not.
func lost(c *conn, err error) error {
	return fmt.Errorf("connection %d: lost after message %d: %w", c.at, c.v.seq, err)
}

var errNotWhole = errors.New("not all messages came back")
