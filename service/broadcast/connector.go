package broadcast

import (
	"net/netip"
	"sync/atomic"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A connector keeps one connection to one of the back ends, on the first
// loop. Each read of a TCP back end, and each message of a WebSocket one, is a
// message. When the connection is lost or fails, the next address is tried,
// and after the last one, when the delay has passed, the first again.
type connector struct {
	gatherer
	backEnds []BackEnd
	started  atomic.Bool
	stopped  atomic.Bool

	next int              // of backEnds
	try  []netip.AddrPort // addresses of the one before, not yet tried
	ch   session.Channel  // nil between connections
	up   bool
	said assembly
}

func newConnector(s *Service, list []BackEnd) *connector {
	return &connector{gatherer: gatherer{s: s}, backEnds: list}
}

func (c *connector) worker() *session.Worker { return c.s.o.Workers()[0] }

func (c *connector) start() {
	c.begin(c.s, c.worker())
	c.started.Store(true)
	c.worker().Loop.Post(c.dial)
}

func (c *connector) stop() {
	c.stopped.Store(true)
	if !c.started.Load() {
		return
	}
	c.worker().Loop.Post(func() {
		if c.ch != nil {
			c.ch.Close(wsproto.CodeNormal, "")
		}
	})
}

// dial connects to the next address; when all had their turn it waits.
func (c *connector) dial() {
	if c.stopped.Load() {
		return
	}
	for len(c.try) == 0 {
		if c.next == len(c.backEnds) {
			c.next = 0
			c.worker().Loop.After(c.s.o.ReconnectDelay, c.dial)
			return
		}
		c.try = c.backEnds[c.next].Addrs()
		c.next++
	}
	addr := c.try[0]
	c.try = c.try[1:]
	o, w := &c.s.o, c.worker()
	if d := c.backEnds[c.next-1].WebSocket; d != nil {
		c.ch = session.DialWebSocket(w, addr, o.DialTimeout, d, "", c)
	} else {
		c.ch = session.DialStream(w, addr, o.DialTimeout, c)
	}
}

// Connected implements [session.Connecter].
func (c *connector) Connected(ch session.Channel) {
	c.up = true
	c.s.o.Logger.Info("back end connected", "addr", ch.RemoteAddr().String())
}

// Frame implements [session.Receiver].
func (c *connector) Frame(ch session.Channel, f *wsproto.Frame) {
	c.said.frame(&c.gatherer, ch, f)
}

// Drained implements [session.Receiver].
func (c *connector) Drained(session.Channel) {}

// Closed implements [session.Receiver]: the back end is gone, or never came.
// Clients stay. A back end that was lost is given the delay before it is
// tried again.
func (c *connector) Closed(ch session.Channel, _ wsproto.Code, _ []byte) {
	c.gone(ch)
	c.ch, c.said = nil, assembly{}
	if c.stopped.Load() {
		return
	}
	if !c.up {
		c.dial()
		return
	}
	c.up = false
	c.next, c.try = 0, nil
	c.s.o.Logger.Warn("back end lost", "again", c.s.o.ReconnectDelay.String())
	c.worker().Loop.After(c.s.o.ReconnectDelay, c.dial)
}
