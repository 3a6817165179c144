package client

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// Errors of an attempt to connect, wrapped with the URIs concerned.
var (
	// ErrLoop means that a redirect led to a URI tried before in the same attempt.
	ErrLoop = errors.New("redirect loop")
	// ErrTooManyRedirects means that Options.MaxRedirects was reached.
	ErrTooManyRedirects = errors.New("too many redirects")
	// ErrDowngrade means that a redirect led from wss to ws.
	ErrDowngrade = errors.New("redirect from wss to ws")
	// ErrRedirect means that a redirect did not name a WebSocket URI.
	ErrRedirect = errors.New("redirect to an unusable URI")
	// ErrNoMember means that the balancer has no member to offer now.
	ErrNoMember = errors.New("no member available")
	// ErrHandshake means that the server's answer is not a WebSocket handshake
	// for our request (RFC 6455 §4.1).
	ErrHandshake = errors.New("invalid handshake answer")
)

// ErrNotOpen is returned by [Client.Send] while there is no connection.
var ErrNotOpen = errors.New("client: not open")

// A StatusError is an HTTP answer other than 101 and other than a redirect
// that was followed.
type StatusError struct {
	Code   int
	Reason string
	Header http.Header
	// RetryAfter is the server's wish on 503 and 429, 0 when it has none.
	RetryAfter time.Duration
}

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("handshake refused with %d %s", e.Code, e.Reason)
}

// A CloseError says how a connection ended. Every Read after the end returns it.
type CloseError struct {
	// Code is what the peer said, or we told it; 1005 for a close without code
	// and 1006 for a connection that was lost.
	Code   wsproto.Code
	Reason string
	Remote bool  // the peer began the closing handshake
	Err    error // the cause, nil for an orderly close
}

// Error names code, reason and cause.
func (e *CloseError) Error() string {
	s := fmt.Sprintf("connection closed with %d", e.Code)
	if e.Reason != "" {
		s += fmt.Sprintf(" %q", e.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *CloseError) Unwrap() error { return e.Err }
