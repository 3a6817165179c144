package client

import (
	"net"
	"slices"

	"github.com/kzfast/kzfast/wsproto"
)

// readBytes is the size of a connection's receive buffer.
const readBytes = 4 << 10

// A reader turns the bytes of a connection into messages and control frames.
// It keeps its state across a read deadline that passes.
type reader struct {
	raw   net.Conn
	dec   wsproto.Decoder
	lim   wsproto.Limits
	buf   []byte
	rest  []byte // received and not yet decoded; the start of buf, or what came with the handshake
	op    wsproto.Opcode
	data  []byte
	ctl   []byte
	heard func()
}

// next blocks until a whole message or control frame is there. The caller owns
// data. err is a [*wsproto.CloseError] when the peer broke the protocol.
func (r *reader) next() (op wsproto.Opcode, data []byte, err error) {
	for {
		for len(r.rest) > 0 {
			var f wsproto.Frame
			n, ok, err := r.dec.Next(r.rest, &r.lim, &f)
			r.rest = r.rest[n:]
			if err != nil {
				return 0, nil, err
			}
			if ok && r.take(&f) {
				op, data = r.done(f.Op)
				return op, data, nil
			}
		}
		n, err := r.raw.Read(r.buf)
		r.rest = r.buf[:n]
		if n > 0 {
			r.heard()
		} else if err != nil {
			return 0, nil, err
		}
	}
}

// take adds a chunk and reports whether it completes something.
func (r *reader) take(f *wsproto.Frame) bool {
	if f.Op.Control() {
		r.ctl = append(r.ctl, f.Data...)
		return f.End()
	}
	if f.Op != wsproto.OpContinuation {
		r.op = f.Op
	}
	if r.data == nil {
		// The length announced may be a lie: let what arrives prove it.
		r.data = slices.Grow([]byte{}, int(min(f.Len, 16*readBytes)))
	}
	r.data = append(r.data, f.Data...)
	return f.Last()
}

func (r *reader) done(op wsproto.Opcode) (wsproto.Opcode, []byte) {
	if op.Control() {
		data := r.ctl
		r.ctl = nil
		return op, data
	}
	data := r.data
	r.data = nil
	return r.op, data
}
