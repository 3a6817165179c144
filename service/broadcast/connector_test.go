package broadcast

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A lost back end is connected again after the delay, and again as often as
// it is lost; clients stay.
func TestReconnect(t *testing.T) {
	r := newRig(t, 1, Options{ReconnectDelay: 2 * time.Second})
	c := r.open(0)
	back := r.start()
	for i, say := range []string{"a", "b", "c"} {
		back.says(say)
		r.settle()
		back.lose()
		r.loops[0].advance(1999 * time.Millisecond)
		r.last(i + 1)
		r.loops[0].advance(time.Millisecond)
		back = r.last(i + 2)
		back.connect()
	}
	c.hears(t, "client", "a b c")
	if c.aborts != 0 {
		t.Error("client aborted")
	}
}

// Back ends that refuse are tried in order, then the delay passes.
func TestBackEndsInOrder(t *testing.T) {
	r := newRig(t, 1, Options{ReconnectDelay: time.Second, BackEnds: []BackEnd{
		{Addrs: addrs("127.0.0.1:1", "127.0.0.1:2")}, {Addrs: addrs()}, {Addrs: addrs("127.0.0.1:3")},
	}})
	r.s.Start()
	r.settle()
	for i := range 3 {
		r.last(i + 1).refuse()
	}
	r.last(3)
	r.loops[0].advance(time.Second)
	r.last(4).refuse()
	r.last(5).connect()
	r.last(5).lose()
	r.loops[0].advance(time.Second)
	var got []string
	for _, d := range r.loops[0].dials {
		_, port, _ := strings.Cut(d.addr.String(), ":")
		got = append(got, port)
	}
	if want := []string{"1", "2", "3", "1", "2", "1"}; !slices.Equal(got, want) {
		t.Errorf("connects = %v, want %v", got, want)
	}
}

func TestDefaultDelay(t *testing.T) {
	r := newRig(t, 1, Options{})
	r.start().lose()
	r.loops[0].advance(3*time.Second - 1)
	r.last(1)
	r.loops[0].advance(1)
	r.last(2)
}

// A stopped service leaves its back end and does not come back.
func TestStop(t *testing.T) {
	stages := map[string]func(*rig) (dials int){
		"before the start": func(*rig) int { return 0 },
		"connecting":       func(r *rig) int { r.s.Start(); r.settle(); return 1 },
		"connected":        func(r *rig) int { r.start(); return 1 },
		"waiting":          func(r *rig) int { r.start().lose(); return 1 },
	}
	for name, stage := range stages {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, Options{})
			c := r.open(0)
			n := stage(r)
			r.s.Stop()
			r.settle()
			l := r.loops[0]
			for _, d := range l.dials {
				if name != "waiting" {
					if !d.closed {
						t.Error("the connection stays open")
					}
					d.handler.Closed(nil)
				}
			}
			l.advance(time.Hour)
			if len(l.dials) != n {
				t.Errorf("%d connects, want %d", len(l.dials), n)
			}
			if c.aborts != 0 {
				t.Error("client aborted")
			}
		})
	}
}

// Messages of a WebSocket back end keep their kind, wherever they are cut;
// half a message is lost with its connection.
func TestWebSocketBackEnd(t *testing.T) {
	r := newRig(t, 1, Options{BackEnds: []BackEnd{{
		Addrs: addrs("127.0.0.1:6000"), WebSocket: &session.Dialing{Host: "127.0.0.1:6000", Target: "/"}}}})
	c := r.open(0)
	r.s.Start()
	r.settle()
	frame := func(op wsproto.Opcode, fin bool, data string) string {
		return string(append(wsproto.AppendHeader(nil, op, fin, false, int64(len(data))), data...))
	}
	shake := func(b *tape) {
		t.Helper()
		b.connect()
		_, rest, _ := strings.Cut(b.out.String(), "Sec-WebSocket-Key: ")
		key, _, ok := strings.Cut(rest, "\r\n")
		if !ok {
			t.Fatalf("no key in %q", b.out.String())
		}
		b.says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
			string(wsproto.AppendAccept(nil, []byte(key))) + "\r\n\r\n")
	}
	b := r.last(1)
	shake(b)
	b.says(frame(wsproto.OpText, true, "t") + frame(wsproto.OpBinary, false, "b") + frame(wsproto.OpContinuation, true, "in"))
	b.says(frame(wsproto.OpText, false, "") + frame(wsproto.OpContinuation, true, "x") + frame(wsproto.OpText, false, "half"))
	r.settle()
	b.lose()
	r.loops[0].advance(3 * time.Second)
	b = r.last(2)
	shake(b)
	b.says(frame(wsproto.OpText, true, "new"))
	r.settle()
	c.hears(t, "client", "t,bin,x new")
	for i, op := range []wsproto.Opcode{wsproto.OpText, wsproto.OpBinary, wsproto.OpText} {
		if got := c.bursts[0].Messages[i].Op; got != op {
			t.Errorf("message %d is %v, want %v", i, got, op)
		}
	}
}
