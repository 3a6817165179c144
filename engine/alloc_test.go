//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"io"
	"testing"
	"time"

	"github.com/valyala/bytebufferpool"
)

// An echoed message allocates nothing, by Send, by Write, with the inactivity
// timer set anew, and with several writes to a conn.
func TestEchoAllocatesNothing(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage allocates")
	}
	for name, h := range map[string]*funcs{
		"Send":  echoSend,
		"Write": echoWrite,
		"timer": {data: func(c *Conn, p []byte) { c.SetTimeout(time.Minute); c.Send(p) }},
		"parts": {data: func(c *Conn, p []byte) { c.Write(p[:10]); c.Write(p[10:20]); c.Send(p[20:]) }},
		"pause": {data: func(c *Conn, p []byte) { c.Pause(); c.Send(p); c.Resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			nc := dial(t, listen(t, e, h.on).Addr())
			_ = nc.SetDeadline(time.Time{})
			msg, got := pattern(125), make([]byte, 125)
			once := func() {
				if _, err := nc.Write(msg); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(nc, got); err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				once()
			}
			if n := testing.AllocsPerRun(2000, once); n > 0 {
				t.Errorf("%v allocations per echo, want 0", n)
			}
		})
	}
}

// outbound against a plain slice.
func TestOutbound(t *testing.T) {
	l := &Loop{}
	o := new(outbound)
	var model []byte
	next := byte(0)
	for step := range 2000 {
		n := (step * 7919) % (3 * chunkMax)
		if step%3 == 0 {
			p := make([]byte, n)
			for i := range p {
				p[i] = next
				next++
			}
			o.add(l, p)
			model = append(model, p...)
		} else {
			n = min(n, len(model))
			o.consume(l, n)
			model = model[n:]
		}
		if o.n != len(model) {
			t.Fatalf("step %d: %d bytes, want %d", step, o.n, len(model))
		}
		i := 0
		for k := range o.chunks {
			b := o.chunks[k].B
			if k == 0 {
				b = o.head()
			}
			if len(b) == 0 {
				t.Fatalf("step %d: empty chunk %d kept", step, k)
			}
			if b[0] != model[i] || b[len(b)-1] != model[i+len(b)-1] {
				t.Fatalf("step %d: wrong bytes in chunk %d", step, k)
			}
			i += len(b)
		}
		if i != len(model) {
			t.Fatalf("step %d: chunks hold %d bytes, want %d", step, i, len(model))
		}
		if len(l.chunks) > spareChunks {
			t.Fatalf("%d spare chunks kept", len(l.chunks))
		}
	}
}

// What stays queued costs about what is counted, and oversized chunks are dropped.
func TestQueuedMemory(t *testing.T) {
	l := &Loop{}
	big := &bytebufferpool.ByteBuffer{B: make([]byte, 0, chunkMax)}
	o := &outbound{chunks: []*bytebufferpool.ByteBuffer{big}}
	o.add(l, []byte("a few bytes"))
	o.fit(l)
	if c := cap(o.chunks[0].B); c > 64 || string(o.head()) != "a few bytes" || len(l.chunks) != 1 {
		t.Errorf("capacity %d, head %q, %d spare", c, o.head(), len(l.chunks))
	}
	l.giveChunk(&bytebufferpool.ByteBuffer{B: make([]byte, 0, chunkDrop+1)})
	if len(l.chunks) != 1 {
		t.Error("an oversized chunk was kept")
	}
}
