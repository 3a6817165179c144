package session

import (
	"sync"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/sse"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// A Shared is a burst of messages on its way to many channels. Each framing
// is encoded once, whatever the number of receivers, and leaves in one write
// per receiver.
//
// It is built by one goroutine ([Shared.Add]) and read-only from the moment
// it is handed to a channel or to another loop. The framings other than RFC
// 6455 are made by the first loop that has a receiver for them. A Shared must
// not be copied.
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

// Add appends a message. payload is copied.
func (m *Shared) Add(op wsproto.Opcode, payload []byte) {
	m.frames = wsproto.AppendHeader(m.frames, op, true, false, int64(len(payload)))
	start := len(m.frames)
	m.frames = append(m.frames, payload...)
	m.Messages = append(m.Messages, SharedMessage{op, m.frames[start:len(m.frames):len(m.frames)]})
}

// Len is the number of bytes the burst has as RFC 6455 frames.
func (m *Shared) Len() int { return len(m.frames) }

// events is the burst as server-sent events. Safe for any goroutine.
func (m *Shared) events() []byte {
	m.stream.once.Do(func() {
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
		for i := range m.Messages {
			f.b = wse.AppendMessage(f.b, e, m.Messages[i].Op == wsproto.OpText, m.Messages[i].Payload)
		}
	})
	return f.b
}
