package vendorclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
)

// A Message is one message of the application.
type Message struct {
	Text bool
	Data []byte
}

// Text is a text message.
func Text(s string) Message { return Message{Text: true, Data: []byte(s)} }

// Binary is a binary message.
func Binary(p []byte) Message { return Message{Data: p} }

// A CloseError is what the application's onclose is told.
type CloseError struct {
	Code   int    // 1005 when the server gave none, 1006 for an abnormal end
	Reason string // or why the end was abnormal
	Err    error  // the cause of a 1006; not part of what an application sees
}

// Error gives the code and the reason.
func (e *CloseError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("closed %d: %v", e.Code, e.Err)
	}
	return fmt.Sprintf("closed %d %s", e.Code, e.Reason)
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

func abnormal(err error) *CloseError {
	var e *CloseError
	if errors.As(err, &e) {
		return e
	}
	return &CloseError{Code: 1006, Err: err}
}

// ErrClosed is the cause of a connection that its own side closed.
var ErrClosed = errors.New("closed by this side")

// A Conn is an open connection, native or emulated. Its methods are safe for
// any goroutine; messages are sent in the order of the calls.
type Conn struct {
	link
	inbox chan Message
	done  chan struct{} // closed when err is set and inbox will get no more
	once  sync.Once
	err   *CloseError
}

// A link is what carries a Conn.
type link interface {
	send(Message) error
	closing(code int, reason string) error // starts the closing handshake
	cut()                                  // ends the connection, and wait waits for its goroutines
	wait()
	about() *about
}

// about is what an application may ask.
type about struct {
	emulated   bool
	url        *url.URL
	protocol   string
	extensions []string
}

// inboxLen bounds the messages read ahead of the application: beyond it the
// connection is not read.
const inboxLen = 16

func newConn() *Conn {
	return &Conn{inbox: make(chan Message, inboxLen), done: make(chan struct{})}
}

// deliver hands a message to the application; false means that the Conn ended.
func (c *Conn) deliver(m Message, quit <-chan struct{}) bool {
	select {
	case c.inbox <- m:
		return true
	case <-quit:
		return false
	}
}

// ended records why there will be no further message. The first cause counts.
func (c *Conn) ended(err error) {
	c.once.Do(func() {
		c.err = abnormal(err)
		close(c.done)
	})
}

// Send sends one message. On WSE it returns when the server has taken it.
func (c *Conn) Send(m Message) error { return c.send(m) }

// Receive returns the next message, or a *[CloseError] after the last one.
func (c *Conn) Receive(ctx context.Context) (Message, error) {
	select {
	case m := <-c.inbox:
		return m, nil
	default:
	}
	select {
	case m := <-c.inbox:
		return m, nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	case <-c.done:
	}
	select {
	case m := <-c.inbox:
		return m, nil
	default:
		return Message{}, c.err
	}
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Close closes in order and waits for the server's half, at most
// Timers.Close. Messages not yet received are dropped. It returns what
// onclose is told.
func (c *Conn) Close(code int, reason string) *CloseError {
	if err := c.closing(code, reason); err != nil {
		c.cut()
	}
	c.drain()
	c.wait()
	return c.err
}

// Abort ends the connection without a word.
func (c *Conn) Abort() {
	c.ended(ErrClosed)
	c.cut()
	c.drain()
	c.wait()
}

// drain empties the inbox until the connection has ended, so that the reader
// gets to its end.
func (c *Conn) drain() {
	for {
		select {
		case <-c.inbox:
		case <-c.done:
			return
		}
	}
}

// Emulated reports whether the connection fell back to WSE.
func (c *Conn) Emulated() bool { return c.about().emulated }

// URL is where the connection ended up: a member's, after redirects.
func (c *Conn) URL() string { return c.about().url.String() }

// Protocol is the negotiated subprotocol.
func (c *Conn) Protocol() string { return c.about().protocol }

// Extensions are the grants of the server, one header value each.
func (c *Conn) Extensions() []string { return c.about().extensions }
