package wsproto

import (
	"strconv"

	"github.com/gobwas/ws"
)

// Opcode is a frame's kind, the low four bits of its first byte (RFC 6455 §5.2).
type Opcode byte

// The opcodes of RFC 6455 §11.8. All others fail the connection.
const (
	OpContinuation = Opcode(ws.OpContinuation)
	OpText         = Opcode(ws.OpText)
	OpBinary       = Opcode(ws.OpBinary)
	OpClose        = Opcode(ws.OpClose)
	OpPing         = Opcode(ws.OpPing)
	OpPong         = Opcode(ws.OpPong)
)

// Control reports whether o is a control opcode (RFC 6455 §5.5): at most
// [MaxControl] payload bytes, never fragmented, allowed between fragments.
func (o Opcode) Control() bool { return o&8 != 0 }

// String names o for logs: "text", "ping", or "opcode 3" for a reserved one.
func (o Opcode) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "opcode " + strconv.Itoa(int(o))
}
