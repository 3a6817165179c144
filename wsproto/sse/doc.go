// Package sse is the byte level of the event stream that Kaazing clients and
// browsers' EventSource read (protocol.md §7).
//
// A stream is a head and then events, each a few lines and a blank one:
//
//	location:http://h/sse;s/<id> LF LF     first event of a new session
//	data:Hello, world LF LF                one message
//	: LF LF                                keep-alive
//	reconnect LF LF                        the client must come back at once
//	retry:60000 LF LF                      last event before we close
//
// Append functions and [Event] write it, [Head] fills in the response head,
// [ParsePath] reads `;s/<id>`, and a [Parser] is the client's side.
//
// The package is bytes in, bytes out: no I/O, no clock, no goroutine.
package sse
