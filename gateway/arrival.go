package gateway

import (
	"github.com/kzfast/kzfast/engine"
	"github.com/kzfast/kzfast/session"
)

// A mover is a transport that can go to another loop: a conn, or TLS on one.
type mover interface {
	session.Transport
	Move(to *engine.Loop, prefix []byte)
}

// move continues a connection on another loop, where the session lives that
// its request is for.
func (g *Gateway) move(t session.Transport, p *session.Port, loop int, prefix []byte) {
	m := t.(mover)
	m.SetHandler(&arrival{g: g, t: t, port: p})
	m.Move(g.engine.Loop(loop), prefix)
}

// An arrival is a connection between two loops. Its worker there opens it
// anew; what it had not served before is the first it reads.
type arrival struct {
	g    *Gateway
	t    session.Transport
	port *session.Port
}

// Moved implements [engine.Moved].
func (a *arrival) Moved(l *engine.Loop) {
	a.t.SetHandler(a.g.workers[l.Index()].Open(a.t, a.port))
}

// Data, EOF, Drained, Timeout and Closed implement [engine.Handler]: nothing
// is read on the way.
func (a *arrival) Data([]byte)  {}
func (a *arrival) EOF()         {}
func (a *arrival) Drained()     {}
func (a *arrival) Timeout()     {}
func (a *arrival) Closed(error) {}
