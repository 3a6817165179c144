package cluster

import "github.com/kzfast/kzfast/cluster/multicast"

// Health is what an operator may want to know about the cluster as this member
// sees it. It is a value.
type Health struct {
	Score      int             // memberlist's own doubt: 0 = healthy, 7 = this member is probably the slow one
	Members    int             // online, self included
	Known      int             // names remembered, the dead of a day included
	Links      []LinkState     // one per other online member
	Conflicts  uint64          // different records under one version
	Refused    uint64          // messages malformed or beyond a bound
	UDPBlocked uint64          // probes that only TCP could answer
	Beacon     multicast.Stats // zero without multicast
}

// Health reads the state of the cluster.
func (c *Cluster) Health() Health {
	h := Health{
		Score: c.ml.GetHealthScore(), Members: len(c.Members()), Links: c.links.states(),
		Refused: c.refused.Load(), UDPBlocked: c.bridge.udpBlocked.Load(),
	}
	c.reg.mu.Lock()
	h.Known, h.Conflicts = len(c.reg.slots)+1, c.reg.conflicts
	c.reg.mu.Unlock()
	if c.beacon != nil {
		h.Beacon = c.beacon.Stats()
	}
	return h
}
