package client

import (
	"crypto/tls"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// Retry shapes the waits between attempts (protocol.md §5.4): before retry n,
// counted from 0, the wait is random between 0 and min(Cap, Base·2ⁿ). Zero
// fields take the values given here.
type Retry struct {
	Base   time.Duration // 500 ms
	Cap    time.Duration // 30 s
	Loss   time.Duration // 1 s; bound instead of Base for the first retry after an abrupt loss (1006)
	Stable time.Duration // 60 s; a connection that lasted so long sets n to 0
}

func (r Retry) withDefaults() Retry {
	orDuration(&r.Base, 500*time.Millisecond)
	orDuration(&r.Cap, 30*time.Second)
	orDuration(&r.Loss, time.Second)
	orDuration(&r.Stable, time.Minute)
	return r
}

// A backoff counts the retries of one Client.
type backoff struct {
	Retry
	rand func() float64
	n    int
}

// next is the wait after err: what the server asked for, and jitter on top.
func (b *backoff) next(err error) time.Duration {
	bound := float64(b.Cap)
	if b.n == 0 && closeCode(err) == wsproto.CodeAbnormal {
		bound = float64(b.Loss)
	} else {
		bound = min(bound, float64(b.Base)*math.Pow(2, float64(b.n)))
	}
	b.n++
	wait := time.Duration(b.rand() * bound)
	var status *StatusError
	if errors.As(err, &status) {
		wait += status.RetryAfter
	}
	return wait
}

// opened tells how long a connection lasted.
func (b *backoff) opened(lasted time.Duration) {
	if lasted >= b.Stable {
		b.n = 0
	}
}

// closeCode is the close code err stands for: 1006 for a failed attempt, as a
// browser would say.
func closeCode(err error) wsproto.Code {
	var ended *CloseError
	if errors.As(err, &ended) {
		return ended.Code
	}
	var broke *wsproto.CloseError
	if errors.As(err, &broke) {
		return broke.Code
	}
	if errors.Is(err, ErrNoMember) {
		return wsproto.CodeTryAgainLater
	}
	return wsproto.CodeAbnormal
}

// retryable reports whether another attempt may go better.
func retryable(err error) bool {
	for _, final := range []error{ErrLoop, ErrTooManyRedirects, ErrDowngrade, ErrRedirect} {
		if errors.Is(err, final) {
			return false
		}
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return false
	}
	var status *StatusError
	if errors.As(err, &status) {
		switch status.Code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return true
		}
		return status.Code >= 500
	}
	switch closeCode(err) {
	case wsproto.CodeGoingAway, wsproto.CodeNoStatus, wsproto.CodeAbnormal, wsproto.CodeInternalError,
		wsproto.CodeServiceRestart, wsproto.CodeTryAgainLater, wsproto.CodeBadGateway:
		return true
	}
	return false
}
