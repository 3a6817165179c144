package wse

import (
	"errors"
	"fmt"
)

// MaxSequence is the largest sequence number: what a script can count exactly.
const MaxSequence = 1<<53 - 1

// ParseSequence parses X-Sequence-No or .ksn. The error is a
// [*httpxe.StatusError] 400.
func ParseSequence(v []byte) (int64, error) {
	if len(v) == 0 || len(v) > 16 {
		return 0, badSequence(v)
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, badSequence(v)
		}
		n = n*10 + int64(c-'0')
	}
	if n > MaxSequence {
		return 0, badSequence(v)
	}
	return n, nil
}

func badSequence(v []byte) error { return refuse(fmt.Errorf("sequence number %.20q", v)) }

var errNoSequence = refuse(errors.New("request without a sequence number on a sequenced session"))

// A Sequence counts the requests of one direction of a session (protocol.md
// §6.6). The zero value belongs to a session whose create had no number: every
// request fits. It occupies 8 bytes.
type Sequence struct{ next int64 }

// NewSequence starts after a create with number n.
func NewSequence(n int64) Sequence { return Sequence{n + 1} }

// On reports whether the session is sequenced.
func (s *Sequence) On() bool { return s.next > 0 }

// Advance takes the number of the next request; present is false when it had
// none. Numbers are never repeated: an error (400) means the session must be
// reset.
func (s *Sequence) Advance(n int64, present bool) error {
	switch {
	case !s.On():
		return nil
	case !present:
		return errNoSequence
	case n != s.next:
		return refuse(fmt.Errorf("sequence number %d, want %d", n, s.next))
	}
	s.next++
	return nil
}
