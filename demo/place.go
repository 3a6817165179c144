package demo

import (
	"fmt"
	"net/netip"
)

// What the two configurations say; TestSamples holds them to it.
const (
	publicHost = "localhost"
	publicPort = 8001
	publicURI  = "ws://localhost:8001/echo"
	pageURI    = "http://localhost:8001/"
)

// A place is where one member lives.
type place struct {
	Key    byte // that kills it
	Name   string
	File   string
	Host   netip.Addr
	Gossip uint16
}

var places = [...]place{
	{'1', "member-1", "cluster-member-1.xml", netip.AddrFrom4([4]byte{127, 0, 0, 4}), 5942},
	{'2', "member-2", "cluster-member-2.xml", netip.AddrFrom4([4]byte{127, 0, 0, 5}), 5943},
}

// URI is where the member's echo service answers.
func (p *place) URI() string { return fmt.Sprintf("ws://%s/echo", p.address()) }

func (p *place) address() netip.AddrPort { return netip.AddrPortFrom(p.Host, publicPort) }
