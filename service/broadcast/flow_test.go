package broadcast

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// most16 is the number of blocks of 64 KiB at which a source is held at the
// latest: those on their way and a burst that is not complete.
const most16 = (highWater + burstSize) >> 16

// flood has back say numbered blocks of a full read until it is paused, at
// most most of them, and gives how many.
func flood(back *tape, from, most int) (n int) {
	block := make([]byte, 64<<10)
	for n < most && !back.paused {
		copy(block, fmt.Sprintf("%08d", from+n))
		back.handler.Data(block)
		n++
	}
	return n
}

// numbers are the blocks that c has heard.
func (c *client) numbers() (list []string) {
	for _, m := range c.bursts {
		for _, msg := range m.Messages {
			list = append(list, string(msg.Payload[:8]))
		}
	}
	return list
}

// A back end that is faster than the hubs is not read from above the bound,
// and again when they have caught up; nothing is lost. Bursts are no larger
// than theirs.
func TestFastBackEnd(t *testing.T) {
	r := newRig(t, 2, Options{})
	back := r.start()
	a, b := r.open(0), r.open(1)
	const most = 3 * highWater >> 16
	said := flood(back, 0, most)
	if !back.paused || said > most16 {
		t.Fatalf("paused %v after %d blocks of 64 KiB, want so after %d at most", back.paused, said, most16)
	}
	// One hub is not enough.
	for len(r.loops[0].posts) > 0 {
		r.loops[0].turn()
	}
	if !back.paused {
		t.Error("read from while a hub is behind")
	}
	for range 5 {
		r.settle()
		if back.paused {
			t.Fatal("still paused when all is delivered")
		}
		said += flood(back, said, most)
	}
	r.settle()
	for name, c := range map[string]*client{"a": a, "b": b} {
		list := c.numbers()
		if len(list) != said {
			t.Errorf("%s heard %d blocks, want %d", name, len(list), said)
		}
		for i, got := range list {
			if want := fmt.Sprintf("%08d", i); got != want {
				t.Fatalf("%s heard %s as block %d", name, got, i)
			}
		}
		for i, m := range c.bursts {
			if m.Footprint() > burstSize {
				t.Errorf("burst %d has %d bytes, want at most %d", i, m.Footprint(), burstSize)
			}
		}
	}
	if n := r.s.sources[0].(*connector).flow.pending.Load(); n != 0 {
		t.Errorf("%d bytes counted with all delivered", n)
	}
}

// The list of many small messages counts too, and one message may be larger
// than a burst.
func TestBurstSizes(t *testing.T) {
	r := newRig(t, 1, Options{})
	back := r.start()
	c := r.open(0)
	small := burstSize / 32
	for range small {
		back.says("x")
	}
	r.settle()
	if len(c.bursts) != 2 {
		t.Errorf("%d messages of a byte in %d bursts, want 2", small, len(c.bursts))
	}
	back.says("first")
	back.handler.Data(make([]byte, 3*burstSize))
	back.says("last")
	r.settle()
	sizes := ""
	for _, m := range c.bursts[2:] {
		sizes += fmt.Sprint(len(m.Messages[0].Payload), " ")
	}
	if want := fmt.Sprint(5, " ", 3*burstSize, " ", 4, " "); sizes != want {
		t.Errorf("bursts of %s, want %s", sizes, want)
	}
}

// Without a subscriber nothing is kept, posted or allocated; of a message that
// began so, a later subscriber hears nothing.
func TestNobodyThere(t *testing.T) {
	r := newRig(t, 2, Options{})
	back := r.start()
	block := make([]byte, 64<<10)
	if got := testing.AllocsPerRun(100, func() { back.handler.Data(block) }); got != 0 {
		t.Errorf("%v allocations for a read without a subscriber, want 0", got)
	}
	if n := len(r.loops[0].posts) + len(r.loops[1].posts); n != 0 || back.paused {
		t.Errorf("%d tasks posted, paused %v; want none", n, back.paused)
	}
	c := r.s.sources[0].(*connector)
	say := func(op wsproto.Opcode, fin bool, text string) {
		c.Frame(c.ch, &wsproto.Frame{Op: op, Fin: fin, Len: int64(len(text)), Data: []byte(text)})
	}
	say(wsproto.OpText, false, "half")
	sub := r.open(1)
	say(wsproto.OpContinuation, true, " of it")
	say(wsproto.OpText, true, "whole")
	r.settle()
	sub.hears(t, "subscriber", "whole")
	if n := len(r.loops[0].posts); n != 0 {
		t.Errorf("%d tasks for a loop without a subscriber", n)
	}
	sub.ends()
	back.says("again")
	if n := len(r.loops[0].posts) + len(r.loops[1].posts); n != 0 {
		t.Errorf("%d tasks posted when the last has gone", n)
	}
}

// The capacity for a large message is not kept for the next.
func TestLargeMessageForgotten(t *testing.T) {
	r := newRig(t, 1, Options{EchoClients: true})
	c := r.open(0)
	c.says(wsproto.OpText, false, string(make([]byte, 10*maxKept)))
	c.says(wsproto.OpContinuation, true, "end")
	if n := cap(c.recv.(*subscriber).said.message); n > maxKept {
		t.Errorf("%d bytes kept, want at most %d", n, maxKept)
	}
}

// Clients whose messages are broadcast are held as well; one that ends while
// it is held is left alone.
func TestFastClients(t *testing.T) {
	r := newRig(t, 2, Options{EchoClients: true})
	a, b, other := r.open(0), r.open(0), r.open(1)
	block := string(bytes.Repeat([]byte("y"), 64<<10))
	n := 0
	for ; !a.paused && n < 100; n++ {
		a.says(wsproto.OpText, true, block)
	}
	b.says(wsproto.OpText, true, block)
	if n > most16 || !b.paused || other.paused {
		t.Errorf("paused %v after %d blocks, the other %v, of another loop %v; want only the loop's own", a.paused, n, b.paused, other.paused)
	}
	b.ends()
	r.settle()
	if a.paused || !b.paused {
		t.Errorf("paused: %v, one that has gone: %v; want false and true", a.paused, b.paused)
	}
	if got := len(other.numbers()); got != n+1 {
		t.Errorf("%d blocks heard, want %d", got, n+1)
	}
}

// Neither a loop that has ended nor a delivery that panics holds the source
// for ever.
func TestLostDelivery(t *testing.T) {
	r := newRig(t, 2, Options{})
	back := r.start()
	a := r.open(0)
	r.open(1)
	r.loops[1].ended = true
	flood(back, 0, 100)
	r.settle()
	if back.paused {
		t.Error("held for a loop that has ended")
	}
	a.onSend = func() { panic("broken") }
	flood(back, 0, 100)
	for len(r.loops[0].posts) > 0 {
		fn := r.loops[0].posts[0]
		r.loops[0].posts = r.loops[0].posts[1:]
		func() {
			defer func() { _ = recover() }()
			fn()
		}()
	}
	if back.paused || r.s.hubs[0].delivering {
		t.Errorf("paused %v, delivering %v after a panic; want neither", back.paused, r.s.hubs[0].delivering)
	}
}

// A turn's burst costs as much whether it goes to one or to many, and little.
func TestBurstAllocates(t *testing.T) {
	r := newRig(t, 1, Options{})
	back := r.start()
	for range 1000 {
		r.open(0).forget = true
	}
	p := make([]byte, 125)
	l := r.loops[0]
	got := testing.AllocsPerRun(100, func() {
		for range 8 {
			back.handler.Data(p)
		}
		l.turn()
		l.turn()
	})
	// A parcel, its frames and messages, its task; the loop's list of tasks;
	// and what the race detector makes pools forget.
	if got > 12 {
		t.Errorf("%v allocations for a burst of 8 messages to 1,000, want at most 12", got)
	}
}

var _ session.Receiver = (*connector)(nil)
