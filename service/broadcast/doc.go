// Package broadcast sends what one back end says to every client (spec/protocol.md
// §8.4).
//
//	back end ──▶ source ──▶ burst ──┬─ post ─▶ hub of loop 0 ──▶ its subscribers
//	             (one loop)         └─ post ─▶ hub of loop 1 ──▶ ...
//
// Everything that arrives in one turn of a loop becomes one burst, or several
// of 256 KiB. It is encoded once for each framing and handed to each loop in
// one task; a subscriber costs one write per burst, whatever the number of
// messages in it, and nothing is allocated for it.
//
// A source that is faster than the loops is held: what one has published and
// the hubs have not delivered is about a megabyte at most. Without a subscriber
// what is said is forgotten at once.
//
// A subscriber that does not keep up holds nobody else back: when more than
// its limit is queued it is cut, or, with DropOldest, misses the oldest
// messages.
package broadcast
