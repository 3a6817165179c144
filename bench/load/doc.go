// Package load is a load generator for WebSocket servers that costs about as
// much as the cheapest server it can drive: one thread, raw epoll, raw system
// calls, nothing allocated per message.
//
// It believes nothing. Every message carries its connection, its sequence number
// and a text that depends on both, and what comes back is compared byte by byte,
// however the stream is cut; a wrong, missing, repeated or reordered byte ends
// the run with an error. The server's CPU time and memory are read from /proc
// around the measured interval, so that a slow generator cannot make a server
// look slow, or cheap.
//
//	conns ──dial, 101──▶ open ──messages──▶ verifier ──count──▶ send more
//	             ▲                                         │
//	         epoll loop (one goroutine, one OS thread) ◀───┘
//
// Use [Run] with [Options]; the command bench/cmd/load does nothing else. The
// package runs on Linux only; elsewhere it has its types but no Run.
package load
