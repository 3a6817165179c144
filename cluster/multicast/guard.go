package multicast

// maxInstances bounds the replay memory: one entry per sender that proved to
// know the key.
const maxInstances = 1024

// A guard lets each sender's sequence numbers only rise.
type guard struct {
	last map[uint64]uint64 // instance -> highest sequence seen
}

// fresh reports whether seq is newer than all seen of instance, and remembers
// it. A full memory forgets an arbitrary sender: its old datagrams could then
// be replayed, at the cost of one dial.
func (g *guard) fresh(instance, seq uint64) bool {
	last, ok := g.last[instance]
	if ok && seq <= last {
		return false
	}
	if !ok {
		if g.last == nil {
			g.last = make(map[uint64]uint64)
		}
		if len(g.last) >= maxInstances {
			for old := range g.last {
				delete(g.last, old)
				break
			}
		}
	}
	g.last[instance] = seq
	return true
}
