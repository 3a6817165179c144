//go:build darwin || dragonfly || freebsd || linux || openbsd

// Package engine owns sockets and event loops: bytes in, bytes out, timers,
// back-pressure, and the ways in and out of a loop.
//
// It knows nothing of HTTP or WebSocket, never blocks a loop, never starts a
// goroutine per connection, and never lets one connection's fault reach another.
//
//	 accept4 ──▶ Open ──▶ Handler            Post ──▶ tasks ─┐
//	    ▲                  ▲   │ Write, Send                 ▼
//	┌───┴──────────────────┴───▼─────────────────────────────────┐
//	│ Loop: one goroutine, one poller, one read buffer, one wheel │
//	└───┬──────────────────────────────────────────────┬─────────┘
//	 epoll/kqueue events                      one write per conn and turn
//
// # Turns
//
// A loop works in turns: one readiness event, or all tasks posted since the
// last wake-up, or one tick of the wheel. During a turn handlers run and
// [Conn.Write] only gathers. When the turn ends the loop settles every conn that
// was touched: gathered bytes leave in one system call, read and write interest
// is brought in line, [Handler.Drained] and [Handler.Closed] are delivered.
// So no method of Conn ever calls back into its caller.
//
// A typical handler answers in the buffer it was lent with [Conn.Send], sets its
// inactivity timer anew with [Conn.SetTimeout], pauses its conn while Over is true, and resumes
// it in Drained: see the example.
//
// # Life of a conn
//
//	accepted ─┐                     ┌─ Close ─▶ flushing ─▶ FIN sent ─▶ peer's FIN or deadline ─┐
//	attached ─┼─▶ open ◀─▶ paused ──┼─ Abort, error, limit, panic ──────── RST ──────────────────┼─▶ Closed
//	dialled ──┘   (connecting)      ├─ Detach ─▶ a net.Conn, no Closed                            │
//	                                └─ Move ──▶ open on another loop            peer's FIN ─▶ EOF ┘
//
// # Back-pressure
//
// What the kernel does not take is queued in pooled chunks and counted in bytes,
// per conn and for the engine. Above HighWater [Conn.Over] reports true, and once the
// queue has fallen to LowWater Drained is called. A conn whose queue would pass its
// limit, or the engine's MaxPending, is reset. [Conn.Pause] removes read interest, so
// that the peer's window closes and memory stays flat.
//
// # File descriptors
//
// A Conn is never reused, so its address is its generation. The table from fd to
// Conn is cleared before an fd is closed; an event that epoll had already reported
// for the old owner can reach a new one only as a spurious readiness, and every path
// acts on what its system call answers, never on the event alone.
//
// # TLS
//
// [Handshaker.Open] puts a [TLS] between conn and handler: it implements Handler
// downwards and has Conn's methods upwards, so that whoever declares an interface of
// them need not know which one it has. crypto/tls works over memory on the loop; only
// handshakes run on goroutines, a bounded number, each ending with its handshake.
//
// # Goroutines
//
// One per loop, one ticker per engine, at most HandshakeOptions.Max per Handshaker.
// Stop waits for all of them.
//
// # Platforms
//
// Events are edge-triggered, and a read that does not fill the buffer has emptied
// the socket unless the event told of a FIN. On Linux a paused conn with nothing to write
// is out of the epoll set, and is reported again when it comes back. gnet's kqueue poller
// cannot drop a read filter (its Delete does nothing): on the BSDs and macOS events on a
// paused conn are ignored, and Resume reads without waiting for one. Listening sockets there are one socket shared by
// all loops. The build tags poll_opt and gc_opt of gnet are not supported.
package engine
