//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "github.com/valyala/bytebufferpool"

const (
	// chunkMax is the most bytes that one pooled chunk is filled with, and the
	// most that a turn gathers before it writes.
	chunkMax = 64 << 10
	// chunkDrop is the capacity above which a chunk is left to the collector.
	chunkDrop = 2 * chunkMax
	// spareChunks and spareOuts bound what a loop keeps for its next turns.
	spareChunks = 32
	spareOuts   = 256
)

// An outbound is the unsent output of one conn. While the conn is not blocked it
// has one chunk with what this turn has gathered.
type outbound struct {
	n      int // bytes in all chunks
	off    int // bytes of chunks[0] that are gone
	chunks []*bytebufferpool.ByteBuffer
}

// head answers the unsent bytes of the first chunk.
func (o *outbound) head() []byte { return o.chunks[0].B[o.off:] }

// add copies p behind what is there, in chunks of at most chunkMax bytes.
func (o *outbound) add(l *Loop, p []byte) {
	o.n += len(p)
	for len(p) > 0 {
		b := o.tail(l)
		k := min(len(p), chunkMax-len(b.B))
		b.B = append(b.B, p[:k]...)
		p = p[k:]
	}
}

// tail answers a last chunk that has room.
func (o *outbound) tail(l *Loop) *bytebufferpool.ByteBuffer {
	if k := len(o.chunks); k > 0 && len(o.chunks[k-1].B) < chunkMax {
		return o.chunks[k-1]
	}
	b := l.takeChunk()
	o.chunks = append(o.chunks, b)
	return b
}

// consume drops n bytes from the front and returns emptied chunks.
func (o *outbound) consume(l *Loop, n int) {
	o.n -= n
	n += o.off
	i := 0
	for i < len(o.chunks) && n >= len(o.chunks[i].B) {
		n -= len(o.chunks[i].B)
		l.giveChunk(o.chunks[i])
		i++
	}
	o.off = n
	if i > 0 {
		k := copy(o.chunks, o.chunks[i:])
		clear(o.chunks[k:])
		o.chunks = o.chunks[:k]
	}
}

// fit replaces the only chunk by one of about its size, if it is mostly empty:
// what a peer leaves queued must not cost much more memory than is accounted.
func (o *outbound) fit(l *Loop) {
	if len(o.chunks) != 1 || cap(o.chunks[0].B) <= 4*o.n {
		return
	}
	b := &bytebufferpool.ByteBuffer{B: append([]byte(nil), o.head()...)}
	l.giveChunk(o.chunks[0])
	o.chunks[0], o.off = b, 0
}

func (l *Loop) takeChunk() *bytebufferpool.ByteBuffer {
	if k := len(l.chunks); k > 0 {
		b := l.chunks[k-1]
		l.chunks = l.chunks[:k-1]
		return b
	}
	return bytebufferpool.Get()
}

func (l *Loop) giveChunk(b *bytebufferpool.ByteBuffer) {
	switch {
	case cap(b.B) > chunkDrop:
	case len(l.chunks) < spareChunks:
		b.Reset()
		l.chunks = append(l.chunks, b)
	default:
		bytebufferpool.Put(b)
	}
}

func (l *Loop) takeOut() *outbound {
	if k := len(l.outs); k > 0 {
		o := l.outs[k-1]
		l.outs = l.outs[:k-1]
		return o
	}
	return new(outbound)
}

// dropOut gives back everything that c has queued.
func (c *Conn) dropOut(l *Loop) {
	o := c.out
	if o == nil {
		return
	}
	c.out = nil
	if c.flags&flagBlocked != 0 {
		l.engine.pending.Add(-int64(o.n))
		c.flags &^= flagBlocked
	}
	for i, b := range o.chunks {
		l.giveChunk(b)
		o.chunks[i] = nil
	}
	if len(l.outs) < spareOuts && cap(o.chunks) <= 16 {
		*o = outbound{chunks: o.chunks[:0]}
		l.outs = append(l.outs, o)
	}
}
