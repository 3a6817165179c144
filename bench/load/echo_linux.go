package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// An echoer sends messages and counts those that come back.
type echoer struct {
	g     *generator
	count int64 // whole messages received
	sent  int64
	more  bool // closed loop: replace each message that came back
	touch bool // send one message on each connection as soon as it is open

	// Open loop only.
	start  time.Time
	every  float64 // nanoseconds between two messages, all connections together
	conns  []*conn
	record *hdrhistogram.Histogram // of messages that were due at or after from
	from   time.Time
}

func (e *echoer) data(c *conn, p []byte) error {
	if !c.open {
		rest, ok, err := e.g.upgraded(c, p)
		if err != nil || !ok {
			return err
		}
		if e.touch {
			e.send(c, 1)
		}
		if len(rest) == 0 {
			return nil
		}
		p = rest
	}
	n, err := e.g.frames(c, p)
	e.count += int64(n)
	if err != nil {
		return fmt.Errorf("connection %d: %w", c.at, err)
	}
	if e.more {
		e.send(c, n)
	} else if e.record != nil {
		e.observe(c, n)
	}
	return nil
}

func (e *echoer) gone(c *conn, err error) error { return lost(c, err) }

// send writes n messages at once.
func (e *echoer) send(c *conn, n int) {
	if n == 0 {
		return
	}
	b := e.g.scratch[:0]
	for range n {
		b = e.g.pat.appendFrame(b, c.v.id, c.sent)
		c.sent++
	}
	e.g.scratch = b
	e.sent += int64(n)
	e.g.write(c, b)
}

func (g *generator) echo() error {
	e := &echoer{g: g}
	if g.o.Extra > 0 {
		if _, err := g.open(g.o.Extra, e, g.request); err != nil {
			return err
		}
	}
	var err error
	if e.conns, err = g.open(g.o.Conns, e, g.request); err != nil {
		return err
	}
	if g.o.Rate > 0 {
		err = e.openLoop()
	} else {
		err = e.closedLoop()
	}
	if err != nil {
		return err
	}
	if err := g.until("waiting for the last messages", func() int64 { return e.count }, func() bool { return e.count == e.sent }); err != nil {
		return fmt.Errorf("%w: %d of %d: %w", errNotWhole, e.count, e.sent, err)
	}
	return nil
}

func (e *echoer) closedLoop() error {
	g := e.g
	e.more = true
	for _, c := range e.conns {
		e.send(c, g.o.Depth)
	}
	if err := e.busy(g.o.Warmup); err != nil {
		return err
	}
	s, err := g.begin()
	if err != nil {
		return err
	}
	before := e.count
	if err := e.busy(g.o.Duration); err != nil {
		return err
	}
	err = g.end(s, e.count-before)
	e.more = false
	return err
}

// busy turns the loop for d and gives up when nothing comes back.
func (e *echoer) busy(d time.Duration) error {
	end := time.Now().Add(d)
	return e.g.until("echo", func() int64 { return e.count }, func() bool { return !time.Now().Before(end) })
}

// due is the moment at which message seq of connection i (its place in
// e.conns) is sent: the messages of all connections follow one another evenly.
func (e *echoer) due(i int, seq uint32) time.Time {
	k := float64(seq)*float64(len(e.conns)) + float64(i)
	return e.start.Add(time.Duration(k * e.every))
}

// observe records the last n messages of c by the time they were due, so that a
// server that stalls is charged for every message it kept waiting.
func (e *echoer) observe(c *conn, n int) {
	now, i := time.Now(), c.at-e.conns[0].at
	for k := range uint32(n) {
		if due := e.due(i, c.v.seq-1-k); !due.Before(e.from) {
			_ = e.record.RecordValue(max(now.Sub(due).Nanoseconds(), 1))
		}
	}
}

// openLoop sends by the clock whatever comes back.
func (e *echoer) openLoop() error {
	g := e.g
	e.every = 1e9 / float64(g.o.Rate)
	e.record = hdrhistogram.New(1, time.Minute.Nanoseconds(), 3)
	e.start = time.Now()
	e.from = e.start.Add(g.o.Warmup)
	if err := e.pace(e.from); err != nil {
		return err
	}
	s, err := g.begin()
	if err != nil {
		return err
	}
	before := e.count
	if err := e.pace(e.from.Add(g.o.Duration)); err != nil {
		return err
	}
	if err := g.end(s, e.count-before); err != nil {
		return err
	}
	q := func(p float64) float64 { return float64(e.record.ValueAtQuantile(p)) / 1e3 }
	g.result.Latency = &Latency{P50: q(50), P90: q(90), P99: q(99), P999: q(99.9), Max: float64(e.record.Max()) / 1e3}
	return nil
}

// pace sends what is due until end. It never sleeps longer than a millisecond:
// the generator has a core of its own.
func (e *echoer) pace(end time.Time) error {
	for now := time.Now(); now.Before(end); now = time.Now() {
		due := int64(float64(now.Sub(e.start)) / e.every)
		for e.sent <= due {
			c := e.conns[e.sent%int64(len(e.conns))]
			if len(c.out) > 1<<20 {
				return fmt.Errorf("connection %d: the server is %d bytes behind the rate", c.at, len(c.out))
			}
			e.send(c, 1)
		}
		if err := e.g.turn(0); err != nil {
			return err
		}
	}
	return nil
}
