package session

import "github.com/kzfast/kzfast/wsproto"

// A Shared is a burst of messages on its way to many channels. Each framing
// is encoded once, whatever the number of receivers, and leaves in one write
// per receiver.
//
// It is built by one goroutine ([Shared.Add]) and read-only from the moment
// it is handed to a channel or to another loop.
type Shared struct {
	Messages []SharedMessage
	frames   []byte // all messages as unmasked RFC 6455 frames
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
