// Package multicast announces one member on a UDP group address and hears
// the others. It tells its owner where a member may be found; it never decides
// who is one, never opens a stream and never keeps what it cannot bound.
//
// One datagram type family travels on the group (spec cluster-management.md
// §2.9), big endian, at most 128 bytes:
//
//	 0  4  magic "HAB1"
//	 4  1  kind: 1 announce, 2 query, 3 bye
//	 5  1  flags: bit0 signed with a configured key, bit1 gossip encrypted, bit2 draining
//	 6  2  length of the whole datagram
//	 8  8  cluster tag: HMAC-SHA256(K, "tag" | cluster name), first 8 bytes
//	16  8  instance of the sender
//	24  8  sequence: microseconds since 1970, rising per instance
//	32  2  lowest and highest beacon protocol spoken
//	34  2  gossip port
//	36  1  address length, 4 or 16, then the advertised address
//	 …  1  length of an extension area, then the area (skipped)
//	-16 16 HMAC-SHA256(K, everything before), first 16 bytes
//
// K is derived from a gossip key, or from the cluster name when there is none:
// the latter keeps clusters apart but proves nothing. The name itself never
// travels. Whoever replays a datagram makes a receiver dial one address once
// in a while, no more.
//
// Typical use:
//
//	b, err := multicast.Start(multicast.Options{
//		Group:    netip.MustParseAddrPort("224.2.2.44:44444"),
//		Cluster:  "gateways",
//		Self:     netip.MustParseAddrPort("127.0.0.4:5942"),
//		Instance: instance,
//		Found:    func(p multicast.Peer) { join(p.Addr) },
//	})
//	...
//	b.Bye() // on a graceful leave
//	b.Close()
package multicast
