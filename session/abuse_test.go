package session

import (
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wsx"
)

// TestFairPongs: control frames are counted by the second, also where they are
// no sign of life.
func TestFairPongs(t *testing.T) {
	for _, emulated := range []bool{false, true} {
		g := nearLeg(t, 0)
		if emulated {
			g.ch.(*WebSocket).ext = &extension{granted: wsx.Extensions{PingPong: true}}
		}
		for range 4 * maxControlRate {
			g.says(wsproto.OpPong, "")
			g.l.now = g.l.now.Add(10 * time.Millisecond)
		}
		if g.tape.closed {
			t.Errorf("emulated %v: closed at 100 Pongs a second", emulated)
		}
	}
}
