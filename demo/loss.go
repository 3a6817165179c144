package demo

import (
	"fmt"
	"slices"
	"time"
)

// A loss is what the end of one member did to the clients, from the signal or
// the first lost client to the last one that echoes again.
type loss struct {
	member  *member
	how     string // "killed", "drained"
	at      time.Time
	misled  int64 // the crowd's counters at its beginning
	lost    int64
	again   int64
	pending map[int]time.Time // clients without a member, since when; zero while still on it
	away    []time.Duration   // of the clients that came back
	last    time.Time         // when the last one did
}

func newLoss(m *member, how string, w *crowd, at time.Time) *loss {
	return &loss{
		member: m, how: how, at: at, misled: w.misled.Load(), lost: w.lost.Load(), again: w.repeated.Load(),
		pending: make(map[int]time.Time),
	}
}

// over reports whether everybody is back and the process is gone.
func (l *loss) over() bool { return len(l.pending) == 0 && l.member.phase == dead }

// left notes that a client lost its connection.
func (l *loss) left(client int, at time.Time) { l.pending[client] = at }

// back notes that a client echoes again.
func (l *loss) back(client int, at time.Time) {
	since, ok := l.pending[client]
	if !ok {
		return
	}
	delete(l.pending, client)
	if since.IsZero() {
		since = l.at
	}
	l.away = append(l.away, at.Sub(since))
	l.last = at
}

// summary says how many came back and how fast.
func (l *loss) summary(w *crowd) string {
	tail := fmt.Sprintf("redirected to the dead member %d   echoes lost %d, repeated %d",
		w.misled.Load()-l.misled, w.lost.Load()-l.lost, w.repeated.Load()-l.again)
	n := len(l.away)
	if n == 0 {
		return "no client was on it   " + tail
	}
	slices.Sort(l.away)
	took := "after"
	if l.how == "drained" {
		took = "within"
	}
	return fmt.Sprintf("all %d back %s %s (away p50 %s, max %s)   %s",
		n, took, seconds(l.last.Sub(l.at)), seconds(l.away[n/2]), seconds(l.away[n-1]), tail)
}
