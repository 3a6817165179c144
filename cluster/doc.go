// Package cluster says who is a member of a cluster and what each member
// advertises. It knows nothing of what an advert means: adverts are opaque
// bytes owned by one member.
//
// # Parts
//
//	discovery   seeds, DNS names, multicast beacon ─┐ addresses to try
//	heal loop   seeds + members of the last 24 h  ──┤
//	                                                ▼
//	membership  memberlist: join, probe, suspect, gossip
//	                                                │ callbacks: copy, queue, return
//	links       one TCP connection per pair ────────┤ process death at once
//	                                                ▼
//	registry    one versioned record per member, single writer
//	                                                │
//	events      Options.Events, in order, on one goroutine
//
// # Life of a member as others see it
//
//	Online ─▶ Changed* ─▶ Gone                 Left tells a leave from a death
//	        LinkUp, LinkDown                   hints between Online and Gone
//
// memberlist alone judges death. A broken link is a hint not to send anything
// new there; it never ends a membership. A member that comes back after Gone
// with the same instance (a healed partition) shows its advert again at once;
// one that was restarted on its address is reported as Gone, then Online.
//
// # Records
//
// A member changes only its own record, so adverts need no merging: a higher
// (epoch, version) replaces a lower one. A record is visible while memberlist
// says that its member is alive and the instance in the member's metadata is
// the record's. It travels three ways, all idempotent: to each member over TCP
// when it changes, as a version in the 512 bytes of metadata that gossip
// carries, and in memberlist's push/pull exchange (docs/adr/0004).
//
// # Goroutines
//
// Each is ended by Shutdown, which waits for all of ours: the membership loop,
// the event goroutine, eight senders, the metadata updater, the heal loop with at
// most four joins, per link a reader and a heartbeat, per incoming stream a
// short-lived reader of its first byte, two per listening address, and the
// beacon's. memberlist's own end within a probe interval of Shutdown.
//
// Lock order: memberlist's lock, then registry.mu. Nothing calls memberlist
// while it holds a lock of ours.
//
// Typical use:
//
//	c, err := cluster.Start(ctx, cluster.Options{
//		Name:   "gateways",
//		Bind:   netip.MustParseAddrPort("127.0.0.4:5942"),
//		Seeds:  []string{"127.0.0.5:5943"},
//		Events: func(e cluster.Event) { ... },
//	})
//	...
//	c.Advertise(advert)
//	...
//	c.Leave(ctx)
//	c.Shutdown()
package cluster
