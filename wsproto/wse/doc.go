// Package wse is the byte level of WSE, Kaazing's WebSocket emulation over
// HTTP (protocol.md §6).
//
// One emulated connection is a create request, then sequential upstream POSTs
// and one current downstream response. Every body is a sequence of frames:
//
//	80 LEN payload      binary message           01 30 30 FF   NOP
//	81 LEN payload      text message             01 30 31 FF   RECONNECT: this body ends
//	00 payload FF       text, upstream only      01 30 32 FF   CLOSE
//	89 00 / 8A 00       ping / pong
//
// LEN is base 128, big-endian, high bit = more. An [Encoding], chosen by the
// create suffix, may put one or two layers around that:
//
//	upstream  frames ─▶ escape (te, tem) ─▶ each byte as a UTF-8 character (t…)
//	downstream frames ─▶ escape (te, tem)
//
// A [Decoder] undoes the layers in place and yields whole frames; Append
// functions write the other direction. [ParsePath], [ParseParams],
// [CheckCreate] and [Sequence] judge requests, and [Created], [Downstream] and
// [Refuse] fill in the answers.
//
// The package is bytes in, bytes out: no I/O, no clock, no goroutine, no
// session table. An error means HTTP status 400 and the end of the session.
package wse
