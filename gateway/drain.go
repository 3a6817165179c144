package gateway

import (
	"context"
	"math"
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

// lastFlush is how long the sessions still open at the end of a drain have to
// take their close code.
const lastFlush = time.Second

// Drain takes the member out of service in an orderly way: it withdraws from
// the balancers, refuses new sessions, and closes those it has in slices, so that
// their clients do not all return to the others at once. It listens until the
// last is gone, because an emulated client may need a connection to hear that it
// is over, and its own balancers send clients on meanwhile. At the configured
// drain timeout the rest is told the close code at once; with a timeout of zero
// that is all Drain does. It ends when no session is left, lastFlush after that,
// or with ctx; what is left then is cut by Stop.
func (g *Gateway) Drain(ctx context.Context) {
	g.reportStopping()
	g.publish(balance.Draining)
	g.log.Info("quiesce begun", "sessions", g.Sessions())
	timeout := g.cfg.Gateway.DrainTimeout
	if timeout > 0 && g.cluster != nil && len(g.cluster.Members()) > 1 {
		pause(ctx, quiesceLinger)
	}
	for _, s := range g.services {
		for _, r := range s.routes {
			r.Draining.Store(true)
		}
	}
	g.reportStoppingServices()
	g.settle(ctx)
	sessions := g.Sessions()
	g.closeInSlices(ctx, timeout)
	late := g.Sessions()
	g.closeRest(ctx)
	g.closeListeners()
	g.log.Info("drained", "sessions", sessions, "closed", max(0, sessions-late), "late", late, "left", g.Sessions())
}

// settle waits until each loop has ended what it was about, so that handshakes
// that were let in are sessions. It gives up on a loop after lastFlush.
func (g *Gateway) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	done := make(chan struct{}, len(g.workers))
	for _, w := range g.workers {
		w.Loop.Post(func() { done <- struct{}{} })
	}
	for range g.workers {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// closeInSlices spreads the closes over half of timeout, and waits until all
// sessions are gone or timeout is over.
func (g *Gateway) closeInSlices(ctx context.Context, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	slices := max(int(timeout/2/drainSlice), 1)
	per := max(minSlice, (g.Sessions()+slices-1)/slices)
	each := (per + len(g.workers) - 1) / len(g.workers)
	for g.Sessions() > 0 && ctx.Err() == nil {
		g.closeSlice(each)
		pause(ctx, drainSlice)
	}
}

// closeRest closes whatever is open, and waits for lastFlush at most.
func (g *Gateway) closeRest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	for g.Sessions() > 0 && ctx.Err() == nil {
		g.closeSlice(math.MaxInt)
		pause(ctx, flushPoll)
	}
}

// flushPoll is how often closeRest looks whether it is done.
const flushPoll = 20 * time.Millisecond

// closeSlice closes about n sessions of each loop.
func (g *Gateway) closeSlice(n int) {
	code := wsproto.Code(g.cfg.Gateway.DrainCloseCode)
	for _, w := range g.workers {
		w.Loop.Post(func() {
			w.CloseSessions(nil, n, code, "")
			for _, s := range g.services {
				for _, r := range s.rosters {
					r.closeSome(w.Index, n, code)
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
