package proxy

import (
	"slices"
	"testing"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// prepared is a rig with n connections ready.
func prepared(t *testing.T, n int) *rig {
	t.Helper()
	r := newRig(t, Options{Strategy: Prepared, Prepared: n, MaxPending: 10})
	r.s.Start()
	r.l.settle()
	r.last(n)
	for _, d := range r.l.dials {
		d.connect()
	}
	return r
}

// A client takes a connection that stands, and another is made in its place.
func TestPreparedTake(t *testing.T) {
	r := prepared(t, 2)
	second := r.last(2)
	c := r.open("")
	if n := len(r.l.dials); n != 3 {
		t.Fatalf("%d connects after the first client, want 3", n)
	}
	c.text("hello")
	second.says("answer")
	if second.heard() != "hello" || string(c.out) != "answer" || second.mark != 10 {
		t.Errorf("heard %q and %q with mark %d", second.heard(), c.out, second.mark)
	}
	second.handler.EOF()
	c.closedWith(t, wsproto.CodeNormal)
	r.l.advance(2 * refillDelay)
	r.last(3)
}

// Without a ready connection the client's own is dialled.
func TestPreparedEmpty(t *testing.T) {
	r := newRig(t, Options{Strategy: Prepared, Prepared: 1})
	c := r.open("")
	r.last(2)
	far := r.l.dials[0]
	far.connect()
	c.text("hello")
	if far.heard() != "hello" {
		t.Errorf("back end heard %q", far.heard())
	}
}

// A back end that speaks first is heard by the client, once there is one.
func TestPreparedGreeting(t *testing.T) {
	r := prepared(t, 1)
	far := r.last(1)
	far.says("220 ready")
	if !far.paused {
		t.Error("a prepared connection is read on after its greeting")
	}
	c := r.open("")
	if far.paused {
		t.Error("still paused with its client")
	}
	far.says(" and more")
	if got, want := string(c.out), "220 ready and more"; got != want {
		t.Errorf("client heard %q, want %q", got, want)
	}
}

// A greeting that fills the client's queue leaves the back end paused.
func TestPreparedGreetingFills(t *testing.T) {
	r := prepared(t, 1)
	far := r.last(1)
	far.says("220 ready")
	ch := &recorder{w: r.w, over: true}
	c := &client{ch, r.s.Open(ch, &session.Open{})}
	if !far.paused {
		t.Error("back end read above the limit")
	}
	c.taken()
	if far.paused {
		t.Error("back end still paused")
	}
}

// A prepared connection that ends is not given to a client, and replaced
// after a while.
func TestSpareDies(t *testing.T) {
	r := prepared(t, 3)
	dead := r.l.dials[1]
	if dead.paused {
		t.Fatal("a silent prepared connection is not read from: its end stays unseen")
	}
	dead.handler.EOF()
	dead.handler.Closed(nil)
	r.last(3)
	r.l.advance(refillDelay)
	r.last(4).connect()
	var got []int
	for range 3 {
		r.open("").text("hello")
	}
	for i, d := range r.l.dials[:4] {
		if d.heard() == "hello" {
			got = append(got, i)
		}
	}
	if want := []int{0, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("clients were given %v, want %v", got, want)
	}
	if r.s.Failures() != 0 {
		t.Errorf("failures = %d, want 0", r.s.Failures())
	}
}

// A back end that refuses is tried again once per delay, however many
// connections are wanted.
func TestSparesRefused(t *testing.T) {
	r := newRig(t, Options{Strategy: Prepared, Prepared: 2})
	r.s.Start()
	r.l.settle()
	for i := range 3 {
		r.last(2 * (i + 1))
		for _, d := range r.l.dials[2*i:] {
			d.refuse()
		}
		r.l.advance(refillDelay / 2)
		r.last(2 * (i + 1))
		r.l.advance(refillDelay / 2)
	}
	if got := r.s.Failures(); got != 6 {
		t.Errorf("failures = %d, want 6", got)
	}
}

// The count is of all loops together, and at least one each.
func TestPreparedShare(t *testing.T) {
	for _, tt := range []struct {
		prepared, loops int
		want            []int
	}{
		{4, 2, []int{2, 2}}, {3, 2, []int{2, 1}}, {5, 2, []int{3, 2}}, {6, 4, []int{2, 2, 1, 1}},
		{1, 4, []int{1, 1, 1, 1}}, {0, 1, []int{1}},
	} {
		s := New(Options{Prepared: tt.prepared, Workers: func() []*session.Worker { return make([]*session.Worker, tt.loops) }})
		var got []int
		for i := range tt.loops {
			got = append(got, s.share(i))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d prepared on %d loops: %v, want %v", tt.prepared, tt.loops, got, tt.want)
		}
	}
}

// WebSockets are not prepared: the handshake names the client's subprotocol.
func TestPreparedWebSocket(t *testing.T) {
	r := newRig(t, Options{Strategy: Prepared, Prepared: 2, Targets: []Target{
		{Addrs: addrs(backEnd), WebSocket: &session.Dialing{Host: backEnd, Target: "/"}}}})
	r.s.Start()
	r.l.settle()
	r.last(0)
	r.open("")
	r.last(1)
}

// Stop closes what no client took, and nothing is prepared any more; pairs
// live on.
func TestPreparedStop(t *testing.T) {
	r := prepared(t, 2)
	taken := r.last(2)
	c := r.open("")
	dialling := r.last(3)
	r.s.Stop()
	r.l.settle()
	if taken.closed || len(c.closes) != 0 {
		t.Error("a pair was ended")
	}
	if !r.l.dials[0].closed {
		t.Error("a prepared connection stays open")
	}
	dialling.connect()
	if !dialling.closed {
		t.Error("a connection made after the stop stays open")
	}
	r.l.dials[0].handler.Closed(nil)
	dialling.handler.Closed(nil)
	r.l.advance(time.Hour)
	r.last(3)
	r.open("")
	r.last(4)
}
