package proxy

import (
	"encoding/binary"

	"github.com/kzfast/kzfast/wsproto"
)

// A record is a frame or chunk kept in a buffer:
//
//	flags and opcode (1)  frame length (8)  offset (8)  data length (4)  data
const recordHead = 1 + 8 + 8 + 4

const recordFin = 0x80

func appendRecord(dst []byte, f *wsproto.Frame) []byte {
	first := byte(f.Op)
	if f.Fin {
		first |= recordFin
	}
	dst = append(dst, first)
	dst = binary.BigEndian.AppendUint64(dst, uint64(f.Len))
	dst = binary.BigEndian.AppendUint64(dst, uint64(f.Off))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.Data)))
	return append(dst, f.Data...)
}

// eachRecord calls fn with each frame of what appendRecord wrote.
func eachRecord(b []byte, fn func(*wsproto.Frame)) {
	for len(b) >= recordHead {
		n := int(binary.BigEndian.Uint32(b[17:]))
		f := wsproto.Frame{
			Op: wsproto.Opcode(b[0] &^ recordFin), Fin: b[0]&recordFin != 0,
			Len: int64(binary.BigEndian.Uint64(b[1:])), Off: int64(binary.BigEndian.Uint64(b[9:])),
			Data: b[recordHead : recordHead+n],
		}
		fn(&f)
		b = b[recordHead+n:]
	}
}
