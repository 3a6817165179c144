package load

import (
	"fmt"
	"net"
	"time"
)

// A fan counts deliveries. All subscribers get the same messages, those of
// connection 0, from number 0 on.
type fan struct {
	g     *generator
	count int64
	want  int64 // deliveries of what was published so far
	seq   uint32
	send  func(p []byte) error
}

func (f *fan) data(c *conn, p []byte) error {
	if !c.open {
		rest, ok, err := f.g.upgraded(c, p)
		if err != nil || !ok || len(rest) == 0 {
			return err
		}
		p = rest
	}
	n, err := f.g.frames(c, p)
	f.count += int64(n)
	if err != nil {
		return fmt.Errorf("subscriber %d: %w", c.at, err)
	}
	return nil
}

func (f *fan) gone(c *conn, err error) error { return lost(c, err) }

// broadcast publishes one burst at a time: the next leaves when every
// subscriber has the last, so that bursts never merge.
func (g *generator) broadcast() error {
	f := &fan{g: g}
	appendMessage := g.pat.appendFrame
	var source func() (*net.TCPConn, error)
	if g.o.Publish != "ws" {
		l, err := net.Listen("tcp", g.o.Publish)
		if err != nil {
			return err
		}
		defer l.Close()
		source = func() (*net.TCPConn, error) { return accept(l.(*net.TCPListener)) }
		appendMessage, g.stream.loose = g.pat.appendPlain, true
	}
	list, err := g.open(g.o.Conns, f, g.request)
	if err != nil {
		return err
	}
	for _, c := range list {
		c.v.id = 0
	}
	f.send = func(p []byte) error { g.write(list[0], p); return nil }
	if source != nil {
		c, err := source()
		if err != nil {
			return fmt.Errorf("waiting for the server's back end connection: %w", err)
		}
		defer c.Close()
		f.send = func(p []byte) error { _, err := c.Write(p); return err }
	}
	// A server may register a subscriber after it has written the 101.
	if err := g.sleep(500 * time.Millisecond); err != nil {
		return err
	}
	return g.publish(f, appendMessage)
}

func (g *generator) publish(f *fan, appendMessage func([]byte, uint32, uint32) []byte) error {
	run := func(d time.Duration) error {
		end := time.Now().Add(d)
		for time.Now().Before(end) {
			b := g.scratch[:0]
			for range g.o.Burst {
				b = appendMessage(b, 0, f.seq)
				f.seq++
			}
			g.scratch = b
			f.want += int64(g.o.Burst * g.o.Conns)
			if err := f.send(b); err != nil {
				return fmt.Errorf("publishing: %w", err)
			}
			if err := g.until("deliveries", func() int64 { return f.count }, func() bool { return f.count >= f.want }); err != nil {
				return err
			}
		}
		return nil
	}
	if err := run(g.o.Warmup); err != nil {
		return err
	}
	s, err := g.begin()
	if err != nil {
		return err
	}
	before := f.count
	if err := run(g.o.Duration); err != nil {
		return err
	}
	return g.end(s, f.count-before)
}

// accept waits for the server to dial; a gateway tries every three seconds.
func accept(l *net.TCPListener) (*net.TCPConn, error) {
	if err := l.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	return l.AcceptTCP()
}
