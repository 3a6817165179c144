package session

import (
	"unicode/utf8"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// A compression is permessage-deflate on one session (RFC 7692), without
// context takeover: between messages it holds nothing.
type compression struct {
	limits  wsproto.Limits             // the route's, with RSV1 allowed
	message *bytebufferpool.ByteBuffer // a compressed message that is not complete
	op      wsproto.Opcode
}

// minDeflate is the payload below which compressing gains nothing.
const minDeflate = 64

func newCompression(o *Options) *compression {
	c := &compression{limits: o.Limits}
	c.limits.RSV1 = true
	return c
}

// receive gathers a compressed message and delivers what is in it, whole.
// Others pass as they come. It stops inflating at the message limit.
func (c *compression) receive(s *WebSocket, f *wsproto.Frame) {
	if c.message == nil {
		if !f.RSV1 {
			s.recv.Frame(s, f)
			return
		}
		c.message = bytebufferpool.Get()
		c.op = f.Op
	}
	c.message.B = append(c.message.B, f.Data...)
	if !f.Last() {
		return
	}
	out := bytebufferpool.Get()
	defer bytebufferpool.Put(out)
	var err error
	out.B, err = wsproto.Inflate(out.B[:0], c.message.B, c.limits.MaxMessage)
	c.release()
	if err == nil && c.op == wsproto.OpText && !c.limits.NoUTF8 && !utf8.Valid(out.B) {
		err = &wsproto.CloseError{Code: wsproto.CodeInvalidPayload}
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.recv.Frame(s, &wsproto.Frame{Op: c.op, Fin: true, Len: int64(len(out.B)), Data: out.B})
}

// send compresses f when it is a whole message and that makes it smaller;
// fragments and chunks go out as they are.
func (c *compression) send(s *WebSocket, f *wsproto.Frame) {
	if !f.Whole() || !f.Fin || f.Op == wsproto.OpContinuation || f.Len < minDeflate {
		s.writeFrame(f)
		return
	}
	out := bytebufferpool.Get()
	defer bytebufferpool.Put(out)
	out.B = wsproto.Deflate(out.B[:0], f.Data)
	if len(out.B) >= len(f.Data) {
		s.writeFrame(f)
		return
	}
	s.writeFrame(&wsproto.Frame{Op: f.Op, Fin: true, RSV1: true, Len: int64(len(out.B)), Data: out.B})
}

func (c *compression) release() {
	if c.message != nil {
		bytebufferpool.Put(c.message)
		c.message = nil
	}
}
