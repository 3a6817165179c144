package gateway

import (
	"encoding/binary"
	"time"
)

// loadPeriod is how often a member tells the others how many sessions it has,
// when that has changed. balance believes a sample for five of them.
const loadPeriod = time.Second

// tellLoad runs until the gateway stops. A sample is the number of sessions
// as a varint; it is best effort, the next one repairs a loss.
func (g *Gateway) tellLoad() {
	t := time.NewTicker(loadPeriod)
	defer t.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-t.C:
			n := uint64(g.Sessions())
			g.cluster.Load(binary.AppendUvarint(nil, n))
			g.republishLoad(uint32(n))
		}
	}
}

// republishLoad puts our own count into our own table.
func (g *Gateway) republishLoad(n uint32) {
	g.advert.mu.Lock()
	defer g.advert.mu.Unlock()
	if a := g.advert.last; a != nil {
		sample := *a
		sample.Conns = n
		g.table.Set(g.memberID(), &sample)
	}
}

// onLoad takes another member's sample.
func (g *Gateway) onLoad(id string, b []byte) {
	n, size := binary.Uvarint(b)
	a := g.others[id]
	if size <= 0 || n > 1<<31 || a == nil {
		return
	}
	sample := *a
	sample.Conns = uint32(n)
	g.others[id] = &sample
	g.table.Set(id, &sample)
}
