package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/kzfast/kzfast/bench/conf"
	"github.com/kzfast/kzfast/bench/load"
)

// A Bench is one run of all that was asked for. Its methods are for one
// goroutine.
type Bench struct {
	Root string // repository
	Out  string // directory for binaries, logs and results

	Rounds    int
	Warmup    time.Duration
	Duration  time.Duration // measured, per cell
	Settle    time.Duration // before each memory reading
	Scale     int           // divides connections of the memory and gc workloads; 1 is the real thing
	Procs     int           // GOMAXPROCS of the servers
	ServerCPU int
	LoadCPU   int
	Servers   []string  // names; empty: all
	Workloads []string  // names; empty: all
	Log       io.Writer // progress

	pin bool
}

// A Sample is one cell of one round.
type Sample struct {
	Workload string       `json:"workload"`
	Server   string       `json:"server"`
	Round    int          `json:"round"`
	Result   *load.Result `json:"result,omitempty"`
	GC       *Collection  `json:"gc,omitempty"`    // in the measured interval
	GCAll    *Collection  `json:"gcAll,omitempty"` // since the process started, the opening of the connections included
	Error    string       `json:"error,omitempty"`
}

// onceRounds is how often a workload marked Once is repeated at most.
const onceRounds = 3

// gcStretch makes the gc cells longer, as collections are rare.
const gcStretch = 4

func (b *Bench) say(format string, args ...any) { fmt.Fprintf(b.Log, format+"\n", args...) }

// Run measures and returns the samples in the order they were taken. A cell
// that fails is a sample with an error; the run goes on.
func (b *Bench) Run(ctx context.Context) ([]Sample, error) {
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return nil, err
	}
	_, err := exec.LookPath("taskset")
	b.pin = err == nil && runtime.NumCPU() > 1
	if !b.pin {
		b.say("not pinned: needs taskset and two CPUs")
	}
	work, servers, err := b.selected()
	if err != nil {
		return nil, err
	}
	var all []Sample
	for _, w := range work {
		cast := b.cast(w, servers)
		rounds := b.Rounds
		if w.Once {
			rounds = min(rounds, onceRounds)
		}
		for round := range rounds {
			for _, s := range cast {
				if ctx.Err() != nil {
					return all, ctx.Err()
				}
				sample := b.cell(ctx, w, s)
				sample.Round = round + 1
				all = append(all, sample)
				b.say("%s", line(w, sample))
			}
		}
	}
	return all, nil
}

// selected resolves the names and drops servers that are not there.
func (b *Bench) selected() (work []Workload, servers []Server, err error) {
	work, servers = Workloads(), Servers()
	for _, name := range b.Workloads {
		if !slices.ContainsFunc(work, func(w Workload) bool { return w.Name == name }) {
			return nil, nil, fmt.Errorf("no workload %q", name)
		}
	}
	for _, name := range b.Servers {
		if !slices.ContainsFunc(servers, func(s Server) bool { return s.Name == name }) {
			return nil, nil, fmt.Errorf("no server %q", name)
		}
	}
	if len(b.Workloads) > 0 {
		work = slices.DeleteFunc(work, func(w Workload) bool { return !slices.Contains(b.Workloads, w.Name) })
	}
	servers = slices.DeleteFunc(servers, func(s Server) bool {
		if len(b.Servers) > 0 && !slices.Contains(b.Servers, s.Name) {
			return true
		}
		why := b.missing(s)
		if why != "" {
			b.say("%s: left out, %s", s.Name, why)
		}
		return why != ""
	})
	return work, servers, nil
}

// cast lists the servers that take part in w.
func (b *Bench) cast(w Workload, servers []Server) (list []Server) {
	for _, s := range servers {
		if s.command(b, w.Role) == nil || w.Metric == GC && !s.Go {
			continue
		}
		list = append(list, s)
	}
	return list
}

// cell starts a server, drives it and stops it.
func (b *Bench) cell(ctx context.Context, w Workload, s Server) Sample {
	sample := Sample{Workload: w.Name, Server: s.Name}
	if err := b.measure(ctx, w, s, &sample); err != nil {
		sample.Error = err.Error()
	}
	return sample
}

func (b *Bench) measure(ctx context.Context, w Workload, s Server, sample *Sample) error {
	if w.Role == Proxy {
		for mode, addr := range map[string]string{"echo": conf.BackWS, "tcpecho": conf.BackTCP} {
			host, port := split(addr)
			p, err := b.start(ctx, "back-"+mode, b.LoadCPU, addr, []string{b.bin("floor-c"), mode, host, port}, false)
			if err != nil {
				return err
			}
			defer p.stop()
		}
	}
	p, err := b.start(ctx, s.Name+"."+w.Name, b.ServerCPU, conf.Front, s.command(b, w.Role), w.Metric == GC)
	if err != nil {
		return err
	}
	defer p.stop()
	sample.Result, err = b.drive(ctx, b.options(w, p.cmd.Process.Pid))
	if err == nil && w.Metric == GC {
		c, all := p.trace.between(sample.Result.From, sample.Result.To), p.trace.between(time.Time{}, sample.Result.To)
		sample.GC, sample.GCAll = &c, &all
	}
	if err == nil && w.Metric != Memory && sample.Result.ServerCPU == 0 {
		return errors.New("the server used no CPU time: not the process that answered")
	}
	return err
}

// options completes a workload's for one cell.
func (b *Bench) options(w Workload, pid int) load.Options {
	o := w.Load
	o.Warmup, o.Duration, o.Settle, o.PID = b.Warmup, b.Duration, b.Settle, pid
	if w.Metric == GC {
		o.Duration *= gcStretch
	}
	if o.URL == "" {
		o.URL = "ws://" + conf.Front + "/echo"
	}
	if w.Metric != CPU && b.Scale > 1 {
		o.Extra /= b.Scale
		o.Churn /= b.Scale
		if w.Metric == Memory {
			o.Conns /= b.Scale
		}
	}
	return o
}

// drive runs the load generator as a process of its own.
func (b *Bench) drive(ctx context.Context, o load.Options) (*load.Result, error) {
	args := []string{b.bin("load"), "-mode", string(o.Mode), "-url", o.URL,
		"-conns", strconv.Itoa(o.Conns), "-depth", strconv.Itoa(max(o.Depth, 1)), "-size", strconv.Itoa(max(o.Size, 125)),
		"-rate", strconv.Itoa(o.Rate), "-extra", strconv.Itoa(o.Extra), "-churn", strconv.Itoa(o.Churn),
		"-burst", strconv.Itoa(max(o.Burst, 1)), "-location", o.Location, "-kind", o.Kind, "-publish", o.Publish,
		"-warmup", o.Warmup.String(), "-duration", o.Duration.String(), "-settle", o.Settle.String(),
		"-pid", strconv.Itoa(o.PID), "-text=" + strconv.FormatBool(o.Text),
		"-stream=" + strconv.FormatBool(o.Stream), "-touch=" + strconv.FormatBool(o.Touch)}
	args = b.pinned(b.LoadCPU, args)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	failed := cmd.Run()
	r := &load.Result{}
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return nil, fmt.Errorf("load: %w: %s", errors.Join(failed, err), fault.String())
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, failed
}
