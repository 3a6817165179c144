package session

import "time"

// tick is the resolution of the loop's clock.
const tick = 100 * time.Millisecond

// An inactivity watches how long a client has been silent (spec/protocol.md
// §2.4): it is pinged after half of the timeout, and given up after the whole.
type inactivity struct {
	last   uint32 // ticks of the last sign of life
	pinged bool
}

type silence uint8

const (
	silenceShort silence = iota
	silencePings         // send a Ping now
	silenceEnds          // give the client up
)

func (i *inactivity) heard(w *Worker) { i.last, i.pinged = w.ticks(), false }

// due says what the silence so far calls for.
func (i *inactivity) due(w *Worker, limit time.Duration) silence {
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
