package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kzfast/kzfast/client"
)

// A visitor is one demo client. It has one message on its way at a time and
// repeats it when the member that should have echoed it is lost: nothing but
// an application knows what may be said twice.
type visitor struct {
	crowd *crowd
	id    int
	open  chan struct{} // there is a new connection

	mu      sync.Mutex
	conn    *client.Conn // nil while there is none
	fresh   bool         // no echo on conn yet
	seq     int
	waiting bool         // for the echo of seq
	sentOn  *client.Conn // where seq was sent last
	sent    time.Time
}

// patience is how long an open connection may owe an echo before it counts as
// lost.
const patience = 10 * time.Second

func newVisitor(w *crowd, id int) *visitor {
	return &visitor{crowd: w, id: id, open: make(chan struct{}, 1)}
}

func (v *visitor) state(s client.State) {
	switch s.Phase {
	case client.Open:
		v.connected(s.Conn)
		select {
		case v.open <- struct{}{}:
		default:
		}
	case client.Closed:
		v.connected(nil)
		if !s.Final {
			v.crowd.changed(visit{client: v.id, member: s.Member, at: time.Now()})
		}
	}
}

func (v *visitor) connected(c *client.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.conn, v.fresh = c, c != nil
}

func (v *visitor) text() string { return fmt.Sprintf("client %d, message %d", v.id, v.seq) }

func (v *visitor) message(m client.Message) {
	took, member, fresh, ok := v.echoed(string(m.Data))
	if !ok {
		v.crowd.wrong.Add(1)
		return
	}
	v.crowd.round(took)
	if fresh {
		v.crowd.changed(visit{client: v.id, member: member, back: true, at: time.Now()})
	}
}

func (v *visitor) echoed(text string) (took time.Duration, member string, fresh, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.waiting || v.conn == nil || text != v.text() {
		return 0, "", false, false
	}
	fresh = v.fresh
	v.waiting, v.fresh = false, false
	return time.Since(v.sent), v.conn.URI(), fresh, true
}

// talk sends at the crowd's pace, and at once on each new connection.
func (v *visitor) talk(ctx context.Context) {
	tick := time.NewTicker(v.crowd.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.open:
		case <-tick.C:
		}
		if conn, m := v.next(); conn != nil {
			_ = conn.Write(ctx, m) // a connection that is gone is reported by state
		}
	}
}

// next is what is to be sent now: the next message, or again the one that a
// lost member owes; conn is nil when there is nothing.
func (v *visitor) next() (conn *client.Conn, m client.Message) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.conn == nil:
		return nil, m
	case v.waiting && v.sentOn != v.conn:
		v.crowd.repeated.Add(1)
	case v.waiting && time.Since(v.sent) < patience:
		return nil, m
	case v.waiting:
		v.crowd.lost.Add(1)
		v.seq++
	default:
		v.seq++
	}
	v.waiting, v.sent, v.sentOn = true, time.Now(), v.conn
	return v.conn, client.Message{Text: true, Data: []byte(v.text())}
}
