package session

import (
	"errors"

	"github.com/kzfast/kzfast/wsproto"
)

// Bounds of what costs much and says nothing. A peer that passes one is
// closed with 1008.
const (
	// maxControlRate is the number of control frames in a second.
	maxControlRate = 250
	// maxAfterClose is the number of reads after our own Close.
	maxAfterClose = 255
	// maxFragments is the number of fragments of a message, once they are
	// shorter than minFragment bytes on average.
	maxFragments = 1024
	minFragment  = 64
	// maxChallenges is the number of logins that may fail inside one extended
	// handshake, in which a client also has no more than maxFragments frames.
	maxChallenges = 10
)

var (
	errControlRate = &wsproto.CloseError{Code: wsproto.CodePolicyViolation, Err: errors.New("too many control frames")}
	errChallenges  = &wsproto.CloseError{Code: wsproto.CodePolicyViolation, Err: errors.New("too many failed logins")}
	errFragments   = &wsproto.CloseError{Code: wsproto.CodePolicyViolation, Err: errors.New("too many small fragments")}
)

// A controlRate counts the control frames of the current second.
type controlRate struct{ second, count uint8 }

// within reports whether one more control frame is within bounds.
func (r *controlRate) within(w *Worker) bool {
	if second := uint8(w.ticks() / 100); second != r.second {
		r.second, r.count = second, 0
	}
	r.count++
	return r.count < maxControlRate
}

// mayStillSend counts the reads since our Close. What was under way then is
// looked through for the peer's; a peer that never stops is cut.
func (s *WebSocket) mayStillSend() bool {
	if s.rate.count == maxAfterClose {
		s.t.Abort()
		return false
	}
	s.rate.count++
	return true
}

// tooManyFragments reports whether the message under way is torn to pieces.
func (s *WebSocket) tooManyFragments() bool {
	n := s.dec.Fragments()
	return n > maxFragments && s.dec.Announced() < int64(n)*minFragment
}
