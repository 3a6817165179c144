package multicast

import (
	"errors"
	"sync/atomic"
)

// Stats counts datagrams since Start.
type Stats struct {
	Sent      uint64 // sent on at least one interface
	Failed    uint64 // could not be sent
	Found     uint64 // announces and queries of other members
	Foreign   uint64 // of other clusters and programs
	Malformed uint64 // ours by their magic, but not well formed
	Forged    uint64 // our cluster's tag, wrong signature
	Replayed  uint64 // sequence number not rising
	Protocol  uint64 // no common beacon protocol
}

type counters struct {
	sent, failed, found, foreign, malformed, forged, replayed, protocol atomic.Uint64
}

// Stats reads the counters.
func (b *Beacon) Stats() Stats {
	c := &b.stats
	return Stats{
		Sent: c.sent.Load(), Failed: c.failed.Load(), Found: c.found.Load(), Foreign: c.foreign.Load(),
		Malformed: c.malformed.Load(), Forged: c.forged.Load(), Replayed: c.replayed.Load(), Protocol: c.protocol.Load(),
	}
}

func (c *counters) drop(err error) {
	switch {
	case errors.Is(err, errForeign):
		c.foreign.Add(1)
	case errors.Is(err, errMAC):
		c.forged.Add(1)
	case errors.Is(err, errProtocol):
		c.protocol.Add(1)
	default:
		c.malformed.Add(1)
	}
}
