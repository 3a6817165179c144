package load

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kzfast/kzfast/bench/wire"
)

// A churner makes new connections as fast as the server answers, a fixed
// number at a time: dial, upgrade request, answer, close.
type churner struct {
	g      *generator
	count  int64
	budget int64 // connections still to start; negative is without end
	bye    bool  // finish a 101 with the closing handshake (RFC 6455 §7)
	active int
}

func (u *churner) next(c *conn) error {
	if u.budget == 0 {
		u.active--
		return nil
	}
	u.budget--
	return u.g.dial(c, u.g.to.addr, u.g.request)
}

func (u *churner) finish(c *conn) error {
	u.count++
	u.g.close(c)
	return u.next(c)
}

func (u *churner) data(c *conn, p []byte) error {
	if c.open {
		if !u.bye {
			return nil
		}
		if p[0]&0x0f == wire.OpClose {
			return u.finish(c)
		}
		return fmt.Errorf("connection %d: %#x came, want a close frame", c.at, p)
	}
	if u.g.o.Mode == Redirect {
		return u.redirected(c, p)
	}
	_, ok, err := u.g.upgraded(c, p)
	if err != nil || !ok {
		return err
	}
	if !u.bye {
		return u.finish(c)
	}
	c.sent = 1
	u.g.write(c, wire.AppendFrame(nil, wire.OpClose, []byte{3, 0xE8}, u.g.pat.key))
	return nil
}

// redirected takes a 302 and its body, if it has one.
func (u *churner) redirected(c *conn, p []byte) error {
	whole := append(c.head, p...)
	c.head = nil
	r, rest, ok, err := c.response(whole)
	if err != nil || !ok {
		return err
	}
	if r.Status != 302 || !strings.HasPrefix(r.Header("Location"), u.g.o.Location) || r.Header("Location") == "" {
		return fmt.Errorf("redirect: got status %d, location %q; want 302, %q", r.Status, r.Header("Location"), u.g.o.Location)
	}
	if len(rest) < r.ContentLength() {
		c.head = whole
		return nil
	}
	return u.finish(c)
}

func (u *churner) gone(c *conn, err error) error {
	if c.sent == 1 && err == io.EOF {
		u.count++ // the server ends the closing handshake, as it should (§7.1.1)
		return u.next(c)
	}
	u.g.result.Failed++
	if u.g.result.Failed > 100+u.count/100 {
		return fmt.Errorf("%d of %d connections failed, the last: %w", u.g.result.Failed, u.count, err)
	}
	return u.next(c)
}

// start puts n slots to work.
func (u *churner) start(n int) error {
	for range n {
		u.active++
		if err := u.next(u.g.add(u)); err != nil {
			return err
		}
	}
	return nil
}

func (u *churner) progress() int64 { return u.count }

func (g *generator) churn() error {
	u := &churner{g: g, budget: -1}
	if err := u.start(g.o.Conns); err != nil {
		return err
	}
	busy := func(d time.Duration) error {
		end := time.Now().Add(d)
		return g.until(string(g.o.Mode), u.progress, func() bool { return !time.Now().Before(end) })
	}
	if err := busy(g.o.Warmup); err != nil {
		return err
	}
	s, err := g.begin()
	if err != nil {
		return err
	}
	before := u.count
	if err := busy(g.o.Duration); err != nil {
		return err
	}
	return g.end(s, u.count-before)
}
