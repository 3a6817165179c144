package session

import (
	"bytes"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
)

// A gathering makes the burst that adding one by one makes, and begins anew.
func TestGathering(t *testing.T) {
	var g Gathering
	for round := range 3 {
		var want, got Shared
		for i, n := range []int{0, 1, 125, 126, 65535, 65536, 3}[round:] {
			p := bytes.Repeat([]byte{byte('a' + i)}, n)
			op := wsproto.OpText + wsproto.Opcode(i%2)
			want.Add(op, p)
			g.Add(op, p)
			clear(p)
		}
		if g.Empty() || g.Footprint() != want.Footprint() {
			t.Errorf("round %d: empty %v with footprint %d, want false with %d", round, g.Empty(), g.Footprint(), want.Footprint())
		}
		g.Move(&got)
		if !g.Empty() || g.Footprint() != 0 {
			t.Errorf("round %d: not empty after Move", round)
		}
		if !bytes.Equal(got.frames, want.frames) || len(got.Messages) != len(want.Messages) {
			t.Fatalf("round %d: %d frame bytes of %d messages, want %d of %d", round,
				len(got.frames), len(got.Messages), len(want.frames), len(want.Messages))
		}
		for i, m := range got.Messages {
			if w := want.Messages[i]; m.Op != w.Op || !bytes.Equal(m.Payload, w.Payload) {
				t.Errorf("round %d: message %d is %v of %d bytes, want %v of %d", round, i, m.Op, len(m.Payload), w.Op, len(w.Payload))
			}
		}
	}
	var none Shared
	g.Move(&none)
	if none.Len() != 0 || len(none.Messages) != 0 {
		t.Error("an empty gathering makes messages")
	}
}

// The memory of a burst is sized once: its frames have no room to spare, and
// gathering many messages does not allocate for each.
func TestGatheringAllocates(t *testing.T) {
	var g Gathering
	p := make([]byte, 125)
	var m Shared
	got := testing.AllocsPerRun(100, func() {
		m.frames, m.Messages = nil, nil
		for range 8 {
			g.Add(wsproto.OpBinary, p)
		}
		g.Move(&m)
	})
	if got > 2 && !underRace {
		t.Errorf("%v allocations for a burst of 8 messages, want 2", got)
	}
	if cap(m.frames) > len(m.frames)+len(m.frames)/4 {
		t.Errorf("%d bytes of frames take %d", len(m.frames), cap(m.frames))
	}
	var one Shared
	if one.Add(wsproto.OpBinary, make([]byte, 300000)); cap(one.frames) != len(one.frames) {
		t.Errorf("a message of %d frame bytes takes %d", len(one.frames), cap(one.frames))
	}
}
