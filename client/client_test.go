package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A run is a client in a bubble with a record of its states.
type run struct {
	*Client
	t      *testing.T
	states []State
	times  []time.Time
	err    chan error
}

// launch runs a client for uri; on may act on states.
func launch(t *testing.T, w *world, o Options, uri string, on func(*run, State)) *run {
	t.Helper()
	r := &run{t: t, err: make(chan error, 1)}
	c, err := New(uri, o, Handlers{
		State: func(s State) {
			r.states = append(r.states, s)
			r.times = append(r.times, time.Now())
			if on != nil {
				on(r, s)
			}
		},
		Message: func(m Message) { r.states = append(r.states, State{Member: "message " + string(m.Data)}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Client = c
	go func() { r.err <- c.Run(t.Context()) }()
	return r
}

// story is the record in words.
func (r *run) story() string {
	var s []string
	for _, st := range r.states {
		switch {
		case strings.HasPrefix(st.Member, "message "):
			s = append(s, st.Member)
		case st.Phase == Open:
			s = append(s, "open "+st.Member)
		case st.Phase == Waiting:
			s = append(s, fmt.Sprintf("waiting %v after %d", st.Delay, st.Code))
		case st.Phase == Closed && st.Final:
			s = append(s, fmt.Sprintf("final %d", st.Code))
		case st.Phase == Closed:
			s = append(s, fmt.Sprintf("closed %d", st.Code))
		default:
			s = append(s, st.Phase.String())
		}
	}
	return strings.Join(s, ", ")
}

func TestClientReturnsToTheOriginalURI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		targets := []string{"ws://m1/", "ws://dead/", "ws://m2/"}
		w.host("b", func(p *peer) {
			next := targets[0]
			targets = targets[1:]
			found(302, strings.Replace(next, "ws", "http", 1))(p)
		})
		w.host("m1", func(p *peer) {
			p.accept()
			p.frame(wsproto.OpText, "one")
			p.Close() // kill -9
		})
		w.names["dead"] = []netip.Addr{netip.MustParseAddr("10.9.9.9")}
		w.host("m2", echoServer)
		r := launch(t, w, w.options(), "ws://b/", func(r *run, s State) {
			if s.Phase == Open && s.Member == "ws://m2/" {
				r.Close(wsproto.CodeNormal, "enough")
			}
		})
		if err := <-r.err; err != nil {
			t.Error(err)
		}
		want := "connecting, open ws://m1/, message one, closed 1006, waiting 500ms after 1006, " +
			"connecting, waiting 500ms after 1006, connecting, open ws://m2/, final 1000"
		if got := r.story(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got, want := w.visited(), "b/ m1/ b/ b/ m2/"; got != want {
			t.Errorf("visited %s, want %s", got, want)
		}
		if err := r.Send(t.Context(), Message{}); !errors.Is(err, ErrNotOpen) {
			t.Errorf("send: %v", err)
		}
	})
}

func TestCloseCodesThatReconnect(t *testing.T) {
	again := []wsproto.Code{1001, 1005, 1006, 1011, 1012, 1013, 1014}
	for _, code := range []wsproto.Code{1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			tries := 0
			w.host("b", func(p *peer) {
				if tries++; tries == 2 {
					p.status("404 Not Found")
					return
				}
				p.accept()
				if code != wsproto.CodeAbnormal {
					p.close(code, "")
					p.next()
				}
			})
			r := launch(t, w, w.options(), "ws://b/", nil)
			err := <-r.err
			if want := slices.Contains(again, code); (tries == 2) != want {
				t.Errorf("%d: %d attempts; %v", code, tries, err)
			}
			var end *CloseError
			if tries == 1 && (!errors.As(err, &end) || end.Code != code) {
				t.Errorf("%d: Run returned %v", code, err)
			}
		})
	}
}

func TestStatusesThatReconnect(t *testing.T) {
	for _, c := range []struct {
		status int
		want   bool
	}{
		{400, false}, {401, false}, {403, false}, {404, false}, {426, false}, {200, false}, {302, false},
		{408, true}, {425, true}, {429, true}, {500, true}, {502, true}, {503, true}, {504, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			tries := 0
			w.host("b", func(p *peer) {
				if tries++; tries == 1 {
					p.status(fmt.Sprintf("%d %s", c.status, http.StatusText(c.status)))
					return
				}
				echoServer(p)
			})
			r := launch(t, w, w.options(), "ws://b/", func(r *run, s State) {
				if s.Phase == Open {
					r.Close(wsproto.CodeNormal, "")
				}
			})
			err := <-r.err
			var status *StatusError
			if (err == nil) != c.want || err != nil && (!errors.As(err, &status) || status.Code != c.status) {
				t.Errorf("%d: %v after %d attempts", c.status, err, tries)
			}
		})
	}
}

func TestRefusedRedirectIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.host("b", found(302, "http://b/"))
		r := launch(t, w, w.options(), "ws://b/", nil)
		if err := <-r.err; !errors.Is(err, ErrLoop) {
			t.Error(err)
		}
		if got := r.story(); got != "connecting, final 1006" {
			t.Error(got)
		}
	})
}

func TestNoMemberIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		tries := 0
		w.host("b", func(p *peer) {
			if tries++; tries < 4 {
				inBand(wsproto.OpBinary, "")(p)
				return
			}
			directed(p)
		})
		o := w.options()
		o.InBand = true
		r := launch(t, w, o, "ws://b/", func(r *run, s State) {
			if s.Phase == Open {
				r.Close(wsproto.CodeNormal, "")
			}
		})
		if err := <-r.err; err != nil {
			t.Error(err)
		}
		want := "connecting, waiting 250ms after 1013, connecting, waiting 500ms after 1013, connecting, waiting 1s after 1013, connecting, open ws://b/, final 1000"
		if got := r.story(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestBackoff(t *testing.T) {
	lost, away := &CloseError{Code: 1006}, &CloseError{Code: 1001}
	full := func(f float64) *backoff {
		return &backoff{Retry: Retry{}.withDefaults(), rand: func() float64 { return f }}
	}
	waits := func(b *backoff, first error, n int) (ds []time.Duration) {
		for range n {
			ds = append(ds, b.next(first))
		}
		return ds
	}
	ms := func(ns ...int) (ds []time.Duration) {
		for _, n := range ns {
			ds = append(ds, time.Duration(n)*time.Millisecond)
		}
		return ds
	}
	if got, want := waits(full(1), away, 9), ms(500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000); !slices.Equal(got, want) {
		t.Errorf("upper bounds: got %v, want %v", got, want)
	}
	if got, want := waits(full(1), lost, 3), ms(1000, 1000, 2000); !slices.Equal(got, want) {
		t.Errorf("after a loss: got %v, want %v", got, want)
	}
	if got, want := waits(full(0), lost, 3), ms(0, 0, 0); !slices.Equal(got, want) {
		t.Errorf("lower bounds: got %v, want %v", got, want)
	}
	b := full(1)
	b.n = 5000
	if got := b.next(away); got != 30*time.Second {
		t.Errorf("far out: %v", got)
	}
	b = full(0.5)
	if got := b.next(&StatusError{Code: 503, RetryAfter: 7 * time.Second}); got != 7500*time.Millisecond {
		t.Errorf("Retry-After: %v", got)
	}
	b = full(1)
	b.n = 4
	b.opened(time.Minute - 1)
	if b.n != 4 {
		t.Error("reset by an unstable connection")
	}
	b.opened(time.Minute)
	if b.n != 0 {
		t.Error("not reset by a stable connection")
	}
}

func TestWaitsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		tries := 0
		w.host("b", func(p *peer) {
			switch tries++; {
			case tries <= 2:
				p.status("503 Service Unavailable", "Retry-After: 5")
			case tries == 3:
				p.accept()
				time.Sleep(61 * time.Second)
				p.close(1012, "")
				p.next()
			default:
				p.status("404 Not Found")
			}
		})
		o := w.options()
		o.Ping = -1 // the script does not read
		r := launch(t, w, o, "ws://b/", nil)
		<-r.err
		for i, s := range r.states {
			if s.Phase == Waiting && r.times[i+1].Sub(r.times[i]) != s.Delay {
				t.Errorf("waited %v, said %v", r.times[i+1].Sub(r.times[i]), s.Delay)
			}
		}
		want := "connecting, waiting 5.5s after 1006, connecting, waiting 5.5s after 1006, connecting, open ws://b/, closed 1012, waiting 250ms after 1012, connecting, final 1006"
		if got := r.story(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestCloseWhileConnectingOrWaiting(t *testing.T) {
	for _, phase := range []Phase{Connecting, Waiting, Open} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.host("b", func(p *peer) {
				if phase == Waiting {
					p.status("500 X")
					return
				}
				echoServer(p)
			})
			began := time.Now()
			r := launch(t, w, w.options(), "ws://b/", func(r *run, s State) {
				if s.Phase == phase {
					r.Close(3333, "")
					r.Close(4444, "")
				}
			})
			if err := <-r.err; err != nil || time.Since(began) != 0 {
				t.Errorf("%v: %v after %v", phase, err, time.Since(began))
			}
			if last := r.states[len(r.states)-1]; !last.Final || last.Code != 3333 || last.Err != nil {
				t.Errorf("%v: last state %+v", phase, last)
			}
		})
	}
	c, err := New("ws://b/", Options{}, Handlers{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(1006, ""); err == nil {
		t.Error("1006 may be sent")
	}
	c.Close(wsproto.CodeNormal, "")
	if err := c.Run(t.Context()); err != nil {
		t.Errorf("run after close: %v", err)
	}
}

func TestContextEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		said := make(chan string, 1)
		w.host("b", func(p *peer) {
			p.accept()
			_, payload, _ := p.next()
			said <- string(payload)
			p.close(wsproto.CodeGoingAway, "")
		})
		var last State
		ctx, cancel := context.WithCancel(t.Context())
		c, err := New("ws://b/", w.options(), Handlers{State: func(s State) {
			if last = s; s.Phase == Open {
				cancel()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Run(ctx); !errors.Is(err, context.Canceled) || !last.Final || last.Code != 1001 {
			t.Errorf("%v, %+v", err, last)
		}
		if got := <-said; got != "\x03\xe9" {
			t.Errorf("close frame %q", got)
		}
	})
}

func TestCookiesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var cookies []string
		w.host("b", func(p *peer) {
			v, _ := p.req.Header("Cookie")
			cookies = append(cookies, string(v))
			p.status("302 Found", "location: http://m/", "Set-Cookie: gwha-x=1; Path=/echo; HttpOnly; Max-Age=60")
		})
		tries := 0
		w.host("m", func(p *peer) {
			if v, ok := p.req.Header("Cookie"); ok {
				t.Errorf("the member got cookie %q of the balancer", v)
			}
			if tries++; tries == 2 {
				p.status("404 Not Found")
				return
			}
			p.accept()
		})
		r := launch(t, w, w.options(), "ws://b/echo", nil)
		<-r.err
		if !slices.Equal(cookies, []string{"", "gwha-x=1"}) {
			t.Errorf("cookies %q", cookies)
		}
	})
}

func TestSendWhileOpen(t *testing.T) {
	w := newWorld(t)
	w.host("b", echoServer)
	got := make(chan string, 1)
	var c *Client
	c, err := New("ws://b/", w.options(), Handlers{
		State: func(s State) {
			if s.Phase == Open {
				if err := c.Send(context.Background(), Message{true, []byte("hello")}); err != nil {
					t.Error(err)
				}
			}
		},
		Message: func(m Message) {
			got <- string(m.Data)
			c.Close(wsproto.CodeNormal, "")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "hello" {
		t.Errorf("got %q", s)
	}
}
