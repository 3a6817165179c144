//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The wheel against a plain map, over several revolutions, with arming, lazy and
// eager re-arming, disarming and uneven advances.
func TestWheelModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w wheel[Timer, *Timer]
	w.init()
	timers := make([]Timer, 200)
	due := map[*Timer]uint32{}
	now := uint32(5)
	for range 20_000 {
		x := &timers[r.IntN(len(timers))]
		switch r.IntN(4) {
		case 0, 1:
			d := now + 1 + uint32(r.IntN(3*wheelSlots))
			if _, armed := due[x]; armed && d >= x.due {
				x.due = d
			} else {
				w.disarm(x)
				x.due = d
				w.arm(x, now)
			}
			due[x] = d
		case 2:
			w.disarm(x)
			delete(due, x)
		case 3:
			now += uint32(r.IntN(40))
			w.advance(now)
			for p := w.pop(); p != nil; p = w.pop() {
				d, armed := due[p]
				if !armed || d > now {
					t.Fatalf("tick %d: fired one due at %d (armed %v)", now, d, armed)
				}
				delete(due, p)
			}
			for p, d := range due {
				if d <= now {
					t.Fatalf("tick %d: %p due at %d has not fired", now, p, d)
				}
			}
			if w.n != len(due) {
				t.Fatalf("wheel counts %d, want %d", w.n, len(due))
			}
		}
	}
}

func TestTicksNeverEarly(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		want uint32
	}{{0, 1}, {1, 2}, {tick, 2}, {tick + 1, 3}, {time.Second, 11}} {
		if got := ticks(tc.d); got != tc.want {
			t.Errorf("ticks(%v) = %d, want %d", tc.d, got, tc.want)
		}
	}
}

func TestAfter(t *testing.T) {
	e := start(t, Options{Loops: 1})
	l := e.Loop(0)
	fired := make(chan int, 10)
	var early bool
	onLoop(t, l, func() {
		begin := time.Now()
		l.After(300*time.Millisecond, func() { early = time.Since(begin) < 300*time.Millisecond; fired <- 3 })
		l.After(0, func() { fired <- 1 })
		stopped := l.After(100*time.Millisecond, func() { fired <- 2 })
		if !stopped.Stop() || stopped.Stop() {
			t.Error("Stop must report true once")
		}
		l.After(0, func() { panic("a timer's panic") })
		l.After(0, func() { fired <- 1 })
	})
	var got []int
	for range 3 {
		got = append(got, receive(t, "timer", fired))
	}
	if want := []int{1, 1, 3}; !slices.Equal(got, want) || early {
		t.Errorf("fired %v, want %v; early %v", got, want, early)
	}
	if s := e.Stats(); s.Panics != 1 {
		t.Errorf("%d panics counted, want 1", s.Panics)
	}
	onLoop(t, l, func() {
		if l.ticking.Load() {
			t.Error("ticks are posted though nothing is armed")
		}
	})
}

func TestConnTimeout(t *testing.T) {
	e := start(t, Options{Loops: 1})
	l := e.Loop(0)
	fired := make(chan time.Duration, 10)
	conn := make(chan *Conn, 1)
	var begin time.Time
	ln := listen(t, e, func(c *Conn) Handler {
		conn <- c
		return (&funcs{timeout: func(*Conn) { fired <- time.Since(begin) }}).on(c)
	})
	dial(t, ln.Addr())
	c := receive(t, "conn", conn)
	for _, tc := range []struct {
		name string
		arm  func()
		min  time.Duration
	}{
		{"once", func() { c.SetTimeout(100 * time.Millisecond) }, 100 * time.Millisecond},
		{"later", func() { c.SetTimeout(time.Millisecond); c.SetTimeout(300 * time.Millisecond) }, 300 * time.Millisecond},
		{"sooner", func() { c.SetTimeout(time.Hour); c.SetTimeout(50 * time.Millisecond) }, 50 * time.Millisecond},
		{"again", func() { c.SetTimeout(time.Hour); c.SetTimeout(0); c.SetTimeout(time.Millisecond) }, time.Millisecond},
	} {
		onLoop(t, l, func() { begin = time.Now(); tc.arm() })
		if d := receive(t, tc.name, fired); d < tc.min {
			t.Errorf("%s: fired after %v, want at least %v", tc.name, d, tc.min)
		}
	}
	onLoop(t, l, func() {
		c.SetTimeout(time.Millisecond)
		c.SetTimeout(0)
		l.After(300*time.Millisecond, func() { fired <- -1 })
	})
	if d := receive(t, "the later timer", fired); d != -1 {
		t.Error("a disarmed timer fired")
	}
}

// Handlers may end or re-arm others whose timers fire in the same tick.
func TestTimeoutsTouchEachOther(t *testing.T) {
	e := start(t, Options{Loops: 1})
	var conns []*Conn
	closed := make(chan error, 10)
	fired := 0
	ln := listen(t, e, func(c *Conn) Handler {
		conns = append(conns, c)
		return (&funcs{
			timeout: func(c *Conn) {
				fired++
				for _, o := range conns {
					o.Abort()
				}
			},
			closed: func(_ *Conn, err error) { closed <- err },
		}).on(c)
	})
	const n = 5
	for range n {
		dial(t, ln.Addr())
	}
	eventually(t, "conns", func() bool { return e.Stats().Conns == n })
	onLoop(t, e.Loop(0), func() {
		for _, c := range conns {
			c.SetTimeout(time.Millisecond)
		}
	})
	for range n {
		if err := receive(t, "Closed", closed); err != nil {
			t.Error(err)
		}
	}
	onLoop(t, e.Loop(0), func() {
		if fired != 1 || e.Loop(0).wheel.n != 0 {
			t.Errorf("fired %d times, %d left in the wheel", fired, e.Loop(0).wheel.n)
		}
	})
}

func TestDialTimeoutAndRefusal(t *testing.T) {
	e := start(t, Options{Loops: 1})
	l := e.Loop(0)
	closed := make(chan error, 1)
	open := func(c *Conn) Handler {
		c.Write([]byte("never sent"))
		return (&funcs{closed: func(_ *Conn, err error) { closed <- err }}).on(c)
	}
	full, addr := fullBacklog(t)
	defer full()
	onLoop(t, l, func() { l.Dial(addr, 200*time.Millisecond, open) })
	if err := receive(t, "Closed", closed); !errors.Is(err, ErrDialTimeout) {
		t.Errorf("full backlog: %v, want ErrDialTimeout", err)
	}
	if s := e.Stats(); s.Conns != 0 || s.Pending != 0 || s.Dialed != 1 {
		t.Errorf("stats %+v", s)
	}
}

// An entry that is moved to a later tick while others of its tick fire waits for
// that tick; one that is due in the past fires with the next.
func TestWheelMovedWhileFiring(t *testing.T) {
	var w wheel[Timer, *Timer]
	w.init()
	a, b := &Timer{due: 5}, &Timer{due: 5}
	w.arm(a, 1)
	w.arm(b, 1)
	w.advance(5)
	if got := w.pop(); got != a {
		t.Fatalf("first popped %p, want %p", got, a)
	}
	b.due = 60
	if got := w.pop(); got != nil {
		t.Fatal("popped at tick 5 what is due at 60")
	}
	late := &Timer{due: 5}
	w.arm(late, 6)
	w.advance(7)
	if got := w.pop(); got != late {
		t.Fatal("what was due before it was armed does not fire with the next tick")
	}
	w.advance(60)
	if got := w.pop(); got != b {
		t.Fatal("the moved entry is lost")
	}
}
