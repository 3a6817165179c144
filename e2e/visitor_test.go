//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A visitor is one light client: it enters through the balancer, echoes when
// told to, and when its connection ends it comes back to the balancer URI with
// full jitter, as package client does. Sequence numbers in its messages make
// it a witness of loss, repetition and disorder.
type visitor struct {
	c    *crowd
	n    int
	dial dialer

	mu     sync.Mutex
	conn   *wsConn
	member *member
	life   int // connections so far
	sent   int // on this connection
	got    int // on this connection
}

// retryBase and retryCap shape the waits, lossWait the first one after an
// abrupt end (protocol.md §5.4); the cap is smaller here, for tests are short.
const (
	retryBase = 250 * time.Millisecond
	retryCap  = 4 * time.Second
	lossWait  = time.Second
)

// run is the goroutine of one visitor.
func (v *visitor) run() {
	defer v.c.running.Done()
	for failures := 0; !v.c.over(); {
		conn, m, err := v.enter()
		if err != nil {
			v.c.note(func(l *ledger) { l.failed = append(l.failed, failure{time.Now(), err}) })
			wait := min(retryCap, retryBase<<min(failures, 10))
			failures++
			v.c.pause(rand.N(wait))
			continue
		}
		failures = 0
		err = v.stay(conn, m)
		v.c.note(func(l *ledger) { l.ends = append(l.ends, ending{time.Now(), v.n, m, err}) })
		wait := lossWait
		var e *closed
		if errors.As(err, &e) {
			wait = retryBase
		}
		v.c.pause(rand.N(wait))
	}
}

// enter goes through the balancer to a member.
func (v *visitor) enter() (*wsConn, *member, error) {
	m, err := v.redirected()
	if err != nil {
		return nil, nil, err
	}
	conn, err := open(v.dial, m.addr(), m.uri())
	if err != nil {
		return nil, nil, &lostRedirect{m, err}
	}
	return conn, m, nil
}

// A lostRedirect is a redirect to a member that did not take the client.
type lostRedirect struct {
	to  *member
	err error
}

func (e *lostRedirect) Error() string { return "redirected to " + e.to.name + ": " + e.err.Error() }

// redirected asks the doors, from a random one on, until one answers.
func (v *visitor) redirected() (*member, error) {
	doors := v.c.doors
	first := rand.N(len(doors))
	var errs []error
	for i := range doors {
		asked := time.Now()
		r, err := ask(v.dial, doors[(first+i)%len(doors)], v.c.f.uri())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if r.status != http.StatusFound {
			return nil, &refusal{v.c.f.uri(), r.status}
		}
		m := v.c.f.byURI(r.location())
		if m == nil {
			return nil, fmt.Errorf("redirected to %q", r.location())
		}
		v.c.note(func(l *ledger) { l.redirects = append(l.redirects, redirect{asked, time.Now(), m}) })
		return m, nil
	}
	return nil, fmt.Errorf("no door opens: %w", errors.Join(errs...))
}

// stay echoes once and then reads until the connection ends.
func (v *visitor) stay(conn *wsConn, m *member) error {
	v.mu.Lock()
	v.conn, v.member, v.sent, v.got = conn, m, 0, 0
	v.life++
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.conn, v.member = nil, nil
		v.mu.Unlock()
		conn.Close()
	}()
	if v.c.over() {
		return nil
	}
	if err := v.speak(); err != nil {
		return err
	}
	for {
		text, err := conn.next()
		if err != nil {
			return err
		}
		if err := v.check(string(text)); err != nil {
			return err
		}
	}
}

// speak sends the next message of the present connection, if there is one.
func (v *visitor) speak() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return nil
	}
	v.sent++
	return v.conn.send(opText, []byte(v.message(v.sent)))
}

// message is text number seq of the present connection.
func (v *visitor) message(seq int) string { return fmt.Sprintf("%d.%d.%d", v.n, v.life, seq) }

// check compares an echo with the message that is due.
func (v *visitor) check(text string) error {
	v.mu.Lock()
	v.got++
	want, first, m := v.message(v.got), v.got == 1, v.member
	v.mu.Unlock()
	if text != want {
		err := fmt.Errorf("visitor %d: echo %q, want %q", v.n, text, want)
		v.c.note(func(l *ledger) { l.wrong = append(l.wrong, err) })
		return err
	}
	if first {
		v.c.note(func(l *ledger) { l.entered = append(l.entered, entry{time.Now(), v.n, m}) })
	}
	return nil
}

// settled reports whether the visitor is connected and has heard every echo.
func (v *visitor) settled() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.conn != nil && v.got > 0 && v.got == v.sent
}

// hangUp ends the present connection, so that run can end.
func (v *visitor) hangUp() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		v.conn.Close()
	}
}

func where(m *member) string {
	if m == nil {
		return "nowhere"
	}
	return strings.TrimPrefix(m.id(), "tcp://")
}
