package wse

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// An Op says what a decoded frame is.
type Op uint8

const (
	OpText      Op = iota + 1 // Data is valid UTF-8
	OpBinary                  // Data is the payload
	OpPing                    // no payload
	OpPong                    // no payload
	OpClose                   // the peer closes; only OpReconnect follows
	OpReconnect               // the body ends here
)

// A Frame is one decoded frame. Data aliases the decoder's input or its
// buffer: it is valid until the next call of Next and may be changed.
type Frame struct {
	Op   Op
	Data []byte
}

// Options rule a [Decoder]. They are shared and immutable.
type Options struct {
	Layers     Layers // of this body: Encoding.Upstream, or Downstream at a client
	MaxMessage int64  // payload bytes of a message; 0 = no limit of ours
	Ping       bool   // the create had X-Accept-Commands: ping
}

// A Decoder reads the frames of one body, fed in arbitrary pieces
// (protocol.md §6.2). The zero value is ready for the first body and
// [Decoder.Reset] makes it ready for the next one.
//
// It swallows whole slices, decodes in place and holds at most one partial
// frame, which grows as bytes arrive: a declared length allocates nothing. NOPs
// are swallowed, and so are messages after CLOSE.
type Decoder struct {
	buf    []byte // decoded payload of the frame in progress
	need   int64  // payload bytes of it still to come
	state  state
	op     Op
	digits uint8 // LEN bytes read
	lead   byte  // UTF-8 lead byte whose other half is to come, 0 = none
	escape bool  // the escape byte was read
	hex    byte  // first digit of a command code
	codes  uint8 // commands seen in the unfinished command frame
	queued uint8 // commands of a finished frame not yet yielded
	closed bool  // CLOSE was read
}

type state uint8

const (
	atType state = iota
	atLength
	inPayload
	inDelimited
	atCode
	inCode
	atEnd
)

const (
	queuedClose = 1 << iota
	queuedReconnect
)

var (
	errAfterEnd   = refuse(errors.New("bytes after RECONNECT"))
	errNoEnd      = refuse(errors.New("body does not end with RECONNECT"))
	errLeading    = refuse(errors.New("frame length starts with 80"))
	errLongLength = refuse(errors.New("frame length of more than 5 bytes"))
	errNoPing     = refuse(errors.New("ping or pong that the create did not announce"))
	errPingData   = refuse(errors.New("ping or pong with a payload"))
	errText       = refuse(errors.New("text message is not UTF-8"))
	errUTF8       = refuse(errors.New("body is not one- and two-byte UTF-8"))
)

func refuse(err error) error {
	return &httpxe.StatusError{Status: 400, Reason: httpxe.Reason(400), Err: err}
}

// Reset prepares d for a new body. It keeps the buffer.
func (d *Decoder) Reset() { *d = Decoder{buf: d.buf[:0]} }

// SetBuffer gives d the memory for a frame that arrives in pieces; without it,
// or beyond its capacity, d allocates. Call it only while Held is 0.
func (d *Decoder) SetBuffer(b []byte) { d.buf = b[:0] }

// TakeBuffer takes the memory away from d, or returns nil while a partial frame
// is in it. The Data of the last frame may lie in it.
func (d *Decoder) TakeBuffer() []byte {
	if d.Held() > 0 {
		return nil
	}
	b := d.buf
	d.buf = nil
	return b
}

// Held returns the bytes of a partial frame in the buffer.
func (d *Decoder) Held() int {
	if d.state != inPayload && d.state != inDelimited {
		return 0
	}
	return len(d.buf)
}

// End reports how the body ended: an error obliges the caller to answer 400 and
// reset the session, because the body was cut (protocol.md §6.4).
func (d *Decoder) End() error {
	if d.state != atEnd || d.queued != 0 {
		return errNoEnd
	}
	return nil
}

// Next reads one frame from the front of p, which it may change.
//
// n bytes of p were consumed. ok: f is set; n may be 0, call again until !ok.
// !ok: all of p was consumed. err is a [*httpxe.StatusError] with status 400:
// the session must be reset; d is of no further use.
func (d *Decoder) Next(p []byte, o *Options, f *Frame) (n int, ok bool, err error) {
	for {
		if d.queued != 0 {
			d.yieldCommand(f)
			return n, true, nil
		}
		switch d.state {
		case inPayload:
			if n, ok, err = d.payload(p, n, o, f); ok || err != nil {
				return n, ok, err
			}
			if d.state == inPayload {
				return n, false, nil
			}
			continue
		case atEnd:
			if n < len(p) {
				return n, false, errAfterEnd
			}
			return n, false, nil
		}
		c, next, got, err := d.one(p, n, o.Layers)
		n = next
		if !got || err != nil {
			return n, false, err
		}
		switch d.state {
		case atType:
			err = d.begin(c, o)
		case atLength:
			err = d.length(c, o)
		case inDelimited:
			if ok, err = d.delimited(c, o, f); ok {
				return n, true, nil
			}
		case atCode, inCode:
			err = d.command(c)
		}
		if err != nil {
			return n, false, err
		}
	}
}

func (d *Decoder) begin(c byte, o *Options) error {
	d.buf, d.need, d.digits = d.buf[:0], 0, 0
	d.state = atLength
	switch c {
	case typeBinary:
		d.op = OpBinary
	case typeText:
		d.op = OpText
	case typeDelimited:
		d.op, d.state = OpText, inDelimited
	case typeCommand:
		d.state = atCode
	case typePing, typePong:
		if !o.Ping {
			return errNoPing
		}
		d.op = OpPing
		if c == typePong {
			d.op = OpPong
		}
	default:
		return refuse(fmt.Errorf("frame type %02X", c))
	}
	return nil
}

func (d *Decoder) length(c byte, o *Options) error {
	if d.digits++; d.digits == 1 && c == 0x80 {
		return errLeading
	}
	d.need = d.need<<7 | int64(c&0x7f)
	if c >= 0x80 {
		if d.digits == 5 {
			return errLongLength
		}
		return nil
	}
	switch {
	case d.op >= OpPing && d.need > 0:
		return errPingData
	case o.MaxMessage > 0 && d.need > o.MaxMessage:
		return tooBig(d.need, o)
	}
	d.state = inPayload
	return nil
}

func tooBig(n int64, o *Options) error {
	return refuse(fmt.Errorf("message of %d bytes, limit %d", n, o.MaxMessage))
}

// payload moves decoded bytes of p[n:] to the frame in progress. When it leaves
// d.state at inPayload with !ok, p is used up.
func (d *Decoder) payload(p []byte, n int, o *Options, f *Frame) (int, bool, error) {
	start := n
	n, end, err := d.take(p, n, d.need, o.Layers)
	if err != nil {
		return n, false, err
	}
	got := p[start:end]
	d.need -= int64(len(got))
	if d.need > 0 {
		if !d.closed {
			d.buf = append(d.buf, got...)
		}
		return n, false, nil
	}
	d.state = atType
	if d.closed {
		return n, false, nil
	}
	if len(d.buf) > 0 {
		d.buf = append(d.buf, got...)
		got = d.buf
	}
	return d.yield(n, got, f)
}

func (d *Decoder) yield(n int, data []byte, f *Frame) (int, bool, error) {
	if d.op == OpText && !utf8.Valid(data) {
		return n, false, errText
	}
	*f = Frame{d.op, data}
	return n, true, nil
}

func (d *Decoder) delimited(c byte, o *Options, f *Frame) (bool, error) {
	if c == 0xFF {
		d.state = atType
		if d.closed {
			return false, nil
		}
		_, ok, err := d.yield(0, d.buf, f)
		return ok, err
	}
	if d.closed {
		return false, nil
	}
	if o.MaxMessage > 0 && int64(len(d.buf)) == o.MaxMessage {
		return false, tooBig(o.MaxMessage+1, o)
	}
	d.buf = append(d.buf, c)
	return false, nil
}

// command reads the codes of a command frame; they take effect at its end.
func (d *Decoder) command(c byte) error {
	if d.state == inCode {
		d.state = atCode
		switch {
		case d.hex != '0' || c < '0' || c > '2':
			return refuse(fmt.Errorf("command %q", []byte{d.hex, c}))
		case c == '1':
			d.codes |= queuedReconnect
		case c == '2':
			d.codes |= queuedClose
		}
		return nil
	}
	if c != 0xFF {
		d.hex, d.state = c, inCode
		return nil
	}
	d.queued, d.codes, d.state = d.codes, 0, atType
	if d.queued&queuedReconnect != 0 {
		d.state = atEnd
	}
	if d.closed {
		d.queued &^= queuedClose
	}
	return nil
}

func (d *Decoder) yieldCommand(f *Frame) {
	if d.queued&queuedClose != 0 {
		d.queued &^= queuedClose
		d.closed = true
		*f = Frame{Op: OpClose}
		return
	}
	d.queued = 0
	*f = Frame{Op: OpReconnect}
}
