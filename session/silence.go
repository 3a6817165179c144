package session

import "time"

// tick is the resolution of the loop's clock.
const tick = 100 * time.Millisecond

// An inactivity watches how long a client has been silent (spec/protocol.md
// §2.4): it is pinged after half of the timeout, and given up after the whole.
type inactivity struct {
	last   uint32 // ticks of the last sign of life
	pinged bool
	paused bool // the client is not read from, so its silence means nothing
}

type silence uint8

const (
	silenceShort silence = iota
	silencePings         // send a Ping now
	silenceEnds          // give the client up
)

func (i *inactivity) heard(w *Worker) { i.last, i.pinged = w.ticks(), false }

// asked says that the client is pinged only now.
func (i *inactivity) asked(w *Worker) { i.last, i.pinged = w.ticks(), true }

// pause and resume say that the client is not read from, and that it is again.
func (i *inactivity) pause() { i.paused = true }

func (i *inactivity) resume(w *Worker) {
	if i.paused {
		i.paused = false
		i.heard(w)
	}
}

// due says what the silence so far calls for.
func (i *inactivity) due(w *Worker, limit time.Duration) silence {
	if i.paused {
		i.heard(w)
	}
	silent := durationOf(w.ticks() - i.last)
	switch {
	case i.pinged && silent >= limit-tick:
		return silenceEnds
	case !i.pinged && silent >= limit/2-tick:
		i.pinged = true
		return silencePings
	}
	return silenceShort
}

// next is the time until due has something else to say.
func (i *inactivity) next(w *Worker, limit time.Duration) time.Duration {
	silent := durationOf(w.ticks() - i.last)
	if i.pinged {
		return max(limit-silent, time.Millisecond)
	}
	return max(limit/2-silent, time.Millisecond)
}
