package demo

import (
	"testing"
	"time"

	"github.com/kzfast/kzfast/client"
)

func TestVisitorRepeatsWhatIsOwed(t *testing.T) {
	var visits []visit
	w := newCrowd(time.Second, nil, func(v visit) { visits = append(visits, v) })
	v := newVisitor(w, 3)
	if conn, _ := v.next(); conn != nil {
		t.Fatal("sends without a connection")
	}
	first, second := new(client.Conn), new(client.Conn)
	v.state(client.State{Phase: client.Open, Conn: first})
	conn, m := v.next()
	if conn != first || string(m.Data) != "client 3, message 1" || !m.Text {
		t.Fatalf("got %q on %p", m.Data, conn)
	}
	if conn, _ := v.next(); conn != nil {
		t.Error("sends again while an echo is on its way")
	}
	v.message(m)
	if len(visits) != 1 || !visits[0].back {
		t.Errorf("after the first echo: got %+v, want one back", visits)
	}
	_, m = v.next()
	v.state(client.State{Phase: client.Closed, Member: "ws://m"})
	if len(visits) != 2 || visits[1].back || visits[1].member != "ws://m" {
		t.Errorf("after the loss: got %+v", visits)
	}
	v.state(client.State{Phase: client.Open, Conn: second})
	conn, again := v.next()
	if conn != second || string(again.Data) != string(m.Data) {
		t.Errorf("got %q on %p, want %q again on %p", again.Data, conn, m.Data, second)
	}
	v.message(again)
	v.message(again) // nobody waits for it
	if e, r, l, wr := w.echoes.Load(), w.repeated.Load(), w.lost.Load(), w.wrong.Load(); e != 2 || r != 1 || l != 0 || wr != 1 {
		t.Errorf("got %d echoes, %d repeated, %d lost, %d wrong; want 2, 1, 0, 1", e, r, l, wr)
	}
}

func TestVisitorCountsALostEcho(t *testing.T) {
	w := newCrowd(time.Second, nil, func(visit) {})
	v := newVisitor(w, 0)
	v.state(client.State{Phase: client.Open, Conn: new(client.Conn)})
	v.next()
	v.sent = v.sent.Add(-patience)
	if _, m := v.next(); string(m.Data) != "client 0, message 2" || w.lost.Load() != 1 {
		t.Errorf("got %q, lost %d; want message 2, lost 1", m.Data, w.lost.Load())
	}
}
