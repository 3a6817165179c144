package load

import (
	"errors"
	"fmt"

	"github.com/kzfast/kzfast/bench/wire"
)

// errPeerClosed reports a close frame.
var errPeerClosed = errors.New("the server sent a close frame")

// A stream says what the frames of a run must look like; shared by all
// connections.
type stream struct {
	pat   *pattern
	op    byte
	loose bool // frames may be cut and joined anywhere, and be of either data kind
}

// A verifier checks what one connection receives, however it is cut: it keeps
// a position, never bytes, apart from an unfinished header or control frame.
type verifier struct {
	id, seq uint32 // the message awaited
	at      int    // bytes of it seen
	left    int64  // payload bytes of the current frame to come
	op      byte
	nhdr    uint8
	hdr     [wire.MaxHeader]byte
	control []byte
	pong    []byte // payload of a ping that must be answered; the caller clears it
}

// feed checks p and returns how many messages ended in it.
func (v *verifier) feed(p []byte, s *stream) (whole int, err error) {
	for len(p) > 0 {
		if v.left == 0 {
			n, ok, err := v.header(p, s)
			if err != nil {
				return whole, err
			}
			p = p[n:]
			if !ok {
				return whole, nil
			}
			if v.left == 0 {
				if v.op >= wire.OpClose {
					err = v.endControl()
				}
				if err != nil {
					return whole, err
				}
				continue
			}
		}
		n := int(min(v.left, int64(len(p))))
		v.left -= int64(n)
		if v.op >= wire.OpClose {
			v.control = append(v.control, p[:n]...)
			if v.left == 0 {
				err = v.endControl()
			}
		} else {
			var k int
			k, err = v.payload(p[:n], s)
			whole += k
		}
		if err != nil {
			return whole, err
		}
		p = p[n:]
	}
	return whole, nil
}

// header takes n bytes of p; ok means that a header is complete.
func (v *verifier) header(p []byte, s *stream) (n int, ok bool, err error) {
	was := int(v.nhdr)
	had := copy(v.hdr[was:], p)
	h, size := wire.ParseHeader(v.hdr[:was+had])
	if size == 0 {
		v.nhdr += uint8(had)
		return had, false, nil
	}
	v.nhdr, v.op, v.left = 0, h.Op, h.Len
	if err := v.allowed(h, s); err != nil {
		return 0, false, fmt.Errorf("connection %d, message %d: %w", v.id, v.seq, err)
	}
	return size - was, true, nil
}

func (v *verifier) allowed(h wire.Header, s *stream) error {
	switch {
	case h.Masked || h.RSV != 0:
		return fmt.Errorf("frame of a server is masked or has reserved bits: %+v", h)
	case h.Op >= wire.OpClose:
		if h.Op > wire.OpPong || h.Len > 125 || !h.Fin {
			return fmt.Errorf("bad control frame %+v", h)
		}
		v.control = v.control[:0]
	case s.loose:
		if h.Op > wire.OpBinary {
			return fmt.Errorf("opcode %#x", h.Op)
		}
	case h.Op != s.op || !h.Fin || h.Len != int64(s.pat.size):
		return fmt.Errorf("frame opcode %#x fin %v of %d bytes, want opcode %#x fin true of %d", h.Op, h.Fin, h.Len, s.op, s.pat.size)
	}
	return nil
}

func (v *verifier) payload(p []byte, s *stream) (whole int, err error) {
	for len(p) > 0 {
		n := min(len(p), s.pat.size-v.at)
		if err := s.pat.check(p[:n], v.id, v.seq, v.at); err != nil {
			return whole, err
		}
		p = p[n:]
		if v.at += n; v.at == s.pat.size {
			v.at, v.seq, whole = 0, v.seq+1, whole+1
		}
	}
	return whole, nil
}

func (v *verifier) endControl() error {
	switch v.op {
	case wire.OpClose:
		return errPeerClosed
	case wire.OpPing:
		v.pong = append([]byte{}, v.control...)
	}
	v.control = nil
	return nil
}
