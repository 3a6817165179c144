package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kzfast/kzfast/client"
)

// A talk is the conversation of one 'kzfast client': what was sent, what came
// back, who answered. It belongs to the goroutine that runs loop.
type talk struct {
	clientFlags
	r *reporter

	conn     *client.Conn
	asked    int        // messages made
	owed     []outgoing // said and not back, oldest first
	outbox   []letter   // not yet handed to the writer
	back     int
	wrong    int
	repeated int
	received int
	rounds   []time.Duration
	members  []string
	input    bool      // more lines may come
	held     *string   // a line that waits for a connection
	stuck    time.Time // since when a line, or the end of the input, waits for one
	lostAt   time.Time
	heard    time.Time // when something came back last
}

type outgoing struct {
	text string
	at   time.Time // when it was made, also when it is sent again
}

// A letter is a message on its way to one connection.
type letter struct {
	conn *client.Conn
	text string
}

// maxOutbox is how many letters may wait before the input does.
const maxOutbox = 64

func newTalk(f clientFlags, r *reporter) *talk {
	return &talk{clientFlags: f, r: r, heard: time.Now()}
}

// linger is how long answers are awaited after the last line of the input.
const linger = 2 * time.Second

// loop ends with nil when all is said and done, else with errReported.
func (t *talk) loop(ctx context.Context, lines <-chan string, states <-chan client.State, messages <-chan client.Message, ended <-chan error) error {
	t.input = lines != nil
	pace, stop := t.pace()
	defer stop()
	// Writing has a goroutine of its own: a peer that is to read more must
	// first be read from.
	post := make(chan letter)
	defer close(post)
	go deliver(ctx, post)
	watch := time.NewTicker(100 * time.Millisecond)
	defer watch.Stop()
	for !t.done() {
		ready := lines
		if t.held != nil || len(t.outbox) >= maxOutbox {
			ready = nil // lines wait for a connection, and for room
		}
		out, first := post, letter{}
		if len(t.outbox) > 0 {
			first = t.outbox[0]
		} else {
			out = nil
		}
		select {
		case out <- first:
			t.outbox = t.outbox[1:]
		case <-ctx.Done():
			return t.interrupted()
		case s := <-states:
			t.state(s)
		case m := <-messages:
			t.message(m)
		case line, ok := <-ready:
			if !ok {
				lines, t.input, t.heard = nil, false, time.Now()
				continue
			}
			if t.conn == nil {
				t.held = &line
				continue
			}
			t.send(line)
		case <-pace:
			t.next()
		case err := <-ended:
			if ctx.Err() != nil {
				return t.interrupted()
			}
			t.r.failed(err)
			return errReported
		case <-watch.C:
			if t.silent() {
				t.r.failed(fmt.Errorf("nothing came back for %v", t.timeout))
				return errReported
			}
			if t.stranded() {
				t.r.failed(fmt.Errorf("no connection for %v", t.timeout))
				return errReported
			}
		}
	}
	if t.wrong > 0 {
		return errReported
	}
	return nil
}

// pace ticks when the next message is due; never without a rate.
func (t *talk) pace() (<-chan time.Time, func()) {
	if t.rate == 0 {
		return nil, func() {}
	}
	tick := time.NewTicker(max(time.Duration(float64(time.Second)/t.rate), 1))
	return tick.C, tick.Stop
}

// done reports whether everything is said and answered.
func (t *talk) done() bool {
	if t.count > 0 {
		return t.back+t.wrong >= t.count
	}
	if t.input || t.held != nil || len(t.members) == 0 {
		return false
	}
	return len(t.owed) == 0 || time.Since(t.heard) > linger
}

// silent reports whether the counted messages have stopped coming back.
func (t *talk) silent() bool { return t.count > 0 && time.Since(t.heard) > t.timeout }

// stranded reports whether the input, or its end, has waited too long for a
// connection. As long as nobody wants to say anything there is no hurry.
func (t *talk) stranded() bool {
	if t.count > 0 || t.conn != nil || t.input && t.held == nil {
		t.stuck = time.Time{}
		return false
	}
	if t.stuck.IsZero() {
		t.stuck = time.Now()
	}
	return time.Since(t.stuck) > t.timeout
}

// interrupted is the end by a signal, which only a counted talk minds.
func (t *talk) interrupted() error {
	if t.count > 0 {
		return errReported
	}
	return nil
}

func (t *talk) state(s client.State) {
	switch s.Phase {
	case client.Open:
		t.conn = s.Conn
		if !slices.Contains(t.members, s.Member) {
			t.members = append(t.members, s.Member)
		}
		t.r.state(s, t.lostAt)
		t.resume()
		return
	case client.Closed:
		t.conn, t.outbox, t.lostAt = nil, nil, time.Now()
	}
	t.r.state(s, t.lostAt)
}

// resume sends again what the lost member owes, when it is known to be an
// echo; else what was said stays said, and the line that waited is sent.
func (t *talk) resume() {
	if t.count == 0 {
		t.owed = nil
		if t.held != nil {
			t.heard = time.Now()
			t.send(*t.held)
			t.held = nil
		}
		return
	}
	for _, o := range t.owed {
		t.repeated++
		t.outbox = append(t.outbox, letter{t.conn, o.text})
	}
	if t.rate == 0 && len(t.owed) == 0 {
		t.next()
	}
}

// next sends the next counted message, if there is one and a connection.
func (t *talk) next() {
	if t.conn == nil || t.asked >= t.count {
		return
	}
	text := t.clientFlags.message
	if text == "" {
		text = fmt.Sprintf("message %d", t.asked+1)
	}
	t.send(text)
}

func (t *talk) send(text string) {
	t.asked++
	t.owed = append(t.owed, outgoing{text, time.Now()})
	t.outbox = append(t.outbox, letter{t.conn, text})
}

func (t *talk) message(m client.Message) {
	t.received++
	t.heard = time.Now()
	if !t.quiet {
		t.r.message(m)
	}
	if len(t.owed) == 0 {
		return
	}
	o := t.owed[0]
	t.owed = t.owed[1:]
	if t.count > 0 && o.text != string(m.Data) {
		t.wrong++
		t.r.failed(fmt.Errorf("sent %q, got %q", o.text, m.Data))
	} else {
		t.back++
		t.rounds = append(t.rounds, time.Since(o.at))
	}
	if t.rate == 0 && t.count > 0 {
		t.next()
	}
}

// deliver writes letters until there are no more. A failure is left to the
// state that follows it.
func deliver(ctx context.Context, letters <-chan letter) {
	for l := range letters {
		_ = l.conn.Write(ctx, client.Message{Text: true, Data: []byte(l.text)})
	}
}
