package proxy

import (
	"context"
	"net"
	"sync"
	"time"
)

// A watch keeps a service out of the balancers while its back end cannot be
// connected (property maximum.recovery.interval): it is told of failures,
// probes at once and then after 1, 2, 4 ... seconds up to the interval, and
// says when the back end is gone and when it is back.
type watch struct {
	s      *Service
	wake   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newWatch(s *Service) *watch { return &watch{s: s, wake: make(chan struct{}, 1)} }

func (w *watch) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.done.Go(func() { w.run(ctx) })
}

func (w *watch) stop() {
	if w.cancel != nil {
		w.cancel()
		w.done.Wait()
	}
}

// suspect says that a connect failed; it never blocks.
func (w *watch) suspect() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the goroutine of the watch. It begins with a probe, so that a back
// end that is down at the start is known before the first client.
func (w *watch) run(ctx context.Context) {
	for up := true; ; {
		if !w.probe(ctx) && ctx.Err() == nil {
			if up {
				up = false
				w.s.o.Available(false)
			}
			if !w.recover(ctx) {
				return
			}
			up = true
			w.s.o.Available(true)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
	}
}

// recover probes until the back end answers; false means that ctx ended.
func (w *watch) recover(ctx context.Context) bool {
	for wait := min(time.Second, w.s.o.Recovery); ; wait = min(2*wait, w.s.o.Recovery) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		if w.probe(ctx) {
			return true
		}
	}
}

// probe reports whether any address of any target can be connected.
func (w *watch) probe(ctx context.Context) bool {
	d := net.Dialer{Timeout: w.s.o.DialTimeout}
	for _, t := range w.s.o.Targets {
		for _, addr := range t.Addrs() {
			c, err := d.DialContext(ctx, "tcp", addr.String())
			if err == nil {
				c.Close()
				return true
			}
		}
	}
	return false
}
