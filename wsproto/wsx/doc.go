// Package wsx is the byte level of the extended handshake
// (x-kaazing-handshake) and of the extensions x-kaazing-ping-pong and
// x-kaazing-idle-timeout (protocol.md §3).
//
// A browser's WebSocket shows a script neither status nor headers, so the
// client opens a bare WebSocket and speaks a second HTTP handshake in its
// messages. With the query token .kl=Y:
//
//	client                        server
//	outer request            ──▶
//	                         ◀──  outer 101, Sec-WebSocket-Protocol: x-kaazing-handshake
//	                         ◀──  82 04 EF 83 BF 4E        directive N: carry on here
//	inner GET in a message   ──▶
//	                         ◀──  82 7E .. ..  inner head  101, 302, 401, 400, 403 or 404
//	                         ◀──  82 00                    end marker
//	                         ◀──  82 04 EF 83 BF 4E        N again: open
//
// A balancer answers R and a URI instead of an N. [AfterOuter] and [AfterInner]
// say which directive is due, [Request] reads the inner request, [Upgrade],
// [Found], [Challenge] and [Refusal] fill in what [AppendResponse] renders as
// one frame. [Receiver] and [Sender] are the ping-pong extension in each
// direction. [Client] is the vendor client's side.
//
// The package is bytes in, bytes out: no I/O, no clock, no goroutine.
package wsx
