// Package wire holds the few pieces of RFC 6455 a load generator needs: client
// frames, server frame headers, the opening handshake seen from the client.
//
// It never reads from a socket, never validates more than the generator relies
// on, and is deliberately not shared with the code under test, so that a
// mistake there cannot hide behind the same mistake here.
package wire

import "encoding/binary"

// Opcodes of RFC 6455 §5.2.
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xA
)

// MaxHeader is the longest frame header in bytes: two, an eight byte length and
// a mask.
const MaxHeader = 14

// A Header is the front of one frame (RFC 6455 §5.2).
type Header struct {
	Op     byte
	Fin    bool
	RSV    byte // the three reserved bits as the frame's first byte has them
	Masked bool
	Mask   [4]byte
	Len    int64 // payload bytes
}

// ParseHeader reads one header from the front of b. n is its length in bytes;
// zero means that b ends inside the header. Nothing is retained.
func ParseHeader(b []byte) (h Header, n int) {
	if len(b) < 2 {
		return h, 0
	}
	h = Header{Op: b[0] & 0x0f, Fin: b[0]&0x80 != 0, RSV: b[0] & 0x70, Masked: b[1]&0x80 != 0}
	n = 2
	switch l := b[1] & 0x7f; l {
	case 126:
		if len(b) < 4 {
			return h, 0
		}
		h.Len, n = int64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return h, 0
		}
		h.Len, n = int64(binary.BigEndian.Uint64(b[2:])), 10
	default:
		h.Len = int64(l)
	}
	if h.Masked {
		if len(b) < n+4 {
			return h, 0
		}
		copy(h.Mask[:], b[n:])
		n += 4
	}
	return h, n
}

// AppendHeader appends the header of a final, unfragmented frame with n bytes
// of payload; mask is nil for a frame of a server.
func AppendHeader(dst []byte, op byte, n int, mask *[4]byte) []byte {
	var bit byte
	if mask != nil {
		bit = 0x80
	}
	dst = append(dst, 0x80|op)
	switch {
	case n < 126:
		dst = append(dst, bit|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, bit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, bit|127), uint64(n))
	}
	if mask != nil {
		dst = append(dst, mask[:]...)
	}
	return dst
}

// Mask applies the client's mask to p in place (RFC 6455 §5.3); off is the
// position of p in the payload.
func Mask(p []byte, mask [4]byte, off int) {
	for i := range p {
		p[i] ^= mask[(off+i)&3]
	}
}

// AppendFrame appends one whole masked frame.
func AppendFrame(dst []byte, op byte, payload []byte, mask [4]byte) []byte {
	dst = AppendHeader(dst, op, len(payload), &mask)
	at := len(dst)
	dst = append(dst, payload...)
	Mask(dst[at:], mask, 0)
	return dst
}
