package wse

import (
	"encoding/binary"
	"hash/crc32"
)

// A Gzip writes a gzip stream (RFC 1952) of stored blocks (RFC 1951 §3.2.4):
// a content coding that holds nothing back, for the block padding of old
// clients (protocol.md §6.5, ".kbp").
type Gzip struct{ sum, size uint32 }

var (
	gzipHead    = []byte{0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF}
	emptyStored = []byte{0, 0, 0, 0xFF, 0xFF}
)

const maxStored = 1<<16 - 1

// AppendHead begins the stream.
func (g *Gzip) AppendHead(dst []byte) []byte { return append(dst, gzipHead...) }

// Append appends p and, behind it, at least padding bytes that decode to
// nothing.
func (g *Gzip) Append(dst, p []byte, padding int) []byte {
	g.sum, g.size = crc32.Update(g.sum, crc32.IEEETable, p), g.size+uint32(len(p))
	for len(p) > 0 {
		n := min(len(p), maxStored)
		dst = append(dst, 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		dst = binary.LittleEndian.AppendUint16(dst, ^uint16(n))
		dst = append(dst, p[:n]...)
		p = p[n:]
	}
	for n := 0; n < padding; n += len(emptyStored) {
		dst = append(dst, emptyStored...)
	}
	return dst
}

// AppendEnd ends the stream.
func (g *Gzip) AppendEnd(dst []byte) []byte {
	dst = append(dst, emptyStored...)
	dst[len(dst)-len(emptyStored)] = 1 // the final block
	dst = binary.LittleEndian.AppendUint32(dst, g.sum)
	return binary.LittleEndian.AppendUint32(dst, g.size)
}
