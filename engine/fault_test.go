//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A panic in any callback costs that conn alone.
func TestPanicCostsOneConn(t *testing.T) {
	log := &logBuffer{}
	e := start(t, Options{Loops: 1, HighWater: 1 << 10, Logger: slog.New(slog.NewTextHandler(log, nil))})
	for _, tc := range []struct {
		name string
		h    func() *funcs
		do   func(c *Conn)
	}{
		{"Data", func() *funcs { return &funcs{data: func(*Conn, []byte) { panic("boom") }} }, nil},
		{"EOF", func() *funcs { return &funcs{eof: func(*Conn) { panic("boom") }} }, nil},
		{"Timeout", func() *funcs { return &funcs{timeout: func(*Conn) { panic("boom") }} },
			func(c *Conn) { c.SetTimeout(time.Millisecond) }},
		{"Drained", func() *funcs { return &funcs{drained: func(*Conn) { panic("boom") }} },
			func(c *Conn) { c.Send(pattern(8 << 20)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			closed := make(chan error, 2)
			conn := make(chan *Conn, 1)
			ln := listen(t, e, func(c *Conn) Handler {
				smallBuffers(c)
				conn <- c
				h := tc.h()
				h.closed = func(_ *Conn, err error) { closed <- err }
				return h.on(c)
			})
			other := dial(t, listen(t, e, echoSend.on).Addr())
			roundTrip(t, other, []byte("before"))
			nc := dial(t, ln.Addr())
			c := receive(t, "conn", conn)
			if tc.do != nil {
				onLoop(t, e.Loop(0), func() { tc.do(c) })
			}
			nc.Write([]byte("x"))
			if tc.name == "EOF" {
				nc.CloseWrite()
			}
			_, _ = io.Copy(io.Discard, nc)
			var p *PanicError
			if err := receive(t, "Closed", closed); !errors.As(err, &p) || p.Value != "boom" || len(p.Stack) == 0 {
				t.Errorf("Closed(%v), want a PanicError with a stack", err)
			}
			roundTrip(t, other, []byte("after"))
		})
	}
	t.Run("Open", func(t *testing.T) {
		nc, err := net.Dial("tcp", listen(t, e, func(*Conn) Handler { panic("boom") }).Addr().String())
		if err == nil {
			_, err = io.ReadAll(nc)
			nc.Close()
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	})
	t.Run("Closed", func(t *testing.T) {
		nc := dial(t, listen(t, e, (&funcs{closed: func(*Conn, error) { panic("boom") }}).on).Addr())
		nc.Close()
	})
	t.Run("Post", func(t *testing.T) {
		e.Loop(0).Post(func() { panic("boom") })
		onLoop(t, e.Loop(0), func() {})
	})
	eventually(t, "7 panics, no conn but the 4 echoing ones", func() bool {
		s := e.Stats()
		return s.Panics == 7 && s.Conns <= 4
	})
	if s := log.String(); !strings.Contains(s, "boom") || !strings.Contains(s, "fault_test.go") {
		t.Errorf("no stack in the log:\n%s", s)
	}
}

func TestPostFromManyGoroutines(t *testing.T) {
	e := start(t, Options{})
	const goroutines, each = 16, 500
	var got [goroutines][]int
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			l := e.Loop(0)
			var all sync.WaitGroup
			for i := range each {
				all.Add(1)
				if !l.Post(func() { got[g] = append(got[g], i); all.Done() }) {
					t.Error("Post reports false on a running loop")
				}
			}
			all.Wait()
		}()
	}
	wg.Wait()
	for g := range got {
		for i, v := range got[g] {
			if i != v {
				t.Fatalf("goroutine %d: task %d ran at place %d", g, v, i)
			}
		}
	}
}

// A task that posts itself for ever does not keep the loop from its sockets.
func TestSelfPostingTaskStarvesNobody(t *testing.T) {
	e := start(t, Options{Loops: 1})
	l := e.Loop(0)
	halt := false
	var again func()
	again = func() {
		if !halt {
			l.Post(again)
		}
	}
	l.Post(again)
	nc := dial(t, listen(t, e, echoSend.on).Addr())
	for range 20 {
		roundTrip(t, nc, []byte("ping"))
	}
	onLoop(t, l, func() { halt = true })
}

// Every task that Post took runs, and none after Stop.
func TestPostDuringStop(t *testing.T) {
	for range 20 {
		e := start(t, Options{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		taken, ran := 0, 0
		for g := range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for e.Loop(g % 2).Post(func() { mu.Lock(); ran++; mu.Unlock() }) {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			}()
		}
		stop(t, e)
		wg.Wait()
		if taken != ran {
			t.Fatalf("%d tasks taken, %d ran", taken, ran)
		}
	}
}

func TestStopIsComplete(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	files := openFiles(t)
	e, err := New(Options{Loops: 3, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 100)
	ln := listen(t, e, func(c *Conn) Handler {
		c.SetTimeout(time.Hour)
		return (&funcs{
			data:   func(c *Conn, p []byte) { c.Write(p) },
			closed: func(_ *Conn, err error) { closed <- err },
		}).on(c)
	})
	const n = 20
	for i := range n {
		nc := dial(t, ln.Addr())
		roundTrip(t, nc, fmt.Appendf(nil, "%d", i))
		defer nc.Close()
	}
	hanging, addr := fullBacklog(t)
	onLoop(t, e.Loop(0), func() {
		e.Loop(0).Dial(addr, time.Hour, (&funcs{closed: func(_ *Conn, err error) { closed <- err }}).on)
	})
	stop(t, e)
	stop(t, e)
	hanging()
	if len(closed) != n+1 {
		t.Errorf("%d Closed, want %d", len(closed), n+1)
	}
	for range len(closed) {
		if err := <-closed; !errors.Is(err, ErrStopped) {
			t.Errorf("Closed(%v), want ErrStopped", err)
		}
	}
	if e.Loop(0).Post(func() {}) {
		t.Error("Post after Stop reports true")
	}
	if s := e.Stats(); s.Conns != 0 || s.Accepted != n || s.Pending != 0 {
		t.Errorf("stats after Stop: %+v", s)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, ignore)
	if now := openFiles(t); now > files+n {
		t.Errorf("%d files open, %d before and %d clients", now, files, n)
	}
}

// A handler that does not return makes Stop give up when its context ends.
func TestStopWithStuckHandler(t *testing.T) {
	e := start(t, Options{Loops: 1})
	hold := make(chan struct{})
	e.Loop(0).Post(func() { <-hold })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(hold)
	stop(t, e)
}

func TestOptionErrors(t *testing.T) {
	for _, o := range []Options{{Loops: -1}, {Limit: -1}, {HighWater: 10, LowWater: 11}} {
		if e, err := New(o); err == nil {
			e.Stop(context.Background())
			t.Errorf("%+v: want an error", o)
		}
	}
}

func TestLimitsAreSaid(t *testing.T) {
	log := &logBuffer{}
	e := start(t, Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	soft, _ := fileLimits()
	if want := fmt.Sprintf("files=%d connections=%d", soft, soft/10*8); !strings.Contains(log.String(), want) {
		t.Errorf("log %q, want %q in it", log, want)
	}
	if e.opts.MaxPending <= 0 || e.opts.MaxPending > memoryLimit()/4 {
		t.Errorf("MaxPending %d", e.opts.MaxPending)
	}
}
