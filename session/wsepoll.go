package session

import (
	"bytes"

	"github.com/kzfast/kzfast/wsproto/wse"
)

// A pollWish is what the answer to a long-poll has to remember of its request.
type pollWish struct {
	manner
	noSniff      bool
	contentType  []byte
	cacheControl []byte
}

// longPoll begins a response that ends with the next thing to say
// (spec/protocol.md §6.5).
func (x *exchange) longPoll(s *emulated, c *call, next int) int {
	p := &c.params
	wish := pollWish{c.manner, p.NoSniff, p.ContentType, p.CacheControl}
	if len(s.queued()) > 0 || s.state != stateOpen {
		return x.pollAnswer(s, &wish, next)
	}
	wish.own()
	wish.contentType, wish.cacheControl = bytes.Clone(p.ContentType), bytes.Clone(p.CacheControl)
	s.late = &wish
	s.poll, x.poll, x.parked = x, s, next
	s.lastWrite = s.w.ticks()
	s.arm()
	return -1
}

// answerPolled is posted when a parked poll has something to say, so that one
// answer carries all that is said in one turn of the loop.
func (s *emulated) answerPolled() {
	s.set(modePolling, false)
	if s.poll != nil && (len(s.queued()) > 0 || s.state != stateOpen) {
		s.answerPoll()
	}
}

// answerPoll answers the parked poll.
func (s *emulated) answerPoll() {
	x, wish := s.poll, s.late
	s.poll, s.late, x.poll = nil, nil, nil
	if x.pollAnswer(s, wish, 0) == 0 {
		x.unpark()
	}
}

// pollAnswer sends what is queued as the answer to a poll.
func (x *exchange) pollAnswer(s *emulated, wish *pollWish, next int) int {
	w := x.w
	w.text = append(w.text[:0], s.queued()...)
	w.text = wse.AppendReconnect(w.text)
	drained := s.emptied()
	p := wse.Params{NoSniff: wish.noSniff, ContentType: wish.contentType, CacheControl: wish.cacheControl}
	w.speakFor(s.route)
	r := w.signed(&w.res)
	wse.DownstreamHead(r, s.enc, &p, s.idle(), true)
	r.Body = w.text
	next = x.respond(&wish.manner, next)
	s.responded()
	if drained {
		s.Drained()
	}
	return next
}

// parking keeps what has arrived behind a request whose answer is to come.
func (x *exchange) parking(p []byte) {
	if x.held == nil {
		x.keepBytes(p)
	} else {
		x.held.B = append(x.held.B, p...)
	}
	if len(x.held.B) >= maxHeld {
		x.t.Pause()
	}
}

// unpark goes on with the connection of an answered poll.
func (x *exchange) unpark() {
	x.t.SetTimeout(x.idleTimeout())
	if x.held == nil {
		return
	}
	x.t.Resume()
	gen := x.gen
	x.w.Loop.Post(func() {
		if x.gen == gen && x.poll == nil && x.up == nil && x.held != nil {
			x.requests(x.held.B, 0)
		}
	})
}
