// Package proxy joins each client with a connection of its own to a back end
// (spec/protocol.md §8.5).
//
//	client ◀─ near ─┐        ┌─ far ─▶ back end
//	                └─ pair ─┘
//
// Both ends of a pair live on one event loop, so flow control is a pair of
// comparisons: what one end has queued and not yet sent pauses reading from
// the other above the pending limit and resumes it below half of it. Nothing
// is queued anywhere else, and no goroutine belongs to a pair.
//
// The end of either side closes the other after what is queued for it.
package proxy
