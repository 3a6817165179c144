package demo

import (
	"testing"
	"time"
)

func TestLossSummary(t *testing.T) {
	m := &member{place: &places[0], phase: killed}
	w := newCrowd(time.Second, []*member{m}, nil)
	w.lost.Store(5) // of an earlier loss
	at := time.Now()
	l := newLoss(m, "killed", w, at)
	l.pending[7], l.pending[8] = time.Time{}, time.Time{}
	l.left(7, at.Add(100*time.Millisecond))
	l.back(7, at.Add(300*time.Millisecond))
	l.back(9, at.Add(350*time.Millisecond)) // was not on it
	if l.over() {
		t.Error("over while a client is missing")
	}
	l.back(8, at.Add(400*time.Millisecond))
	if l.over() {
		t.Error("over while the process lives")
	}
	m.phase = dead
	if !l.over() {
		t.Error("not over")
	}
	w.repeated.Add(1)
	want := "all 2 back after 0.40 s (away p50 0.40 s, max 0.40 s)   redirected to the dead member 0   echoes lost 0, repeated 1"
	if got := l.summary(w); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLossWithoutClients(t *testing.T) {
	m := &member{place: &places[0]}
	w := newCrowd(time.Second, nil, nil)
	want := "no client was on it   redirected to the dead member 0   echoes lost 0, repeated 0"
	if got := newLoss(m, "drained", w, time.Now()).summary(w); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
