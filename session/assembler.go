package session

import (
	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
)

// An assembler makes whole messages of what a service sends, for transports
// that know no fragments (spec/protocol.md §2.2).
type assembler struct {
	held *bytebufferpool.ByteBuffer // a message of which fragments are missing
	text bool
}

// add takes a frame. ok says that a message is complete: payload is valid
// until release.
func (a *assembler) add(f *wsproto.Frame) (payload []byte, text, ok bool) {
	if f.Op != wsproto.OpContinuation && f.Start() {
		a.text = f.Op == wsproto.OpText
	}
	if a.held == nil {
		if f.Whole() && f.Fin {
			return f.Data, a.text, true
		}
		a.held = bytebufferpool.Get()
	}
	a.held.B = append(a.held.B, f.Data...)
	return a.held.B, a.text, f.Last()
}

// size is the number of bytes that are kept.
func (a *assembler) size() int {
	if a.held == nil {
		return 0
	}
	return len(a.held.B)
}

func (a *assembler) release() {
	if a.held != nil {
		bytebufferpool.Put(a.held)
		a.held = nil
	}
}
