package wsproto

import (
	"strconv"

	"github.com/gobwas/ws"
)

// Opcode is a frame's kind, the low four bits of its first byte (RFC 6455 §5.2).
type Opcode byte

// The opcodes of RFC 6455 §11.8. All others fail the connection.
const (
	Continuation = Opcode(ws.OpContinuation)
	Text         = Opcode(ws.OpText)
	Binary       = Opcode(ws.OpBinary)
	Close        = Opcode(ws.OpClose)
	Ping         = Opcode(ws.OpPing)
	Pong         = Opcode(ws.OpPong)
)

// Control reports whether o is a control opcode (RFC 6455 §5.5): at most
// [MaxControl] payload bytes, never fragmented, allowed between fragments.
func (o Opcode) Control() bool { return o&8 != 0 }

// String names o for logs: "text", "ping", or "opcode 3" for a reserved one.
func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "opcode " + strconv.Itoa(int(o))
}
