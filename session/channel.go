package session

import (
	"net/netip"

	"github.com/kzfast/kzfast/wsproto"
)

// A Channel is one conversation with a client as a service sees it, whatever
// carries it: a WebSocket, one inside an extended handshake, an emulated one,
// an event stream or a TCP connection.
type Channel interface {
	// SendFrame sends a message, a fragment of one, or a chunk of a frame
	// whose other chunks follow or went before. The frame is only read, and
	// only during the call; its Data may alias what the service was given.
	SendFrame(f *wsproto.Frame)
	// SendShared sends a message that goes to many channels.
	SendShared(m *Shared)
	// Pending is the number of bytes queued for the client, Over whether
	// they passed the high-water mark; Receiver.Drained tells the end of it.
	Pending() int
	Over() bool
	// SetHighWater moves the mark of Over, in bytes; 0 is the engine's.
	SetHighWater(n int)
	// Pause stops delivery from the client, Resume continues it. What was
	// read already may still be delivered, at most one read buffer.
	Pause()
	Resume()
	// Close ends the conversation in order, after what is queued. Abort
	// cuts it.
	Close(code wsproto.Code, reason string)
	Abort()
	// Worker is the loop's worker, for dialling and timers.
	Worker() *Worker
	// RemoteAddr is the client's address.
	RemoteAddr() netip.AddrPort
}

// A Receiver is a service's side of one conversation, or one value for all
// conversations of a service that keeps no state.
type Receiver interface {
	// Frame delivers a message, fragment or chunk. f and f.Data are valid
	// until Frame returns. A frame that fits the loop's read buffer arrives
	// whole; only larger ones come in chunks.
	Frame(ch Channel, f *wsproto.Frame)
	// Drained says that ch.Over has become false again.
	Drained(ch Channel)
	// Closed is the last call and comes exactly once. code and reason are
	// the peer's, or the code that describes how the stream ended; reason is
	// valid until Closed returns.
	Closed(ch Channel, code wsproto.Code, reason []byte)
}

// A Service accepts the conversations of one or more accept URIs.
type Service interface {
	// Open begins a conversation. The service may send at once. A nil
	// Receiver refuses: the channel was closed by the service.
	Open(ch Channel, o *Open) Receiver
}

// An Open says how a conversation came about. It and its slices are valid
// until Service.Open returns.
type Open struct {
	Path      []byte // request path, decoded; empty on a raw transport
	Query     []byte // raw query
	Protocols []byte // subprotocols the client offers, comma separated
	Protocol  string // subprotocol agreed on; empty for none
	Principal string // authenticated user; empty for none
}
