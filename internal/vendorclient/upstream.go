package vendorclient

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// An upstream queues what is to be sent while a request is on its way: there
// is one at a time.
type upstream struct {
	mu     sync.Mutex
	frames []byte
	sent   chan struct{} // closed when what is in frames was taken
	closed bool          // CLOSE is queued: nothing may follow
	wake   chan struct{}
	ended  chan struct{} // closed with the send loop

	seq int64 // the loop's
}

// queue adds frames to the next request, and reports when it was taken.
func (u *upstream) queue(frames []byte, last bool) (<-chan struct{}, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, errAfterClose
	}
	u.closed = last
	u.frames = append(u.frames, frames...)
	if u.sent == nil {
		u.sent = make(chan struct{})
	}
	select {
	case u.wake <- struct{}{}:
	default:
	}
	return u.sent, nil
}

func (u *upstream) take() (frames []byte, sent chan struct{}, closed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	frames, sent, closed = u.frames, u.sent, u.closed
	u.frames, u.sent = nil, nil
	return frames, sent, closed
}

func (e *emulated) send(m Message) error {
	sent, err := e.upstream.queue(appendMessage(nil, m), false)
	if err != nil {
		return err
	}
	select {
	case <-sent:
		return nil
	case <-e.conn.done:
		return e.conn.err
	}
}

// closing sends CLOSE, unless it is out already. WSE has no code and no reason.
func (e *emulated) closing(int, string) error {
	e.upstream.queue([]byte(commandClose), true)
	t := time.AfterFunc(e.o.Timers.Close, e.cancel)
	context.AfterFunc(e.ctx, func() { t.Stop() })
	return nil
}

// settle waits until the answer to the server's CLOSE is out.
func (e *emulated) settle() {
	t := time.NewTimer(e.o.Timers.Close)
	defer t.Stop()
	select {
	case <-e.upstream.ended:
	case <-e.ctx.Done():
	case <-t.C:
	}
}

// sendLoop is the sender's goroutine.
func (e *emulated) sendLoop() {
	defer close(e.upstream.ended)
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.upstream.wake:
		}
		frames, sent, last := e.upstream.take()
		if len(frames) == 0 {
			continue
		}
		if err := e.post(frames); err != nil {
			e.conn.ended(err)
			e.cancel()
			return
		}
		close(sent)
		if last {
			return
		}
	}
}

// post makes one upstream request. A JavaScript client makes sure that no
// cache answers by a number inside the path.
func (e *emulated) post(frames []byte) error {
	e.upstream.seq++
	body, kind, uri := append(frames, commandReconnect...), "application/octet-stream", e.up.String()
	if e.o.Kind == JavaScript {
		body, kind = asText(body), "text/plain; charset=utf-8"
		uri += "&.krn=" + strconv.FormatFloat(rand.Float64(), 'f', -1, 64)
	}
	h := http.Header{"Content-Type": {kind}, "X-Sequence-No": {strconv.FormatInt(e.upstream.seq, 10)}}
	resp, err := e.o.exchange(e.ctx, e.hc, http.MethodPost, uri, string(body), h, false)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("upstream answered %s", resp.Status)
	}
	return nil
}
