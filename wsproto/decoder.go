package wsproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/gobwas/ws"
)

// DefaultMaxMessage is the message limit when none is set, in bytes
// (`ws.maximum.message.size`, protocol.md §2.3).
const DefaultMaxMessage = 128 << 10

// Limits are the rules one or many decoders apply. They are read only while
// Next runs and may be shared by any number of connections.
type Limits struct {
	MaxMessage int64 // payload bytes of a message over all its fragments; 0 = DefaultMaxMessage, negative = no limit
	Client     bool  // we are the client: frames must be unmasked
	RSV1       bool  // permessage-deflate was negotiated: RSV1 may stand on a message's first frame
	NoUTF8     bool  // do not check text (`ws.utf8=off`)
}

// maxMessage returns the limit for one message. Stored deflate blocks cost five
// bytes each, so a compressed message may be a little longer than what it holds.
func (l *Limits) maxMessage(deflated bool) int64 {
	limit := l.MaxMessage
	switch {
	case limit < 0:
		return math.MaxInt64
	case limit == 0:
		limit = DefaultMaxMessage
	}
	if deflated && limit < math.MaxInt64/2 {
		limit += limit>>10 + 64
	}
	return limit
}

// A Decoder cuts received bytes into frames, checks them by protocol.md §2.1 and
// unmasks them where they lie. The zero value is ready. It keeps at most a
// partial header, allocates only for the error that ends the connection, and
// belongs to one goroutine.
type Decoder struct {
	left  int64 // payload bytes of the current frame still to come
	size  int64 // payload bytes of the current frame
	total int64 // payload bytes of the current message announced so far

	// Between frames head[:have] is the part of a header seen so far; inside a
	// payload head[10:] is the mask.
	head   [MaxHeader]byte
	frames uint16 // frames of the current message, saturating
	have   uint8
	direct uint8
	first  byte // first byte of the current frame
	flags  uint8
	text   utf8State
}

const (
	inFrame    = 1 << iota // payload bytes of a frame are outstanding
	inMessage              // a fragmented message is open
	isText                 // the current message is text
	compressed             // the current message began with RSV1
)

const maskAt = MaxHeader - 4

// Next takes the next frame, or the next chunk of one, from the front of p.
//
// With ok, f is set and f.Data == p[n-len(f.Data):n], unmasked in place; a frame
// without payload gives ok with empty Data. Without ok and error, all of p was
// used and more bytes are needed. Call again with p[n:] until it is empty.
//
// Control frames are cut at the end of p like all others; at most [MaxControl]
// bytes have to be gathered. A text frame's bytes are valid UTF-8 as far as
// they go: a chunk may end inside a character, a message may not.
//
// err is a *CloseError: the connection must be failed with its code, and the
// decoder is of no more use. Frames yielded before it were good.
func (d *Decoder) Next(p []byte, lim *Limits, f *Frame) (n int, ok bool, err error) {
	d.direct = 0
	if d.flags&inFrame == 0 {
		var e *CloseError
		if n, e = d.header(p, lim); e != nil {
			return n, false, e
		}
		if d.flags&inFrame == 0 {
			return n, false, nil
		}
	}
	data := p[n:]
	if int64(len(data)) > d.left {
		data = data[:d.left]
	}
	if len(data) == 0 && d.left > 0 {
		return n, false, nil
	}
	off := d.size - d.left
	if !lim.Client {
		ws.Cipher(data, [4]byte(d.head[maskAt:]), int(off&3))
	}
	d.left -= int64(len(data))
	if d.flags&isText != 0 && !lim.NoUTF8 {
		if e := d.checkText(data); e != nil {
			return n, false, e
		}
	}
	*f = Frame{
		Op:   Opcode(d.first & 0x0F),
		Fin:  d.first&bitFin != 0,
		RSV1: d.first&bitRSV1 != 0,
		Len:  d.size,
		Off:  off,
		Data: data,
	}
	if d.left == 0 {
		d.flags &^= inFrame
	}
	return n + len(data), true, nil
}

// checkText validates a chunk of a text message. Control frames between the
// fragments and compressed messages pass: those are checked when inflated.
func (d *Decoder) checkText(data []byte) *CloseError {
	if d.first&0x08 != 0 || d.flags&compressed != 0 {
		return nil
	}
	if !d.text.feed(data) {
		return &CloseError{CodeInvalidPayload, errTextUTF8}
	}
	if d.left == 0 && d.first&bitFin != 0 && !d.text.complete() {
		return &CloseError{CodeInvalidPayload, errTextCut}
	}
	return nil
}

var (
	errTextUTF8 = errors.New("text message is not UTF-8")
	errTextCut  = errors.New("text message ends inside a UTF-8 character")
)

// header reads a header from the front of p, from bytes kept earlier, or both.
// It leaves the decoder inside the frame, or keeps what there is.
func (d *Decoder) header(p []byte, lim *Limits) (n int, err *CloseError) {
	if d.have == 0 {
		if n, err = d.begin(p, lim); n > 0 || err != nil {
			d.direct = uint8(n)
			return n, err
		}
		d.have = uint8(copy(d.head[:], p))
		return len(p), nil
	}
	old := int(d.have)
	have := old + copy(d.head[old:], p)
	n, err = d.begin(d.head[:have], lim)
	if n == 0 && err == nil {
		d.have = uint8(have)
		return len(p), nil
	}
	d.have = 0
	return max(n-old, 0), err
}

// begin parses and checks the header at the front of b and enters its frame.
// n is its length; 0 without an error means that b ends inside it. The first
// two bytes are judged as soon as they are there.
func (d *Decoder) begin(b []byte, lim *Limits) (n int, err *CloseError) {
	if len(b) < 2 {
		return 0, nil
	}
	if err = d.check(b[0], b[1], lim); err != nil {
		return 0, err
	}
	n = 2
	size := int64(b[1] & 0x7F)
	switch size {
	case 126:
		if n = 4; len(b) < n {
			return 0, nil
		}
		size = int64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if n = 10; len(b) < n {
			return 0, nil
		}
		u := binary.BigEndian.Uint64(b[2:])
		if u > math.MaxInt64 {
			return 0, protocolError("frame length %#x has its top bit set", u)
		}
		size = int64(u)
	}
	if b[1]&bitMask != 0 {
		if len(b) < n+4 {
			return 0, d.fits(b[0], size, lim)
		}
		copy(d.head[maskAt:], b[n:n+4])
		n += 4
	}
	return n, d.enter(b[0], size, lim)
}

// check judges a header's first two bytes in the decoder's state.
func (d *Decoder) check(b0, b1 byte, lim *Limits) *CloseError {
	h := ws.Header{
		Fin:    b0&bitFin != 0,
		OpCode: ws.OpCode(b0 & 0x0F),
		Masked: b1&bitMask != 0,
		Length: int64(b1 & 0x7F),
	}
	rsv := b0 & 0x70
	if lim.RSV1 && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) {
		rsv &^= bitRSV1
	}
	h.Rsv = rsv >> 4
	state := ws.StateServerSide
	if lim.Client {
		state = ws.StateClientSide
	}
	if d.flags&inMessage != 0 {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return protocolError("%w: header %02x %02x", err, b0, b1)
	}
	return nil
}

// fits decides from the header alone whether the message stays within its
// limit (protocol.md §2.3: limit passes, limit+1 fails).
func (d *Decoder) fits(b0 byte, size int64, lim *Limits) *CloseError {
	var before int64
	rsv1 := b0&bitRSV1 != 0
	switch op := Opcode(b0 & 0x0F); {
	case op.Control():
		return nil
	case op == OpContinuation:
		before, rsv1 = d.total, d.flags&compressed != 0
	}
	if limit := lim.maxMessage(rsv1); size > limit-before {
		return &CloseError{CodeTooBig, fmt.Errorf("message of %d bytes and %d more, limit %d", before, size, limit)}
	}
	return nil
}

// enter makes the checked frame the current one.
func (d *Decoder) enter(b0 byte, size int64, lim *Limits) *CloseError {
	if err := d.fits(b0, size, lim); err != nil {
		return err
	}
	d.first, d.size, d.left = b0, size, size
	d.flags |= inFrame
	op := Opcode(b0 & 0x0F)
	if op.Control() {
		return nil
	}
	if op != OpContinuation {
		d.flags &^= isText | compressed
		d.total, d.frames, d.text = 0, 0, utf8State{}
		if op == OpText {
			d.flags |= isText
		}
		if b0&bitRSV1 != 0 {
			d.flags |= compressed
		}
	}
	d.total += size
	if d.frames < math.MaxUint16 {
		d.frames++
	}
	d.flags &^= inMessage
	if b0&bitFin == 0 {
		d.flags |= inMessage
	}
	return nil
}

// HeaderBytes returns how many header bytes stand directly before the Data of
// the Frame that Next yielded last, in the same slice: at least
// [HeaderLen] of its length, so the answer's header fits there. It is 0 when
// the header was split over two slices or the Frame is not the first chunk.
func (d *Decoder) HeaderBytes() int { return int(d.direct) }

// Fragments returns how many frames the current message has had, at most
// 65535; it stays until the next message begins. Control frames do not count.
func (d *Decoder) Fragments() int { return int(d.frames) }

// Announced returns the payload bytes that the headers of the current message
// have announced so far; it stays until the next message begins.
func (d *Decoder) Announced() int64 { return d.total }

// Message returns the opcode the current message began with, [OpText] or
// [OpBinary], for a continuation too, and whether its frames carry compressed data.
func (d *Decoder) Message() (op Opcode, deflated bool) {
	op = OpBinary
	if d.flags&isText != 0 {
		op = OpText
	}
	return op, d.flags&compressed != 0
}

// Idle reports whether the bytes so far end at a frame boundary outside a
// fragmented message: the state in which a connection may change hands.
func (d *Decoder) Idle() bool { return d.have == 0 && d.flags&(inFrame|inMessage) == 0 }
