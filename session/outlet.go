package session

import "github.com/valyala/bytebufferpool"

// An outlet is where a session writes that outlives its HTTP responses: the
// body of the response that is under way, or a queue until the next one.
type outlet struct {
	w         *Worker
	t         Transport                  // of the streaming response; nil while there is none
	queue     *bytebufferpool.ByteBuffer // what no response has carried yet
	sent      int64                      // bytes of the body under way
	limit     int64                      // bytes at which the body ends (.kb); 0 is never
	bound     int32                      // bytes that may be queued
	high      int32                      // high-water mark in bytes; 0 is queueHigh
	lastWrite uint32                     // ticks
	held      bool                       // nothing is written yet (.kf)
	seat      seat                       // while there is no response
	wasOver   bool                       // Over was true without a transport that will tell its end
}

const (
	queueHigh  = 64 << 10
	queueBound = 1 << 20  // without maximum.pending.bytes
	maxQueued  = 64 << 20 // by all sessions of a loop together
)

// put sends p as part of the body, or queues a copy of it. It reports false
// when that is more than may be queued.
func (o *outlet) put(p []byte) bool {
	if o.t != nil && !o.held {
		o.t.Write(p)
		o.wrote(len(p))
		return true
	}
	return o.enqueue(p)
}

// share is put for bytes that many outlets send.
func (o *outlet) share(p []byte) bool {
	if o.t != nil && !o.held {
		o.t.Send(p)
		o.wrote(len(p))
		return true
	}
	return o.enqueue(p)
}

func (o *outlet) wrote(n int) {
	o.sent += int64(n)
	o.lastWrite = o.w.ticks()
}

func (o *outlet) enqueue(p []byte) bool {
	if o.queue == nil {
		o.queue = bytebufferpool.Get()
	}
	if len(o.queue.B)+len(p) > int(o.bound) || o.w.queued+len(p) > maxQueued {
		return false
	}
	o.w.queued += len(p)
	o.queue.B = append(o.queue.B, p...)
	o.wasOver = o.wasOver || len(o.queue.B) > o.highWater()
	return true
}

func (o *outlet) highWater() int {
	if o.high > 0 {
		return int(o.high)
	}
	return queueHigh
}

// queued are the bytes that wait for a response, valid until emptied.
func (o *outlet) queued() []byte {
	if o.queue == nil {
		return nil
	}
	return o.queue.B
}

// emptied drops the queue. It reports whether a producer that saw Over is to
// be told that it may go on.
func (o *outlet) emptied() (drained bool) {
	if o.queue != nil {
		o.w.queued -= len(o.queue.B)
		bytebufferpool.Put(o.queue)
		o.queue = nil
	}
	drained, o.wasOver = o.wasOver, false
	return drained && (o.t == nil || !o.t.Over())
}

// attach makes t, whose head has been sent, the response under way; sent bytes
// of its body are out.
func (o *outlet) attach(t Transport, sent int, limit int64) {
	o.t, o.sent, o.limit, o.lastWrite = t, int64(sent), limit, o.w.ticks()
	t.SetHighWater(int(o.high))
}

// detach ends the response under way in order. Its transport has no further
// meaning to the session.
func (o *outlet) detach() {
	t := o.t
	o.lose()
	t.SetHandler(gone{})
	t.Close()
}

// lose forgets the response under way. A producer that saw its transport over
// the mark is told the end of it by whatever empties the queue next.
func (o *outlet) lose() {
	o.wasOver = o.wasOver || o.t.Over()
	o.t, o.held = nil, false
}

// full reports that the body has the size at which it ends.
func (o *outlet) full() bool { return o.t != nil && o.limit > 0 && o.sent >= o.limit }

// Pending implements [Channel].
func (o *outlet) Pending() int {
	n := len(o.queued())
	if o.t != nil {
		n += o.t.Pending()
	}
	return n
}

// Over implements [Channel].
func (o *outlet) Over() bool {
	return len(o.queued()) > o.highWater() || o.t != nil && o.t.Over()
}

// SetHighWater implements [Channel].
func (o *outlet) SetHighWater(n int) {
	o.high = int32(min(n, 1<<30))
	if o.t != nil {
		o.t.SetHighWater(n)
	}
}

// Worker implements [Channel].
func (o *outlet) Worker() *Worker { return o.w }

// gone handles a connection on which nothing matters any more.
type gone struct{}

func (gone) Data([]byte)  {}
func (gone) EOF()         {}
func (gone) Drained()     {}
func (gone) Timeout()     {}
func (gone) Closed(error) {}
