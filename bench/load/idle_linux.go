package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kzfast/kzfast/bench/proc"
)

// warm is the number of connections opened and closed before the first memory
// reading: they make the server touch its code and its tables.
const warm = 64

// idle measures what a connection at rest costs the server.
func (g *generator) idle() error {
	if g.o.PID == 0 {
		return fmt.Errorf("idle: no server process to measure")
	}
	g.result.Memory = &Memory{}
	m := g.result.Memory
	if err := g.hold(warm); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	g.drop()
	if err := g.reading(&m.Before); err != nil {
		return err
	}
	if err := g.hold(g.o.Conns); err != nil {
		return err
	}
	s, err := g.begin()
	if err != nil {
		return err
	}
	if err := g.reading(&m.Held); err != nil {
		return err
	}
	if err := g.end(s, int64(g.o.Conns)); err != nil {
		return err
	}
	m.IdleCPU = g.result.ServerCPU
	if g.o.Churn > 0 {
		for _, at := range []*proc.Memory{&m.Half, &m.Churn} {
			if err := g.pass(g.o.Churn / 2); err != nil {
				return err
			}
			if err := g.reading(at); err != nil {
				return err
			}
		}
	}
	g.drop()
	return g.reading(&m.After)
}

// pass opens and closes n connections, the closing handshake included.
func (g *generator) pass(n int) error {
	u := &churner{g: g, budget: int64(n), bye: true}
	if err := u.start(min(n, 64)); err != nil {
		return err
	}
	return g.until("churn", u.progress, func() bool { return u.active == 0 })
}

// hold opens n connections of the wanted kind.
func (g *generator) hold(n int) error {
	switch g.o.Kind {
	case "sse", "wse":
		p := newPoll(g)
		_, err := g.open(n, p, p.first)
		return err
	case "ws":
		e := &echoer{g: g, touch: g.o.Touch}
		if _, err := g.open(n, e, g.request); err != nil {
			return err
		}
		return g.until("touching connections", func() int64 { return e.count }, func() bool { return e.count == e.sent })
	}
	return fmt.Errorf("kind %q: want ws, sse or wse", g.o.Kind)
}

// drop closes all connections and forgets them.
func (g *generator) drop() {
	for _, c := range g.conns {
		g.close(c)
	}
	g.conns = nil
}

// reading stores the server's memory after the settling time.
func (g *generator) reading(m *proc.Memory) (err error) {
	if err := g.sleep(max(g.o.Settle, 300*time.Millisecond)); err != nil {
		return err
	}
	if err := g.processes(); err != nil {
		return err
	}
	if *m, err = proc.Resident(g.pids); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// descriptors raises the soft limit to the hard one, as the generator needs
// one descriptor per connection.
func descriptors() {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		r.Cur = r.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &r)
	}
}
