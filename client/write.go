package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

var errClosing = errors.New("client: connection is closing")

// keep pings the peer, answers its pings, and ends a connection that is silent
// for two intervals.
func (c *Conn) keep() {
	var tick <-chan time.Time
	// A peer under back-pressure may leave pings unread for a while.
	patience := time.Minute
	if c.o.Ping > 0 {
		patience = 2 * c.o.Ping
		t := time.NewTicker(c.o.Ping)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-c.done:
			return
		case payload := <-c.pongs:
			c.control(wsproto.OpPong, payload, patience)
		case <-tick:
			if !c.held.Load() && time.Since(time.Unix(0, c.lastRead.Load())) >= patience {
				c.lost(errors.New("peer silent for two ping intervals"))
				return
			}
			c.control(wsproto.OpPing, nil, patience)
		}
	}
}

// pong leaves a ping for keep to answer, in place of an earlier one
// (RFC 6455 §5.5.3): the reader must not wait for the writer.
func (c *Conn) pong(payload []byte) {
	select {
	case <-c.pongs:
	default:
	}
	c.pongs <- payload
}

// control writes a control frame; a peer that takes nothing for the given time
// is lost.
func (c *Conn) control(op wsproto.Opcode, payload []byte, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = c.write(ctx, op, payload) // a broken connection has been ended by write
}

func (c *Conn) sendClose(code wsproto.Code, reason string) {
	payload := wsproto.AppendClose(nil, code, []byte(reason)) // behind a header of two bytes
	c.control(wsproto.OpClose, payload[2:], c.o.CloseTimeout)
}

// write sends one frame. Long payloads leave in pieces of the scratch's size.
func (c *Conn) write(ctx context.Context, op wsproto.Opcode, payload []byte) error {
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.err
	}
	select {
	case <-c.done:
		return c.err
	default:
	}
	if c.said {
		return errClosing
	}
	c.said = op == wsproto.OpClose
	release := c.cut(ctx)
	err := c.frame(op, payload)
	release()
	if err != nil {
		c.lost(err)
		<-c.done
		return c.err
	}
	return nil
}

// cut makes writes fail when ctx ends, until release is called.
func (c *Conn) cut(ctx context.Context) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.raw.SetWriteDeadline(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired
			c.raw.SetWriteDeadline(time.Time{})
		}
	}
}

func (c *Conn) frame(op wsproto.Opcode, payload []byte) error {
	const piece = 32 << 10
	var mask [4]byte
	n := rand.Uint32()
	mask[0], mask[1], mask[2], mask[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	c.out = wsproto.AppendMaskedHeader(c.out[:0], op, true, false, int64(len(payload)), mask)
	for off := 0; ; off += piece {
		at := len(c.out)
		c.out = append(c.out, payload[off:min(off+piece, len(payload))]...)
		wsproto.Mask(c.out[at:], mask, int64(off))
		if _, err := c.raw.Write(c.out); err != nil {
			return err
		}
		if off+piece >= len(payload) {
			return nil
		}
		c.out = c.out[:0]
	}
}
