package broadcast

import (
	"testing"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// All that arrives in one turn is one burst, the same for every subscriber of
// every loop.
func TestBurst(t *testing.T) {
	r := newRig(t, 2, Options{})
	back := r.start()
	a, b, c := r.open(0), r.open(0), r.open(1)
	back.says("1")
	back.says("2")
	a.hears(t, "a before the end of the turn", "")
	r.settle()
	back.says("3")
	r.settle()
	for name, sub := range map[string]*client{"a": a, "b": b, "c": c} {
		sub.hears(t, name, "1,2 3")
	}
	if a.bursts[0] != b.bursts[0] || a.bursts[0] != c.bursts[0] {
		t.Error("the burst is not shared")
	}
	if op := a.bursts[0].Messages[0].Op; op != wsproto.OpBinary {
		t.Errorf("a read became %v, want binary", op)
	}
}

func TestLateJoiner(t *testing.T) {
	r := newRig(t, 1, Options{})
	early := r.open(0)
	back := r.start()
	back.says("1")
	r.settle()
	late := r.open(0)
	back.says("2")
	r.settle()
	early.hears(t, "early", "1 2")
	late.hears(t, "late", "2")
	early.ends()
	back.says("3")
	r.settle()
	early.hears(t, "gone", "1 2")
	late.hears(t, "late", "2 3")
}

func TestClientMessages(t *testing.T) {
	say := func(c *client) {
		c.says(wsproto.OpText, true, "whole")
		c.says(wsproto.OpText, false, "in ")
		c.says(wsproto.OpContinuation, false, "")
		c.says(wsproto.OpContinuation, true, "pieces")
		c.says(wsproto.OpBinary, true, "")
		f := wsproto.Frame{Op: wsproto.OpBinary, Fin: true, Len: 4, Data: []byte("ch")}
		c.recv.Frame(c.recorder, &f)
		f.Off, f.Data = 2, []byte("op")
		c.recv.Frame(c.recorder, &f)
		c.says(wsproto.OpText, false, "")
		c.says(wsproto.OpContinuation, true, "end")
	}
	t.Run("noop", func(t *testing.T) {
		r := newRig(t, 2, Options{})
		a, b := r.open(0), r.open(1)
		say(a)
		r.settle()
		a.hears(t, "sender", "")
		b.hears(t, "other", "")
	})
	t.Run("broadcast", func(t *testing.T) {
		r := newRig(t, 2, Options{EchoClients: true})
		a, b := r.open(0), r.open(1)
		say(a)
		r.settle()
		const want = "whole,in pieces,,chop,end"
		a.hears(t, "sender", want)
		b.hears(t, "other", want)
		if len(a.bursts) != 1 {
			t.Fatalf("%d bursts, want 1", len(a.bursts))
		}
		for i, op := range []wsproto.Opcode{wsproto.OpText, wsproto.OpText, wsproto.OpBinary, wsproto.OpBinary, wsproto.OpText} {
			if got := a.bursts[0].Messages[i].Op; got != op {
				t.Errorf("message %d is %v, want %v", i, got, op)
			}
		}
	})
	t.Run("apart", func(t *testing.T) {
		r := newRig(t, 1, Options{EchoClients: true})
		a, b := r.open(0), r.open(0)
		a.says(wsproto.OpText, false, "half")
		b.says(wsproto.OpText, true, "whole")
		a.ends()
		r.settle()
		b.hears(t, "other", "whole")
	})
}

func TestDeliveryAllocates(t *testing.T) {
	for _, drop := range []bool{false, true} {
		r := newRig(t, 1, Options{DropOldest: drop})
		for range 100 {
			r.open(0).forget = true
		}
		h, m := &r.s.hubs[0], burst("hello")
		if got := testing.AllocsPerRun(100, func() { h.deliver(m) }); got != 0 {
			t.Errorf("drop oldest %v: %v allocations for 100 deliveries, want 0", drop, got)
		}
	}
}

// A conversation is bound to the hub of its own loop.
func TestHubOfLoop(t *testing.T) {
	r := newRig(t, 3, Options{})
	c := r.open(2)
	for i, want := range []int{0, 0, 1} {
		if got := len(r.s.hubs[i].subs); got != want {
			t.Errorf("hub %d has %d subscribers, want %d", i, got, want)
		}
	}
	c.ends()
	if got := len(r.s.hubs[2].subs); got != 0 {
		t.Errorf("%d subscribers left", got)
	}
}

var _ session.Channel = (*recorder)(nil)
