package wsproto

import "encoding/binary"

const (
	bitFin  = 0x80
	bitRSV1 = 0x40
	bitMask = 0x80
)

// HeaderLen returns the length in bytes of an unmasked header for a payload of
// n bytes in minimal encoding: 2, 4 or 10. A masked one is 4 bytes longer.
func HeaderLen(n int64) int {
	switch {
	case n <= 125:
		return 2
	case n <= 0xFFFF:
		return 4
	}
	return 10
}

func firstByte(op Opcode, fin, rsv1 bool) byte {
	b := byte(op)
	if fin {
		b |= bitFin
	}
	if rsv1 {
		b |= bitRSV1
	}
	return b
}

// AppendHeader appends a server's frame header (unmasked, minimal length
// encoding, protocol.md §2.2) for a payload of n bytes, 0 <= n < 1<<63.
func AppendHeader(dst []byte, op Opcode, fin, rsv1 bool, n int64) []byte {
	return appendHeader(dst, firstByte(op, fin, rsv1), 0, n)
}

// AppendMaskedHeader appends a client's frame header for a payload of n bytes
// that the caller masks with [Mask] and the same key. The key must be fresh and
// unpredictable for each frame (RFC 6455 §5.3).
func AppendMaskedHeader(dst []byte, op Opcode, fin, rsv1 bool, n int64, mask [4]byte) []byte {
	dst = appendHeader(dst, firstByte(op, fin, rsv1), bitMask, n)
	return append(dst, mask[:]...)
}

func appendHeader(dst []byte, first, maskBit byte, n int64) []byte {
	switch {
	case n <= 125:
		return append(dst, first, maskBit|byte(n))
	case n <= 0xFFFF:
		return append(dst, first, maskBit|126, byte(n>>8), byte(n))
	}
	dst = append(dst, first, maskBit|127)
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// PutHeaderBefore writes a server's header for n payload bytes so that it ends
// at buf[start], and returns the index of its first byte. At least
// HeaderLen(n) bytes must precede start. A server header is never longer than
// the client header it answers, so an echo of a frame whose header lies
// directly before its payload ([Decoder.HeaderBytes]) always has the room.
func PutHeaderBefore(buf []byte, start int, op Opcode, fin, rsv1 bool, n int64) int {
	at := start - HeaderLen(n)
	appendHeader(buf[:at:start], firstByte(op, fin, rsv1), 0, n)
	return at
}

// AppendFrame appends a whole, final, unmasked frame.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	dst = AppendHeader(dst, op, true, false, int64(len(payload)))
	return append(dst, payload...)
}

// AppendMaskedFrame appends a whole, final, masked frame; payload is not changed.
func AppendMaskedFrame(dst []byte, op Opcode, payload []byte, mask [4]byte) []byte {
	dst = AppendMaskedHeader(dst, op, true, false, int64(len(payload)), mask)
	at := len(dst)
	dst = append(dst, payload...)
	Mask(dst[at:], mask, 0)
	return dst
}
