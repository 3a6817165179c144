//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"fmt"
	"testing"
)

// Nothing that arrives stays unread for want of another event: neither what fills
// the buffer to the last byte, nor more than a turn takes, nor a FIN that comes with
// the bytes.
func TestEveryArrivalIsRead(t *testing.T) {
	const buffer = 1 << 10 // all of it fits the kernel's buffers
	e := start(t, Options{Loops: 1, ReadBuffer: buffer})
	type arrival struct{ n, eofs int }
	arrivals := make(chan arrival, 1)
	hold := make(chan chan struct{}, 1) // given: the conn's first Data blocks the loop until it is closed
	open := func(c *Conn) Handler {
		var got arrival
		return &funcs{c: c,
			data: func(_ *Conn, p []byte) {
				got.n += len(p)
				select {
				case gate := <-hold:
					<-gate
				default:
				}
			},
			eof: func(c *Conn) { got.eofs++; c.Close() },
			closed: func(*Conn, error) {
				arrivals <- got
			},
		}
	}
	ln := listen(t, e, open)
	for _, size := range []int{0, 1, buffer - 1, buffer, buffer + 1, readsPerTurn * buffer, readsPerTurn*buffer + 1, 3 * readsPerTurn * buffer} {
		for _, when := range []string{"before the accept", "in one event", "while reading"} {
			t.Run(fmt.Sprint(size, " ", when), func(t *testing.T) {
				gate := make(chan struct{})
				total := size
				var nc interface {
					Write([]byte) (int, error)
					CloseWrite() error
				}
				switch when {
				case "before the accept":
					e.Loop(0).Post(func() { <-gate })
					nc = dial(t, ln.Addr())
				case "in one event":
					c := dial(t, ln.Addr())
					eventually(t, "accepted", func() bool { return e.live.Load() == 1 })
					e.Loop(0).Post(func() { <-gate })
					nc = c
				case "while reading":
					c := dial(t, ln.Addr())
					hold <- gate
					c.Write([]byte{0})
					eventually(t, "the handler holds the loop", func() bool { return len(hold) == 0 })
					nc, total = c, size+1
				}
				if _, err := nc.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				nc.CloseWrite()
				close(gate)
				if got := receive(t, "closed", arrivals); got != (arrival{total, 1}) {
					t.Errorf("got %d bytes and %d ends, want %d and 1", got.n, got.eofs, total)
				}
				eventually(t, "gone", func() bool { return e.live.Load() == 0 })
			})
		}
	}
}

// A peer that sends without end has one turn at a time, however often its bytes
// arrive anew; others have theirs.
func TestPourerHasOneTurnAtATime(t *testing.T) {
	e := start(t, Options{Loops: 1, ReadBuffer: 1 << 10})
	l := e.Loop(0)
	turns := make(map[*Conn]int) // reads since the last task of the loop
	most := 0
	ln := listen(t, e, func(c *Conn) Handler {
		return &funcs{c: c, data: func(c *Conn, _ []byte) {
			turns[c]++
			most = max(most, turns[c])
		}}
	})
	const pourers = 3
	for range pourers {
		nc := dial(t, ln.Addr())
		go func() {
			for p := make([]byte, 64<<10); ; {
				if _, err := nc.Write(p); err != nil {
					return
				}
			}
		}()
	}
	result := make(chan int, 1)
	left := 2000
	var task func()
	task = func() {
		if left--; left == 0 {
			result <- most
			return
		}
		clear(turns)
		l.Post(task)
	}
	l.Post(func() { most = 0; task() })
	// Between two tasks lie a posted turn and, in two batches, an event each.
	if most := receive(t, "the last task", result); most > 3*readsPerTurn {
		t.Errorf("%d reads of a conn between two tasks, want a turn's %d, at most thrice", most, readsPerTurn)
	}
}
