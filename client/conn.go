package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A Message is one whole message in either direction.
type Message struct {
	Text bool // else binary
	Data []byte
}

// A Conn is one open WebSocket connection. Its methods are safe for any
// goroutine. Messages are read one at a time: while nobody calls Read, a few
// are buffered and then the peer is held back, and its pings
// go unanswered. Every Conn must be closed, or read until its end.
type Conn struct {
	raw    net.Conn
	o      *Options
	uri    string
	header http.Header
	in     reader
	first  *Message // read before start

	messages chan Message
	pongs    chan []byte   // the latest ping to answer
	lock     chan struct{} // held by the writer
	out      []byte        // owned by the writer
	said     bool          // owned by the writer: our close frame is out
	closing  chan struct{} // closed when we begin to close
	done     chan struct{} // closed after err is set
	running  sync.WaitGroup
	lastRead atomic.Int64 // Unix nanoseconds
	held     atomic.Bool  // the reader waits for the application

	mu    sync.Mutex
	ended bool
	began bool
	why   *CloseError // decided before the end, which a last failed write must not change
	err   *CloseError
}

func newConn(raw net.Conn, rest []byte, o *Options) *Conn {
	c := &Conn{
		raw: raw, o: o,
		messages: make(chan Message, 4),
		pongs:    make(chan []byte, 1),
		lock:     make(chan struct{}, 1),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	c.in = reader{raw: raw, buf: make([]byte, readBytes), rest: rest, heard: c.heard}
	c.in.lim = wsproto.Limits{Client: true, MaxMessage: o.MaxMessage}
	c.heard()
	return c
}

func (c *Conn) heard() { c.lastRead.Store(time.Now().UnixNano()) }

func (c *Conn) start() {
	c.running.Go(c.receive)
	c.running.Go(c.keep)
}

// URI returns the URI of the member that answers, without the tokens this
// client added.
func (c *Conn) URI() string { return c.uri }

// Subprotocol returns what the server chose, "" for none.
func (c *Conn) Subprotocol() string { return c.header.Get("Sec-WebSocket-Protocol") }

// Header returns the header of the server's 101. It is read only.
func (c *Conn) Header() http.Header { return c.header }

// Done returns a channel that is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Read returns the next message, whose data the caller owns. After the end it
// returns what had arrived before, then a [*CloseError] for ever. When ctx ends
// first, nothing is lost.
func (c *Conn) Read(ctx context.Context) (Message, error) {
	select {
	case m := <-c.messages:
		return m, nil
	default:
	}
	select {
	case m := <-c.messages:
		return m, nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	case <-c.done:
	}
	select {
	case m := <-c.messages:
		return m, nil
	default:
		return Message{}, c.err
	}
}

// Write sends one message; m.Data is not kept and not changed. When ctx ends
// in the middle of it the connection is lost.
func (c *Conn) Write(ctx context.Context, m Message) error {
	op := wsproto.OpBinary
	if m.Text {
		op = wsproto.OpText
	}
	return c.write(ctx, op, m.Data)
}

// Close ends the connection: it sends a close frame, waits for the peer's up
// to Options.CloseTimeout, and returns when both goroutines have ended.
// Messages not yet read are dropped. code must be one that may be sent, or
// 1005 for a close frame without code. The first call decides.
func (c *Conn) Close(code wsproto.Code, reason string) error {
	if code != wsproto.CodeNoStatus && !code.Sendable() {
		return errors.New("client: close code " + code.String() + " may not be sent")
	}
	c.mu.Lock()
	mine := !c.began && !c.ended
	c.began = true
	c.mu.Unlock()
	if mine {
		close(c.closing)
		timer := time.NewTimer(c.o.CloseTimeout)
		defer timer.Stop()
		c.sendClose(code, reason)
		select {
		case <-c.done:
		case <-timer.C:
			c.end(&CloseError{Code: code, Reason: reason})
		}
	}
	<-c.done
	c.running.Wait()
	return nil
}

// end is called by whoever learns first that the connection is over.
func (c *Conn) end(e *CloseError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if c.why != nil {
		e = c.why
	}
	c.ended, c.err = true, e
	c.raw.Close()
	close(c.done)
}

func (c *Conn) lost(err error) { c.end(&CloseError{Code: wsproto.CodeAbnormal, Err: err}) }

// receive delivers messages until the connection ends.
func (c *Conn) receive() {
	if c.first != nil && !c.deliver(*c.first) {
		return
	}
	c.first = nil
	for {
		op, data, err := c.in.next()
		if err != nil {
			c.broken(err)
			return
		}
		switch op {
		case wsproto.OpText, wsproto.OpBinary:
			if !c.deliver(Message{op == wsproto.OpText, data}) {
				return
			}
		case wsproto.OpPing:
			c.pong(data)
		case wsproto.OpClose:
			c.closed(data)
			return
		}
	}
}

// deliver waits for the application; false when the connection ended meanwhile.
func (c *Conn) deliver(m Message) bool {
	select {
	case <-c.closing:
		return true
	default:
	}
	c.held.Store(true)
	defer func() {
		c.heard()
		c.held.Store(false)
	}()
	select {
	case c.messages <- m:
	case <-c.closing:
	case <-c.done:
		return false
	}
	return true
}

// endWith tells the peer code and ends the connection for the reason given.
func (c *Conn) endWith(e *CloseError, code wsproto.Code) {
	c.mu.Lock()
	c.why = e
	c.mu.Unlock()
	c.sendClose(code, "")
	c.end(e)
}

// broken ends the connection after a failed read, telling a peer that broke
// the protocol so.
func (c *Conn) broken(err error) {
	var broke *wsproto.CloseError
	if errors.As(err, &broke) {
		c.endWith(&CloseError{Code: broke.Code, Err: err}, broke.Code)
		return
	}
	c.lost(err)
}

// closed answers the peer's close frame, or takes it as the answer to ours.
func (c *Conn) closed(payload []byte) {
	code, reason, err := wsproto.ParseClose(payload)
	if err != nil {
		c.broken(err)
		return
	}
	c.mu.Lock()
	remote := !c.began
	c.began = true
	c.mu.Unlock()
	// When the peer answers ours, this one is not sent: ours is out.
	c.endWith(&CloseError{Code: code, Reason: string(reason), Remote: remote}, code)
}
