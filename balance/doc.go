// Package balance decides which member's accept URI answers a balancer URI.
//
// Each member describes its balanced services in one [Advert]. A [Directory]
// collects the adverts of all members together with what is known about their
// health and turns them into an immutable table; event loops ask the table
// with [Directory.Pick], which is one atomic load, takes no lock and
// allocates nothing.
//
//	adverts, health ──▶ Directory (one writer) ──▶ atomic table ──▶ Pick (any goroutine)
//
//	balancer URI ─▶ class and TLS ─▶ best tier (up, else suspect, else link down)
//	             ─▶ affinity cookie, client prefix, or policy ─▶ *Target
//
// A [Target] carries its redirect addresses ready for copying
// ([Target.AppendURI]); an [Affinity] reads and writes the cookie that brings
// a client back to its member.
//
// The package opens no socket, speaks no HTTP and knows nothing of how adverts
// travel. Everything a client sends here is a preference: the redirect always
// points to an address some live member advertised for itself.
package balance
