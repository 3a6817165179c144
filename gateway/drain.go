package gateway

import (
	"context"
	"time"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/wsproto"
)

// quiesceLinger is how long new sessions are still taken after the member withdrew
// its adverts, so that clients redirected a moment ago still get in
// (spec/protocol.md §8.7 step 2).
const quiesceLinger = time.Second

// drainSlice is the pause between two slices of closes.
const drainSlice = 100 * time.Millisecond

// minSlice is the least number of sessions closed in a slice.
const minSlice = 50

// Drain takes the member out of service in an orderly way: it withdraws from
// the balancers, refuses new sessions, and closes those it has in slices, so that
// their clients do not all return to the others at once. It listens until the
// last is gone, because an emulated client may need a connection to hear that it
// is over, and its own balancers send clients on meanwhile. It ends when no
// session is left, at the configured drain timeout, or with ctx; what is left
// then is cut by Stop.
func (g *Gateway) Drain(ctx context.Context) {
	g.publish(balance.Draining)
	g.reportBound("unbound")
	g.log.Info("quiesce begun", "sessions", g.Sessions())
	if g.cluster != nil && len(g.cluster.Members()) > 1 {
		pause(ctx, quiesceLinger)
	}
	for _, s := range g.services {
		for _, r := range s.routes {
			r.Draining.Store(true)
		}
	}

	timeout := g.cfg.Gateway.DrainTimeout
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	slices := max(int(timeout/2/drainSlice), 1)
	per := max(minSlice, (g.Sessions()+slices-1)/slices)
	for g.Sessions() > 0 && ctx.Err() == nil {
		g.closeSlice(per)
		pause(ctx, drainSlice)
	}
	g.closeListeners()
	g.log.Info("drained", "sessions", g.Sessions())
}

// closeSlice closes about n sessions over all loops.
func (g *Gateway) closeSlice(n int) {
	each := (n + len(g.workers) - 1) / len(g.workers)
	code := wsproto.Code(g.cfg.Gateway.DrainCloseCode)
	for _, w := range g.workers {
		w.Loop.Post(func() {
			w.CloseSessions(nil, each, code, "")
			for _, s := range g.services {
				for _, r := range s.rosters {
					r.closeSome(w.Index, each, code)
				}
			}
		})
	}
}

// Sessions is the number of open sessions.
func (g *Gateway) Sessions() int {
	n := 0
	for _, s := range g.services {
		n += s.sessions()
	}
	return n
}

// pause waits for d or ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
