package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// Phase is where a [Client] stands.
type Phase uint8

// The phases, in the order of a client's life.
const (
	Connecting Phase = iota
	Open
	Closed // an open connection has ended, or the client is final
	Waiting
)

// String returns the phase in lower case.
func (p Phase) String() string {
	return [...]string{"connecting", "open", "closed", "waiting"}[p]
}

// A State describes a change of phase. Fields that do not belong to the phase
// are zero.
type State struct {
	Phase   Phase
	URI     string        // the original URI, where every attempt begins
	Attempt int           // Connecting: retries since the last stable connection
	Member  string        // Open, Closed: URI of the member
	Conn    *Conn         // Open
	Delay   time.Duration // Waiting: until the next attempt
	Code    wsproto.Code  // Closed, Waiting: how the connection or attempt ended
	Err     error         // Closed, Waiting: why; nil after Close
	Final   bool          // Closed: there will be no further attempt
}

// Handlers are called from the goroutine of [Client.Run], one at a time. They
// may call the client's methods. nil handlers are left out.
type Handlers struct {
	State   func(State)
	Message func(Message) // Data belongs to the handler
}

// A Client keeps a connection to a URI up. It reconnects to that URI, never to
// where a redirect led, after close codes 1001, 1005, 1006 and 1011 to 1014,
// after network errors, and after HTTP 5xx, 408, 425 and 429. Other close
// codes and answers, refused redirects and certificates that do not verify are
// final (protocol.md §5.4).
type Client struct {
	d *dialer
	h Handlers

	mu     sync.Mutex
	conn   *Conn // nil unless open
	cancel context.CancelFunc
	closed bool
	code   wsproto.Code
}

// New returns a client for uri that does nothing until [Client.Run].
func New(uri string, o Options, h Handlers) (*Client, error) {
	d, err := newDialer(uri, o)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if h.State == nil {
		h.State = func(State) {}
	}
	if h.Message == nil {
		h.Message = func(Message) {}
	}
	return &Client{d: d, h: h}, nil
}

// Run connects, delivers messages and reconnects until [Client.Close], which
// makes it return nil, until ctx ends, or until an end that is final, whose
// error it returns. It is called once and leaves no goroutine behind.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !c.adopt(nil, cancel) {
		return nil
	}
	wait := backoff{Retry: c.d.o.Retry, rand: c.d.o.Rand}
	for {
		c.h.State(State{Phase: Connecting, URI: bare(c.d.origin), Attempt: wait.n})
		member, err := c.attempt(ctx, cancel, &wait)
		end := State{Phase: Closed, URI: bare(c.d.origin), Member: member, Code: closeCode(err), Err: err}
		if code, mine := c.ending(); mine {
			end.Code, end.Err, end.Final = code, nil, true
			c.h.State(end)
			return nil
		}
		if ctx.Err() != nil {
			end.Code, end.Err = wsproto.CodeGoingAway, ctx.Err()
		}
		if end.Final = ctx.Err() != nil || !retryable(err); end.Final || member != "" {
			c.h.State(end)
		}
		if end.Final {
			return end.Err
		}
		delay := wait.next(err)
		c.h.State(State{Phase: Waiting, URI: end.URI, Delay: delay, Code: end.Code, Err: err})
		sleep(ctx, delay)
	}
}

// attempt dials once and serves the connection to its end; member is "" when
// there was none.
func (c *Client) attempt(ctx context.Context, cancel context.CancelFunc, wait *backoff) (member string, err error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	conn, err := c.d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close(wsproto.CodeGoingAway, "")
	if !c.adopt(conn, cancel) {
		return "", context.Canceled
	}
	defer c.adopt(nil, cancel)
	began := time.Now()
	c.h.State(State{Phase: Open, URI: bare(c.d.origin), Member: conn.URI(), Conn: conn})
	for {
		m, err := conn.Read(ctx)
		if err != nil {
			wait.opened(time.Since(began))
			return conn.URI(), err
		}
		c.h.Message(m)
	}
}

// adopt makes conn the one Send and Close use; false when the client is closed.
func (c *Client) adopt(conn *Conn, cancel context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	if c.conn = conn; c.closed {
		c.conn = nil
	}
	return !c.closed
}

func (c *Client) ending() (code wsproto.Code, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code, c.closed
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Send sends one message on the open connection. [ErrNotOpen] means that there
// is none; after any other error the message may or may not have arrived.
func (c *Client) Send(ctx context.Context, m Message) error {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil {
		return ErrNotOpen
	}
	return conn.Write(ctx, m)
}

// Close ends the client for good: an open connection by the closing handshake
// with the given code and reason, an attempt or a wait at once. Run returns
// soon after. It is safe for any goroutine, handlers included; calls after the
// first do nothing.
func (c *Client) Close(code wsproto.Code, reason string) error {
	if code != wsproto.CodeNoStatus && !code.Sendable() {
		return fmt.Errorf("client: close code %v may not be sent", code)
	}
	c.mu.Lock()
	first := !c.closed
	conn, cancel := c.conn, c.cancel
	if first {
		c.closed, c.code = true, code
	}
	c.mu.Unlock()
	if !first {
		return nil
	}
	var err error
	if conn != nil {
		err = conn.Close(code, reason)
	}
	if cancel != nil {
		cancel()
	}
	return err
}
