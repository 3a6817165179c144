package wsx

import "github.com/kzfast/kzfast/wsproto"

// Payloads of the ping-pong extension's text frames (protocol.md §3.6).
const (
	ControlBytes = "\x01\x01\x01\x02"
	PingPayload  = ControlBytes + "\x09\x00"
	PongPayload  = ControlBytes + "\x0A\x00"
)

// AppendPing appends a server's emulated ping. It is a data frame: send it only
// while [Sender.Ready].
func AppendPing(dst []byte) []byte { return appendText(dst, PingPayload) }

// AppendPong appends a server's emulated pong; see [AppendPing].
func AppendPong(dst []byte) []byte { return appendText(dst, PongPayload) }

// AppendEscape appends the frame that precedes a text message which starts with
// the control bytes.
func AppendEscape(dst []byte) []byte { return appendText(dst, ControlBytes) }

func appendText(dst []byte, payload string) []byte {
	dst = wsproto.AppendHeader(dst, wsproto.OpText, true, false, int64(len(payload)))
	return append(dst, payload...)
}

// A Signal is an emulated control frame.
type Signal uint8

const (
	NoSignal Signal = iota
	Ping            // answer with an emulated pong
	Pong            // satisfies an outstanding emulated ping
)
