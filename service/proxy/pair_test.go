package proxy

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// Each client has a back-end connection of its own, and bytes go to the right
// one.
func TestPairing(t *testing.T) {
	r := newRig(t, Options{})
	a, farA := r.joined()
	b, farB := r.joined()
	a.text("from a")
	b.text("from b")
	farA.says("to a")
	farB.says("to b")
	if farA.heard() != "from a" || farB.heard() != "from b" {
		t.Errorf("back ends heard %q and %q", farA.heard(), farB.heard())
	}
	if string(a.out) != "to a" || string(b.out) != "to b" {
		t.Errorf("clients heard %q and %q", a.out, b.out)
	}
	if want := []wsproto.Opcode{wsproto.OpBinary}; !slices.Equal(a.frames, want) {
		t.Errorf("a read became %v, want %v", a.frames, want)
	}
}

// What comes before the back end stands is kept in order, and stops the
// client's reading.
func TestEarlyData(t *testing.T) {
	for _, strategy := range []Strategy{Immediate, Deferred} {
		r := newRig(t, Options{Strategy: strategy})
		c := r.open("")
		if want := map[Strategy]int{Immediate: 1, Deferred: 0}[strategy]; len(r.l.dials) != want {
			t.Fatalf("strategy %d: %d connects before the first message, want %d", strategy, len(r.l.dials), want)
		}
		c.says(wsproto.OpText, false, "one ")
		if !c.paused {
			t.Errorf("strategy %d: early data did not pause the client", strategy)
		}
		c.says(wsproto.OpContinuation, true, "two ")
		c.text("")
		c.text("three ")
		far := r.last(1)
		if far.heard() != "" {
			t.Errorf("strategy %d: %q sent before the connect", strategy, far.heard())
		}
		far.connect()
		c.text("four")
		if got, want := far.heard(), "one two three four"; got != want {
			t.Errorf("strategy %d: back end heard %q, want %q", strategy, got, want)
		}
		if c.paused {
			t.Errorf("strategy %d: client paused after the connect", strategy)
		}
	}
}

// Early data above the limit keeps the client paused until the back end has
// taken it.
func TestEarlyDataFills(t *testing.T) {
	r := newRig(t, Options{MaxPending: 4})
	c := r.open("")
	c.text("12345")
	far := r.last(1)
	far.connect()
	if !c.paused {
		t.Error("client resumed with the back end's queue above the limit")
	}
	far.taken()
	if c.paused {
		t.Error("client still paused after the back end took its queue")
	}
}

func TestTargetsInOrder(t *testing.T) {
	r := newRig(t, Options{Targets: []Target{
		{Addrs: addrs("127.0.0.1:1", "127.0.0.1:2")}, {Addrs: addrs()}, {Addrs: addrs("127.0.0.1:3")},
	}})
	c := r.open("")
	c.text("early")
	for i := range 2 {
		r.last(i + 1).refuse()
	}
	far := r.last(3)
	far.connect()
	var got []string
	for _, d := range r.l.dials {
		got = append(got, d.addr.String())
	}
	if want := []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}; !slices.Equal(got, want) {
		t.Errorf("connects = %v, want %v", got, want)
	}
	if far.heard() != "early" || r.s.Failures() != 2 || len(c.closes) != 0 {
		t.Errorf("heard %q, %d failures, closes %v; want early, 2, none", far.heard(), r.s.Failures(), c.closes)
	}
	far.handler.EOF()
	r.last(3)
	c.closedWith(t, wsproto.CodeNormal)
}

func TestConnectFailure(t *testing.T) {
	tests := []struct {
		name     string
		addrs    func() []netip.AddrPort
		strategy Strategy
		dials    int
	}{
		{"refused", addrs(backEnd), Immediate, 1},
		{"all refused", addrs("127.0.0.1:1", "127.0.0.1:2"), Immediate, 2},
		{"name not known", addrs(), Immediate, 0},
		{"deferred refused", addrs(backEnd), Deferred, 1},
		{"deferred, name not known", addrs(), Deferred, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Options{Strategy: tt.strategy, Targets: []Target{{Addrs: tt.addrs}}})
			c := r.open("")
			c.text("early")
			for i := range tt.dials {
				r.last(i + 1).refuse()
			}
			r.last(tt.dials)
			c.closedWith(t, wsproto.CodeNormal)
			c.text("late")
			r.last(tt.dials)
			c.ends(wsproto.CodeNormal)
			if got := r.s.Failures(); got != int64(tt.dials) {
				t.Errorf("failures = %d, want %d", got, tt.dials)
			}
		})
	}
}

// A client that leaves before the connect has ended, and has said nothing,
// takes the connect with it. That is no failure of the back end.
func TestClientLeavesEarly(t *testing.T) {
	r := newRig(t, Options{})
	c := r.open("")
	far := r.last(1)
	c.ends(wsproto.CodeGoingAway)
	if !far.aborted {
		t.Error("the connect goes on")
	}
	far.refuse()
	r.last(1)
	if got := r.s.Failures(); got != 0 {
		t.Errorf("failures = %d, want 0", got)
	}
}

// What a client said before the connect has ended reaches the back end though
// the client is gone, by whichever target; then that side is closed in order.
func TestClientSpeaksAndLeaves(t *testing.T) {
	for _, strategy := range []Strategy{Immediate, Deferred, Prepared} {
		for _, code := range []wsproto.Code{wsproto.CodeNormal, wsproto.CodeNoStatus, wsproto.CodeAbnormal} {
			r := newRig(t, Options{Strategy: strategy, Targets: []Target{{Addrs: addrs("127.0.0.1:1", backEnd)}}})
			c := r.open("")
			c.says(wsproto.OpText, false, "last ")
			c.says(wsproto.OpContinuation, true, "words")
			far := r.l.dials[0]
			c.ends(code)
			if far.aborted {
				t.Fatalf("strategy %d, code %v: the connect was given up", strategy, code)
			}
			before := len(r.l.dials)
			far.refuse()
			far = r.last(before + 1)
			far.connect()
			if far.heard() != "last words" || !far.closed || far.aborted {
				t.Errorf("strategy %d, code %v: back end heard %q, closed %v, aborted %v; want all and an orderly end",
					strategy, code, far.heard(), far.closed, far.aborted)
			}
			far.says("too late")
			far.handler.Closed(nil)
			r.last(before + 1)
			if len(c.closes) != 0 || r.s.Failures() != 1 {
				t.Errorf("strategy %d, code %v: closes %v, %d failures; want none and 1", strategy, code, c.closes, r.s.Failures())
			}
		}
	}
}

// A WebSocket back end gets the client's code behind its words; when none can
// be connected all ends quietly.
func TestWebSocketSpeaksAndLeaves(t *testing.T) {
	ws := &session.Dialing{Host: backEnd, Target: "/"}
	r := newRig(t, Options{Strategy: Deferred, Targets: []Target{{Addrs: addrs(backEnd), WebSocket: ws}}})
	c := r.open("")
	c.text("last words")
	c.ends(4001)
	far := r.last(1)
	far.connect()
	answer := answerOf(t, far)
	far.out.Reset()
	far.says(answer)
	var d wsproto.Decoder
	var f wsproto.Frame
	p := []byte(far.heard())
	n, ok, err := d.Next(p, &wsproto.Limits{}, &f)
	if err != nil || !ok || string(f.Data) != "last words" {
		t.Fatalf("back end heard %q: %v, %v", p, ok, err)
	}
	_, ok, err = d.Next(p[n:], &wsproto.Limits{}, &f)
	if code, reason, _ := wsproto.ParseClose(f.Data); err != nil || !ok || f.Op != wsproto.OpClose || code != 4001 || string(reason) != "bye" {
		t.Errorf("then %v %q, want close 4001 bye", f.Op, f.Data)
	}

	c = r.open("")
	c.text("nobody hears")
	c.ends(wsproto.CodeNormal)
	r.last(2).refuse()
	r.last(2)
	if c.recv.(*pair).early != nil {
		t.Error("what nobody takes is kept")
	}
}

// What is too much to keep is not kept for a back end either.
func TestTooMuchEarly(t *testing.T) {
	r := newRig(t, Options{})
	c := r.open("")
	c.text("early")
	c.text(string(make([]byte, maxEarly)))
	c.closedWith(t, wsproto.CodeTooBig)
	far := r.last(1)
	c.ends(wsproto.CodeTooBig)
	if !far.aborted || c.recv.(*pair).early != nil {
		t.Errorf("connect given up %v, want so", far.aborted)
	}
}

// The back end's Connected may be on its way when the client has left.
func TestClientLeftBeforeConnected(t *testing.T) {
	r := newRig(t, Options{})
	c := r.open("")
	far := r.last(1)
	c.ends(wsproto.CodeGoingAway)
	far.connect()
	if !far.closed {
		t.Error("a back end without a client stays connected")
	}
	far.handler.Closed(nil)
	if len(c.closes) != 0 || r.s.Failures() != 0 {
		t.Errorf("closes %v, %d failures; want none", c.closes, r.s.Failures())
	}
}

func TestBackEndEnds(t *testing.T) {
	ends := map[string]func(*tape){
		"FIN":   func(f *tape) { f.handler.EOF(); f.handler.Closed(nil) },
		"reset": func(f *tape) { f.handler.Closed(net.ErrClosed) },
	}
	for name, end := range ends {
		r := newRig(t, Options{})
		c, far := r.joined()
		far.says("last words")
		c.recv.(*pair).near.Pause()
		end(far)
		if string(c.out) != "last words" {
			t.Errorf("%s: client heard %q", name, c.out)
		}
		c.closedWith(t, wsproto.CodeNormal)
		c.text("too late")
		c.taken()
		c.ends(wsproto.CodeNormal)
		r.last(1)
	}
}

func TestClientEnds(t *testing.T) {
	r := newRig(t, Options{})
	c, far := r.joined()
	c.text("last words")
	c.ends(wsproto.CodeAbnormal)
	if !far.closed || far.aborted || far.heard() != "last words" {
		t.Errorf("back end heard %q, closed %v, aborted %v; want an orderly end", far.heard(), far.closed, far.aborted)
	}
	far.says("too late")
	far.taken()
	far.handler.Closed(nil)
	if len(c.closes) != 0 || len(c.out) != 0 {
		t.Errorf("closes %v and %q to a client that has gone", c.closes, c.out)
	}
}

// What one side has queued pauses the other, and nothing else.
func TestFlowControl(t *testing.T) {
	r := newRig(t, Options{MaxPending: 10})
	c, far := r.joined()
	if c.high != 10 || far.mark != 10 {
		t.Fatalf("marks = %d and %d, want 10", c.high, far.mark)
	}
	c.text("0123456789")
	if c.paused {
		t.Error("client paused at the limit")
	}
	c.text("x")
	if !c.paused || far.paused {
		t.Errorf("above the limit to the back end: client paused %v, back end %v", c.paused, far.paused)
	}
	c.text("read before the pause")
	far.taken()
	if c.paused {
		t.Error("client still paused")
	}

	far.says("a")
	if far.paused {
		t.Error("back end paused below the mark")
	}
	c.over = true
	far.says("b")
	far.says("read before the pause")
	if !far.paused || c.paused {
		t.Errorf("above the limit to the client: back end paused %v, client %v", far.paused, c.paused)
	}
	c.taken()
	if far.paused {
		t.Error("back end still paused")
	}
	if got, want := string(c.out), "abread before the pause"; got != want {
		t.Errorf("client heard %q, want %q", got, want)
	}
}

// The default limit is that of maximum.pending.bytes.
func TestDefaultMark(t *testing.T) {
	c, far := newRig(t, Options{}).joined()
	if c.high != 64000 || far.mark != 64000 {
		t.Errorf("marks = %d and %d, want 64000", c.high, far.mark)
	}
}

// A paused client is read again when its back end ends, or its Close would
// never be heard.
func TestEndWhilePaused(t *testing.T) {
	r := newRig(t, Options{MaxPending: 1})
	c, far := r.joined()
	c.text("much")
	if !c.paused {
		t.Fatal("client not paused")
	}
	far.handler.EOF()
	c.closedWith(t, wsproto.CodeNormal)
}

// answerOf is the back end's 101 to the head that far has heard.
func answerOf(t *testing.T, far *tape) string {
	t.Helper()
	head := far.heard()
	_, rest, _ := strings.Cut(head, "Sec-WebSocket-Key: ")
	key, _, ok := strings.Cut(rest, "\r\n")
	if !ok {
		t.Fatalf("no key in %q", head)
	}
	a := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
		string(wsproto.AppendAccept(nil, []byte(key)))
	if strings.Contains(head, "Sec-WebSocket-Protocol: chat\r\n") {
		a += "\r\nSec-WebSocket-Protocol: chat"
	}
	return a + "\r\n\r\n"
}

// Close codes and reasons cross from WebSocket to WebSocket; those that
// cannot be sent become 1000.
func TestCloseCodes(t *testing.T) {
	tests := []struct{ code, want wsproto.Code }{
		{wsproto.CodeNormal, wsproto.CodeNormal},
		{wsproto.CodeGoingAway, wsproto.CodeGoingAway},
		{3001, 3001}, {4999, 4999},
		{wsproto.CodeNoStatus, wsproto.CodeNormal},
		{wsproto.CodeAbnormal, wsproto.CodeNormal},
	}
	for _, tt := range tests {
		r := newRig(t, Options{Targets: []Target{{Addrs: addrs(backEnd), WebSocket: &session.Dialing{Host: backEnd, Target: "/"}}}})
		c := r.open("chat")
		c.text("early")
		far := r.last(1)
		far.connect()
		answer := answerOf(t, far)
		far.out.Reset()
		far.says(answer)
		op, payload := unframe(t, far)
		if op != wsproto.OpText || payload != "early" {
			t.Fatalf("back end heard %v %q after its answer, want early text", op, payload)
		}
		far.out.Reset()

		c.ends(tt.code)
		op, payload = unframe(t, far)
		code, reason, err := wsproto.ParseClose([]byte(payload))
		if op != wsproto.OpClose || err != nil || code != tt.want || string(reason) != "bye" {
			t.Errorf("client ended with %v: back end heard %v %v %q (%v), want close %v", tt.code, op, code, reason, err, tt.want)
		}
		far.handler.Closed(nil)

		if tt.code == wsproto.CodeAbnormal {
			continue
		}
		c = r.open("chat")
		far = r.last(2)
		far.connect()
		far.says(answerOf(t, far))
		far.says(string(wsproto.AppendClose(nil, tt.code, []byte("so"))))
		c.closedWith(t, tt.want)
		if want := map[bool]string{true: "so"}[tt.code.Sendable()]; c.reason != want {
			t.Errorf("back end ended with %v: reason %q, want %q", tt.code, c.reason, want)
		}
	}
}

// unframe reads the one masked frame that far has heard.
func unframe(t *testing.T, far *tape) (wsproto.Opcode, string) {
	t.Helper()
	var d wsproto.Decoder
	var f wsproto.Frame
	p := []byte(far.heard())
	n, ok, err := d.Next(p, &wsproto.Limits{}, &f)
	if err != nil || !ok || n != len(p) {
		t.Fatalf("back end heard %q: %d, %v, %v", p, n, ok, err)
	}
	return f.Op, string(f.Data)
}

func TestPairAllocates(t *testing.T) {
	r := newRig(t, Options{})
	c, far := r.joined()
	f := &wsproto.Frame{Op: wsproto.OpText, Fin: true, Len: 5, Data: []byte("hello")}
	p := []byte("hello")
	got := testing.AllocsPerRun(100, func() {
		c.recv.Frame(c.recorder, f)
		far.handler.Data(p)
		far.out.Reset()
		c.out, c.frames = c.out[:0], c.frames[:0]
	})
	if got != 0 {
		t.Errorf("%v allocations for a message each way, want 0", got)
	}
}
