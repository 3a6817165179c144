//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"fmt"
)

// Reasons that [Handler.Closed] and the methods of Conn and Engine give. Besides
// these, a conn that the kernel gave up carries its errno (ECONNRESET, EPIPE, ETIMEDOUT).
var (
	ErrSlowConsumer = errors.New("engine: slow consumer: queued bytes above the limit")
	ErrMaxPending   = errors.New("engine: queued bytes of all conns above MaxPending")
	ErrCloseTimeout = errors.New("engine: close timed out before the peer had taken everything")
	ErrDialTimeout  = errors.New("engine: dial timed out")
	ErrStopped      = errors.New("engine: stopped")
	ErrClosed       = errors.New("engine: conn is closed")
	ErrPending      = errors.New("engine: output is still queued")
	ErrFileLimit    = errors.New("engine: fd above the hard RLIMIT_NOFILE at start")
)

// A PanicError is what [Handler.Closed] gets when a handler of that conn panicked.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // the panicking goroutine's stack
}

func (e *PanicError) Error() string { return fmt.Sprintf("engine: handler panicked: %v", e.Value) }
