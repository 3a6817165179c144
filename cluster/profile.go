package cluster

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// A Profile chooses how quickly silence counts as death, against how much
// weather the network may have.
type Profile uint8

const (
	// Fast notices a silent death in about 1.5 s: one LAN or one host.
	Fast Profile = iota
	// LAN takes 5 to 7 s and suits starved or noisy machines.
	LAN
	// WAN is for members in different sites, round trips above 100 ms.
	WAN
)

func (p Profile) String() string {
	switch p {
	case Fast:
		return "fast"
	case LAN:
		return "lan"
	case WAN:
		return "wan"
	}
	return "unknown"
}

// config gives memberlist's settings. Probe, gossip, suspicion, TCP timeout
// and push/pull of Fast are architecture.md §5, the rest spec
// cluster-management.md §2.4.
func (p Profile) config() *memberlist.Config {
	var c *memberlist.Config
	if p == WAN {
		c = memberlist.DefaultWANConfig()
	} else {
		c = memberlist.DefaultLANConfig()
	}
	if p == Fast {
		c.ProbeInterval = 300 * time.Millisecond
		c.ProbeTimeout = 150 * time.Millisecond
		c.SuspicionMult = 3
		c.SuspicionMaxTimeoutMult = 2
		c.GossipInterval = 60 * time.Millisecond
		c.TCPTimeout = 2 * time.Second
		c.PushPullInterval = 10 * time.Second
	}
	c.GossipToTheDeadTime = max(c.GossipToTheDeadTime, 60*time.Second)
	c.DeadNodeReclaimTime = 30 * time.Second
	c.HandoffQueueDepth = 4096
	c.EnableCompression = false
	c.RequireNodeNames = true
	c.DelegateProtocolMin, c.DelegateProtocolVersion, c.DelegateProtocolMax = 1, 1, 1
	return c
}
