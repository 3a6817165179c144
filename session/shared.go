package session

import (
	"sync"

	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/sse"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// A Shared is a burst of messages on its way to many channels. Each framing
// is encoded once, whatever the number of receivers, and leaves in one write
// per receiver.
//
// It is built by one goroutine ([Shared.Add], or a [Gathering]) and read-only
// from the moment it is handed to a channel or to another loop. The framings
// other than RFC 6455 are made by the first loop that has a receiver for them.
// A Shared must not be copied.
type Shared struct {
	Messages []SharedMessage
	frames   []byte // all messages as unmasked RFC 6455 frames
	stream   encoded
	wse      [4]encoded // by mixed and escaped
}

// An encoded is one more framing of a burst.
type encoded struct {
	once sync.Once
	b    []byte
}

// A SharedMessage is one message of a burst. Payload is owned by the burst.
type SharedMessage struct {
	Op      wsproto.Opcode // Text or Binary
	Payload []byte
}

// Add appends a message. payload is copied. A burst of one message takes the
// memory it needs and no more; for several there is [Gathering].
func (m *Shared) Add(op wsproto.Opcode, payload []byte) {
	if m.frames == nil {
		m.frames = make([]byte, 0, wsproto.HeaderLen(int64(len(payload)))+len(payload))
	}
	m.frames = wsproto.AppendHeader(m.frames, op, true, false, int64(len(payload)))
	start := len(m.frames)
	m.frames = append(m.frames, payload...)
	m.Messages = append(m.Messages, SharedMessage{op, m.frames[start:len(m.frames):len(m.frames)]})
}

// Len is the number of bytes the burst has as RFC 6455 frames.
func (m *Shared) Len() int { return len(m.frames) }

// Footprint is about the number of bytes of memory that the burst takes: its
// frames and the list of its messages.
func (m *Shared) Footprint() int { return footprint(len(m.frames), len(m.Messages)) }

func footprint(frames, messages int) int { return frames + messages*messageSize }

// messageSize is the memory of a SharedMessage in bytes.
const messageSize = 32

// A Gathering collects messages of which one burst is made. The burst's memory
// is allocated once, when it is complete; until then it is borrowed from a
// pool. The zero value is empty. It belongs to one goroutine.
type Gathering struct {
	frames *bytebufferpool.ByteBuffer // nil when empty
	marks  []mark
}

// A mark is a message of a gathering; it ends at that index of the frames.
type mark struct {
	op   wsproto.Opcode
	size int
	end  int
}

// maxMarks bounds the list that an empty gathering keeps.
const maxMarks = 1024

// Add appends a message. payload is copied.
func (g *Gathering) Add(op wsproto.Opcode, payload []byte) {
	if g.frames == nil {
		g.frames = bytebufferpool.Get()
	}
	g.frames.B = wsproto.AppendHeader(g.frames.B, op, true, false, int64(len(payload)))
	g.frames.B = append(g.frames.B, payload...)
	g.marks = append(g.marks, mark{op, len(payload), len(g.frames.B)})
}

// Empty reports whether no message was added since the last Move.
func (g *Gathering) Empty() bool { return g.frames == nil }

// Footprint is what the burst's [Shared.Footprint] will be.
func (g *Gathering) Footprint() int {
	if g.frames == nil {
		return 0
	}
	return footprint(len(g.frames.B), len(g.marks))
}

// Move makes m, which is empty, the burst of all messages and empties g.
func (g *Gathering) Move(m *Shared) {
	if g.frames == nil {
		return
	}
	m.frames = append(make([]byte, 0, len(g.frames.B)), g.frames.B...)
	m.Messages = make([]SharedMessage, len(g.marks))
	for i, k := range g.marks {
		m.Messages[i] = SharedMessage{k.op, m.frames[k.end-k.size : k.end : k.end]}
	}
	bytebufferpool.Put(g.frames)
	g.frames, g.marks = nil, g.marks[:0]
	if cap(g.marks) > maxMarks {
		g.marks = nil
	}
}

// events is the burst as server-sent events. Safe for any goroutine.
func (m *Shared) events() []byte {
	m.stream.once.Do(func() {
		m.stream.b = make([]byte, 0, m.roomy())
		for i := range m.Messages {
			m.stream.b = sse.AppendData(m.stream.b, m.Messages[i].Payload)
		}
	})
	return m.stream.b
}

// emulated is the burst as the frames of an emulated WebSocket. Safe for any
// goroutine.
func (m *Shared) emulated(e wse.Encoding) []byte {
	i := 0
	if e.Mixed() {
		i = 1
	}
	if e.Downstream() != 0 {
		i += 2
	}
	f := &m.wse[i]
	f.once.Do(func() {
		f.b = make([]byte, 0, m.roomy())
		for i := range m.Messages {
			f.b = wse.AppendMessage(f.b, e, m.Messages[i].Op == wsproto.OpText, m.Messages[i].Payload)
		}
	})
	return f.b
}

// roomy is the size in bytes that most other framings of m fit into.
func (m *Shared) roomy() int { return len(m.frames) + 8*len(m.Messages) }
