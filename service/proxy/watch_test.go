package proxy

import (
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = 20 * time.Second

func noLeak(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// await is the next that the watch says.
func await(t *testing.T, said <-chan bool, want bool) {
	t.Helper()
	select {
	case got := <-said:
		if got != want {
			t.Fatalf("Available(%v), want %v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("no Available(%v)", want)
	}
}

// The watch says when the back end is gone and when it is back, each once.
func TestWatch(t *testing.T) {
	noLeak(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	said := make(chan bool, 16)
	r := newRig(t, Options{
		Targets:  []Target{{Addrs: addrs(at)}},
		Recovery: 10 * time.Millisecond, Available: func(up bool) { said <- up },
	})
	r.s.Start()
	c, err := l.Accept() // the probe of the start
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for range 2 {
		l.Close()
		for range 3 {
			r.open("")
			r.last(len(r.l.dials)).refuse()
		}
		await(t, said, false)
		if l, err = net.Listen("tcp", at); err != nil {
			t.Fatal(err)
		}
		await(t, said, true)
	}
	l.Close()
	r.s.Stop()
	for len(said) > 0 {
		// A wake-up of the last round may have met the closed listener.
		if up := <-said; up {
			t.Error("Available(true) without a back end")
		}
	}
}

// A back end that is down at the start is known before the first client, and
// Stop does not wait for it.
func TestWatchDownAtStart(t *testing.T) {
	noLeak(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	said := make(chan bool, 4)
	r := newRig(t, Options{
		Targets:  []Target{{Addrs: addrs()}, {Addrs: addrs(l.Addr().String())}},
		Recovery: time.Hour, Available: func(up bool) { said <- up },
	})
	r.s.Start()
	await(t, said, false)
	r.s.Stop()
	if len(said) != 0 {
		t.Error("the watch said more after the stop")
	}
}

// Without recovery nothing is started.
func TestNoWatch(t *testing.T) {
	noLeak(t)
	r := newRig(t, Options{Available: func(bool) { t.Error("Available called") }})
	r.s.Start()
	r.open("")
	r.last(1).refuse()
	r.s.Stop()
	unstarted := newRig(t, Options{Recovery: time.Second, Available: func(bool) {}})
	unstarted.s.Stop()
}
