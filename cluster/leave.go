package cluster

import (
	"context"
	"time"
)

const (
	flushBudget = 500 * time.Millisecond // for the last record to reach all
	leaveBudget = time.Second            // for the leave to be gossiped
)

// Leave tells the others that this member goes: its advert is withdrawn, they
// report Gone with Left set. The member stays deaf to joins afterwards;
// Shutdown must follow. Leaving again does nothing.
//
// The error says that the news may not have reached everybody, who will then
// find out by probing.
func (c *Cluster) Leave(ctx context.Context) error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.closed || c.leaving.Swap(true) {
		return nil
	}
	c.heal.close()
	c.reg.depart()
	c.changed()
	fctx, cancel := context.WithTimeout(ctx, flushBudget)
	c.pub.flush(fctx)
	cancel()
	c.links.close()
	if c.beacon != nil {
		c.beacon.Bye()
		c.beacon.Close()
	}
	budget := leaveBudget
	if d, ok := ctx.Deadline(); ok {
		budget = max(time.Millisecond, min(budget, time.Until(d)))
	}
	return c.ml.Leave(budget)
}

// Shutdown closes every socket and ends every goroutine of the cluster; those
// of memberlist follow within a probe interval. Without a Leave before it, the
// others see a crash. It must not be called from Options.Events.
func (c *Cluster) Shutdown() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.leaving.Store(true)
	close(c.done)
	c.heal.close()
	if c.beacon != nil {
		c.beacon.Close()
	}
	c.ml.Shutdown()
	c.links.close()
	c.mux.Shutdown()
	c.links.wg.Wait()
	c.heal.wg.Wait()
	c.send.wg.Wait()
	c.wg.Wait()
}
