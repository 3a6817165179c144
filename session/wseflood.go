package session

import (
	"bytes"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// A chatter counts, within a second, what an emulated client sends that says
// nothing: it is held to the rate of control frames of a WebSocket. The decoder
// swallows command frames, so theirs is derived from the bytes that are no
// messages.
type chatter struct {
	second uint32
	frames uint32 // pings and pongs
	ends   uint32 // bytes that may end a command frame
	silent uint32 // bytes outside messages
}

const (
	minCommand = 4   // bytes of a command frame
	maxAround  = 12  // bytes around the payload of a message, in any encoding
	maxWiden   = 2   // bytes of a byte of payload, in any encoding
	padCommand = 512 // bytes of a long command frame that count as one more
)

var errChatter = &wsproto.StatusError{Status: 400, Reason: "Bad Request", Err: errControlRate}

// chatters counts p, which ended the frame f unless that is zero, and by which
// the decoder holds that many bytes more. It reports whether that is more than a
// client may send.
func (s *emulated) chatters(p []byte, f *wse.Frame, held int, layers wse.Layers) bool {
	c := &s.chatter
	if second := s.w.ticks() / 100; second != c.second {
		*c = chatter{second: second}
	}
	silent := len(p) - maxWiden*(held+len(f.Data))
	if f.Op != 0 {
		silent -= maxAround
	}
	if f.Op == wse.OpPing || f.Op == wse.OpPong {
		c.frames++
	}
	if silent > 0 {
		c.ends += uint32(bytes.Count(p, commandEnd(layers)))
	}
	c.silent = uint32(max(int(c.silent)+silent, 0))
	commands := min(c.ends, c.silent/minCommand)
	long := (c.silent - commands*minCommand) / padCommand
	return c.frames+commands+long >= maxControlRate
}

var (
	plainEnd = []byte{0xFF}
	utf8End  = []byte{0xBF} // of the two bytes for FF
)

func commandEnd(layers wse.Layers) []byte {
	if layers&wse.LayerUTF8 != 0 {
		return utf8End
	}
	return plainEnd
}
