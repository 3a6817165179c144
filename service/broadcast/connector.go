package broadcast

import (
	"sync/atomic"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A connector keeps one connection to the back end, on the first loop. Each
// read of a TCP back end, and each message of a WebSocket one, is a message.
type connector struct {
	gatherer
	stopped atomic.Bool
	ch      session.Channel // nil between connections
	up      bool
	message []byte // unfinished message of a WebSocket back end
	op      wsproto.Opcode
}

func newConnector(s *Service) *connector { return &connector{gatherer: gatherer{s: s}} }

func (c *connector) worker() *session.Worker { return c.s.o.Workers()[0] }

func (c *connector) start() { c.worker().Loop.Post(c.dial) }

func (c *connector) stop() {
	c.stopped.Store(true)
	c.worker().Loop.Post(func() {
		if c.ch != nil {
			c.ch.Close(wsproto.CodeNormal, "")
		}
	})
}

func (c *connector) dial() {
	if c.stopped.Load() {
		return
	}
	addrs := c.s.o.Addrs()
	if len(addrs) == 0 {
		c.later()
		return
	}
	o, w := &c.s.o, c.worker()
	if o.WebSocket != nil {
		c.ch = session.DialWebSocket(w, addrs[0], o.DialTimeout, o.WebSocket, "", c)
	} else {
		c.ch = session.DialStream(w, addrs[0], o.DialTimeout, c)
	}
}

func (c *connector) later() {
	c.worker().Loop.After(c.s.o.ReconnectDelay, c.dial)
}

// Connected implements [session.Connecter].
func (c *connector) Connected(ch session.Channel) {
	c.up = true
	c.s.o.Logger.Info("back end connected", "addr", ch.RemoteAddr().String())
}

// Frame implements [session.Receiver].
func (c *connector) Frame(_ session.Channel, f *wsproto.Frame) {
	if f.Op != wsproto.OpContinuation && f.Start() {
		c.op = f.Op
	}
	if f.Whole() && f.Fin && len(c.message) == 0 {
		c.add(c.worker(), c.op, f.Data)
		return
	}
	c.message = append(c.message, f.Data...)
	if f.Last() {
		c.add(c.worker(), c.op, c.message)
		c.message = c.message[:0]
	}
}

// Drained implements [session.Receiver].
func (c *connector) Drained(session.Channel) {}

// Closed implements [session.Receiver]: the back end is gone, or never came.
// Clients stay.
func (c *connector) Closed(session.Channel, wsproto.Code, []byte) {
	c.ch, c.message = nil, nil
	if c.stopped.Load() {
		return
	}
	if c.up {
		c.up = false
		c.s.o.Logger.Warn("back end lost", "again", c.s.o.ReconnectDelay.String())
	}
	c.later()
}
