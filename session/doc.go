// Package session drives one client connection from its first byte to its
// last, over a [Transport] that somebody else owns.
//
//	bytes ─▶ exchange ──▶ route ──┬─▶ WebSocket ──▶ Receiver (echo, proxy, ...)
//	         (HTTP)               ├─▶ redirect    (balancer: 302, directive)
//	                              ├─▶ relay       (balancer: tunnel to a member)
//	                              ├─▶ call ──┬─▶ emulated    ──▶ Receiver
//	                              │  (HTTP)  └─▶ eventStream ──▶ Receiver
//	                              └─▶ hand-over   (directory, http.proxy: net/http)
//
// A call is a request without an upgrade after everything that old clients
// put elsewhere is in its place: a method in the path, an origin in a header of
// another name, a whole request in an envelope. Emulated WebSockets and event
// streams outlive the connections that carry them. Each lives on the loop that
// its id names; a request for it that arrives elsewhere goes there together
// with its connection ([Worker.MoveTo]).
//
// A connection and everything that is reached from it belongs to one event
// loop: all methods of this package run on that loop unless their comment says
// "safe for any goroutine". What many connections share is either immutable
// behind an atomic pointer ([Port]) or belongs to the loop's [Worker].
//
// Received bytes are borrowed from the loop until the call returns; a service
// copies what it keeps. Bytes given to a send method may be reused as soon as
// it returns.
//
// The package opens no socket, starts no goroutine, and knows neither the
// configuration nor the cluster: what it needs of them it asks through the
// interfaces it declares ([Router], [Balancer], [Guard], [Loop]).
package session
