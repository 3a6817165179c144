package vendorclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A stream is one downstream request, read by a goroutine of its own.
type stream struct {
	events chan event
	cancel context.CancelFunc
	n      int // payload bytes read; the receive loop's
}

// An event is one thing that arrived.
type event struct {
	kind    kind // 0: see the others
	payload []byte
	head    bool          // the response head came, with
	idle    time.Duration // what it promises
	err     error         // the stream ended, io.EOF in order
}

// start opens the next downstream.
func (e *emulated) start() *stream {
	e.downSeq++
	ctx, cancel := context.WithCancel(e.ctx)
	s := &stream{events: make(chan event), cancel: cancel}
	seq, poll := e.downSeq, e.polling
	e.done.Go(func() {
		err := e.stream(ctx, s, seq, poll)
		select {
		case s.events <- event{err: err}:
		case <-ctx.Done():
		}
	})
	return s
}

// stream is the goroutine of one downstream.
func (e *emulated) stream(ctx context.Context, s *stream, seq int64, poll bool) error {
	resp, err := e.request(ctx, s, seq, poll)
	if err != nil {
		return fmt.Errorf("downstream: %w", err)
	}
	defer resp.Body.Close()
	idle, err := e.idleTimeout(resp.Header.Get("X-Idle-Timeout"))
	if err != nil {
		return fmt.Errorf("downstream: %w", err)
	}
	if !s.tell(ctx, event{head: true, idle: idle}) {
		return ctx.Err()
	}
	r := bufio.NewReader(resp.Body)
	for reconnect := false; ; {
		k, payload, rest, err := readFrame(r)
		switch {
		case err == io.EOF && reconnect:
			return io.EOF
		case err == io.EOF:
			return errors.New("downstream: body ends without RECONNECT")
		case err != nil:
			return fmt.Errorf("downstream: %w", err)
		case reconnect:
			return errors.New("downstream: frame behind RECONNECT")
		}
		for _, k := range append([]kind{k}, rest...) {
			reconnect = reconnect || k == kindReconnect
			if !s.tell(ctx, event{kind: k, payload: payload}) {
				return ctx.Err()
			}
		}
	}
}

func (s *stream) tell(ctx context.Context, ev event) bool {
	select {
	case s.events <- ev:
		return true
	case <-ctx.Done():
		return false
	}
}

// request sends the request; the head of a streamed response must come within
// the downstream timer.
func (e *emulated) request(ctx context.Context, s *stream, seq int64, poll bool) (*http.Response, error) {
	u := withToken(e.down, ".krn="+strconv.FormatUint(rand.Uint64(), 10))
	method, body := http.MethodGet, ""
	if e.o.Kind == Java {
		method, body = http.MethodPost, ">|<"
	} else {
		u = withToken(u, ".kb=4096")
	}
	if poll {
		u = withToken(u, ".ki=p")
	} else {
		head := time.AfterFunc(e.o.Timers.Downstream, s.cancel)
		defer head.Stop()
	}
	e.o.Trace("downstream " + method + " " + u.RequestURI())
	h := http.Header{"X-Sequence-No": {strconv.FormatInt(seq, 10)}}
	resp, err := e.o.exchange(ctx, e.hc, method, u.String(), body, h, false)
	if err == nil && resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		err = fmt.Errorf("answered %s", resp.Status)
	}
	return resp, err
}

// idleTimeout reads the header without which a JavaScript client fails.
func (e *emulated) idleTimeout(v string) (time.Duration, error) {
	if v == "" && e.o.Kind == Java {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("X-Idle-Timeout is %q", v)
	}
	return time.Duration(n) * time.Second, nil
}

// A receiver is the state of the receive loop.
type receiver struct {
	e         *emulated
	cur, next *stream // next was opened before cur has ended
	detection *time.Timer
	idle      *time.Timer
	promised  time.Duration
	closed    bool // CLOSE was received
}

// receiveLoop is the goroutine that reads one downstream after the other.
func (e *emulated) receiveLoop() {
	defer e.cancel()
	r := &receiver{e: e, cur: e.start(), detection: time.NewTimer(e.o.Timers.ProxyDetection), idle: time.NewTimer(time.Hour)}
	if e.o.Kind == Java && e.down.Scheme == "https" {
		r.detection.Stop()
	}
	e.conn.ended(r.run())
}

func (r *receiver) run() error {
	defer r.detection.Stop()
	defer r.idle.Stop()
	for {
		select {
		case <-r.e.ctx.Done():
			return ErrClosed
		case <-r.idle.C:
			return fmt.Errorf("nothing received for %s", r.promised)
		case <-r.detection.C:
			r.e.o.Trace("proxy detected")
			r.e.polling = true
			r.next = r.e.start()
		case ev := <-r.cur.events:
			if err := r.event(ev); err != nil {
				return err
			}
		}
	}
}

func (r *receiver) event(ev event) error {
	e := r.e
	switch {
	case ev.err == io.EOF:
		return r.turn()
	case ev.err != nil:
		return ev.err
	case ev.head:
		r.promised = ev.idle
	}
	r.alive()
	if ev.kind != 0 {
		r.detection.Stop()
	}
	switch ev.kind {
	case kindText, kindBinary:
		if !e.conn.deliver(Message{Text: ev.kind == kindText, Data: ev.payload}, e.ctx.Done()) {
			return ErrClosed
		}
		r.cur.n += len(ev.payload)
		if r.cur.n > e.o.Timers.SelfReconnect && r.next == nil && !e.polling {
			e.o.Trace("self-reconnect")
			r.next = e.start()
		}
	case kindPing:
		e.upstream.queue([]byte(framePong), false)
	case kindClose:
		r.closed = true
		e.upstream.queue([]byte(commandClose), true)
	}
	return nil
}

// turn goes on with the next downstream after RECONNECT, or ends in order
// after CLOSE.
func (r *receiver) turn() error {
	if r.closed {
		r.e.settle()
		return &CloseError{Code: 1005}
	}
	r.cur.cancel()
	if r.next == nil {
		r.next = r.e.start()
	}
	r.cur, r.next = r.next, nil
	return nil
}

// alive restarts the idle timer.
func (r *receiver) alive() {
	if r.promised > 0 {
		r.idle.Reset(r.promised)
	}
}
