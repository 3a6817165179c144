// Package client connects to kzfast clusters, and to any other RFC 6455
// server, from Go.
//
// [Dial] opens one [Conn]: it resolves the host, tries its addresses from a
// random one on, shakes hands, and follows the balancer's redirects to a member,
// be they HTTP answers or directives inside the opened socket. A [Client] keeps
// such a connection up: when the member is lost it returns to the URI it was
// given, after a random wait (protocol.md §5.4).
//
//	connecting ──▶ open ──▶ closed ──▶ waiting ──▶ connecting …
//	     └────────── failed ─────────────▲
//
// A Conn owns two goroutines, one that reads and one that pings and answers
// pings; both have ended when [Conn.Close] returns. Nothing is queued across a
// reconnect and nothing is sent twice: what to repeat is the application's
// knowledge.
package client
