// Package vendorclient behaves towards a server as the vendor's JavaScript and
// Java clients do (spec/protocol.md §5.1 to §5.3), for tests: what it cannot
// connect to, the field cannot either.
//
// It is written from the specification alone and shares with the server only
// RFC 6455 framing, so that a fault of the extended handshake or of WSE shows
// instead of cancelling out. It is stricter than a friendly client would be:
// what the real ones would hang on or refuse is an error here.
//
//	JavaScript   native, .kl=Y, inner GET as text  ─▶ on failure WSE by GET, text, behind a bridge
//	Java         GET /;e/cookies, then native, inner GET as binary ─▶ on failure WSE by POST, binary
//
// Neither reconnects by itself: an application that lost its connection calls
// [Dial] or [Reopen] with the URI it started from. An [EventSource] is the
// client of event streams, a browser's or the vendor's.
//
// Calls block and are bounded by their context and the client's own timers.
// Every connection owns its goroutines and ends them before Close or Abort
// returns.
package vendorclient
