package session

import (
	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// An outgoing follows the data frames that one direction of a WebSocket sends,
// so that nothing comes between the header of one and its last byte (RFC 6455
// §5.4). Of the control frames that are due meanwhile it keeps one Ping and
// the latest Pong. The zero value is between frames.
type outgoing struct {
	pong *bytebufferpool.ByteBuffer // payload of the Pong that is owed; nil when none is
	open bool                       // the header of a frame is out and its payload is not
	ping bool                       // a Ping is owed
}

// follow takes note of f, which is sent next. false means that f does not
// continue what was sent before: to send it would garble the stream.
func (o *outgoing) follow(f *wsproto.Frame) bool {
	switch {
	case f.Off == 0 && o.open, f.Off > 0 && !o.open && len(f.Data) > 0:
		return false
	case f.Off == 0 || o.open:
		o.open = !f.End()
	}
	return true
}

// owePong keeps a copy of payload, in place of an earlier one.
func (o *outgoing) owePong(payload []byte) {
	if o.pong == nil {
		o.pong = bytebufferpool.Get()
	}
	o.pong.B = append(o.pong.B[:0], payload...)
}

// due reports whether something is owed and can be sent.
func (o *outgoing) due() bool { return !o.open && (o.ping || o.pong != nil) }

// settle forgets what is owed.
func (o *outgoing) settle() {
	o.ping = false
	if o.pong != nil {
		bytebufferpool.Put(o.pong)
		o.pong = nil
	}
}
