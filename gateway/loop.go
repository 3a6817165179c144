package gateway

import (
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/engine"
	"github.com/kzfast/kzfast/session"
)

// loop lends an engine loop to the sessions on it.
type loop struct{ *engine.Loop }

// After implements [session.Loop].
func (l loop) After(d time.Duration, fn func()) (stop func()) {
	t := l.Loop.After(d, fn)
	return func() { t.Stop() }
}

// Dial implements [session.Loop].
func (l loop) Dial(addr netip.AddrPort, timeout time.Duration, open func(session.Transport) session.Handler) {
	l.Loop.Dial(addr, timeout, func(c *engine.Conn) engine.Handler { return open(c) })
}
