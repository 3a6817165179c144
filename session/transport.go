package session

import (
	"net"
	"net/netip"
	"time"
)

// A Transport is the byte stream under a session: a socket, or TLS over one.
// All its methods are called on the stream's loop. The engine's Conn is one.
type Transport interface {
	// Write queues a copy of p; everything queued in one turn of the loop
	// leaves in one system call at its end.
	Write(p []byte)
	// Send writes p at once when nothing is queued and copies what the
	// kernel did not take.
	Send(p []byte)
	// Pending is the number of bytes queued for the peer.
	Pending() int
	// Over reports that Pending passed the high-water mark and has not yet
	// fallen to the low-water mark; Handler.Drained tells when it has.
	Over() bool
	// SetHighWater sets the high-water mark in bytes, half of which is the
	// low-water mark; 0 restores the engine's.
	SetHighWater(n int)
	// SetLimit sets the number of queued bytes at which the stream is reset;
	// 0 restores the engine's.
	SetLimit(n int)
	// Pause and Resume take away and restore the interest in reading.
	Pause()
	Resume()
	// Close flushes, then closes in order; CloseWrite flushes and ends our
	// direction only; Abort resets. Handler.Closed follows from the loop,
	// never from inside the call.
	Close()
	CloseWrite()
	// CloseFast is Close for the last answer to a peer that has said all it
	// will: the peer's end is not awaited.
	CloseFast()
	Abort()
	// SetTimeout arms the one timer of the stream; 0 disarms it.
	SetTimeout(d time.Duration)
	// SetHandler makes h receive all further events.
	SetHandler(h Handler)
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort
	// Detach takes the stream off the loop. No event follows.
	Detach() (net.Conn, error)
}

// A Handler receives the events of one stream, on the stream's loop.
//
// Data lends p, which the callee may change, until it returns. EOF says that
// the peer ended its direction. Drained follows a write that made
// Transport.Over true. Timeout says that the timer fired. Closed is the last
// call and comes exactly once; a nil error is an orderly end.
type Handler = interface {
	Data(p []byte)
	EOF()
	Drained()
	Timeout()
	Closed(err error)
}

// A Loop is the event loop a [Worker] lives on.
type Loop interface {
	// Post runs fn on the loop; safe for any goroutine. It reports false
	// when the loop has ended.
	Post(fn func()) bool
	// Now is the time of the current turn, coarse (about 100 ms).
	Now() time.Time
	// After runs fn on the loop after d; stop cancels it.
	After(d time.Duration, fn func()) (stop func())
	// Dial connects to addr without blocking. open is called before Dial
	// returns, with a stream that queues writes until it is connected; the
	// handler may have a Connected method. A failure ends in Closed.
	Dial(addr netip.AddrPort, timeout time.Duration, open func(Transport) Handler)
}
