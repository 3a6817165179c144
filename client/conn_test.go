package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// dialTo opens a connection to a server of the given script.
func dialTo(t *testing.T, o func(*Options), serve func(*peer)) *Conn {
	t.Helper()
	w := newWorld(t)
	w.host("b", serve)
	opts := w.options()
	if o != nil {
		o(&opts)
	}
	return mustDial(t, "ws://b/", opts)
}

// endOf reads to the end and returns how it came.
func endOf(t *testing.T, c *Conn) *CloseError {
	t.Helper()
	for {
		_, err := c.Read(context.Background())
		var e *CloseError
		if errors.As(err, &e) {
			return e
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestHowConnectionsEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		serve  func(*peer)
		code   wsproto.Code
		reason string
		remote bool
		reply  string // payload of our close frame, "-" for none
	}{
		{"close with reason", func(p *peer) { p.close(4000, "bye") }, 4000, "bye", true, "\x0f\xa0"},
		{"close without code", func(p *peer) { p.close(wsproto.CodeNoStatus, "") }, 1005, "", true, ""},
		{"killed", func(p *peer) { p.Close() }, 1006, "", false, "-"},
		{"killed in a frame", func(p *peer) { p.write("\x82\x7e\x10"); p.Close() }, 1006, "", false, "-"},
		{"masked frame", func(p *peer) { p.write("\x81\x80abcd") }, 1002, "", false, "\x03\xea"},
		{"bad UTF-8", func(p *peer) { p.frame(wsproto.OpText, "\xff") }, 1007, "", false, "\x03\xef"},
		{"too big", func(p *peer) { p.write("\x82\x7e\x03\xe9") }, 1009, "", false, "\x03\xf1"},
		{"bad close code", func(p *peer) { p.write("\x88\x02\x03\xed") }, 1002, "", false, "\x03\xea"},
		{"unknown opcode", func(p *peer) { p.write("\x83\x00") }, 1002, "", false, "\x03\xea"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := make(chan string, 1)
			conn := dialTo(t, func(o *Options) { o.MaxMessage = 1000 }, func(p *peer) {
				p.accept()
				p.frame(wsproto.OpText, "before")
				c.serve(p)
				if op, payload, ok := p.next(); ok && op == wsproto.OpClose {
					reply <- string(payload)
				} else {
					reply <- "-"
				}
			})
			if m, err := conn.Read(t.Context()); err != nil || string(m.Data) != "before" {
				t.Fatalf("before the end: %q, %v", m.Data, err)
			}
			e := endOf(t, conn)
			if e.Code != c.code || e.Reason != c.reason || e.Remote != c.remote {
				t.Errorf("got %+v", e)
			}
			<-conn.Done()
			if err := conn.Write(t.Context(), Message{}); !errors.As(err, &e) {
				t.Errorf("write after the end: %v", err)
			}
			if got := <-reply; got != c.reply {
				t.Errorf("our close frame: %q, want %q", got, c.reply)
			}
			mustClose(t, conn)
		})
	}
}

func TestFragmentsAndControlFramesBetween(t *testing.T) {
	pongs := make(chan string, 1)
	c := dialTo(t, nil, func(p *peer) {
		p.accept()
		p.write("\x01\x03one\x89\x02hi\x00\x00\x80\x03two\x8a\x00\x82\x00")
		_, payload, _ := p.next()
		pongs <- string(payload)
		p.echo()
	})
	defer mustClose(t, c)
	for _, want := range []Message{{true, []byte("onetwo")}, {false, nil}} {
		m, err := c.Read(t.Context())
		if err != nil || m.Text != want.Text || string(m.Data) != string(want.Data) {
			t.Errorf("got %+v, %v, want %+v", m, err, want)
		}
	}
	if got := <-pongs; got != "hi" {
		t.Errorf("pong %q", got)
	}
}

func TestFramesBehindTheHandshake(t *testing.T) {
	c := dialTo(t, nil, func(p *peer) {
		key, _ := p.req.Header("Sec-WebSocket-Key")
		p.write("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
			string(wsproto.AppendAccept(nil, key)) + "\r\n\r\n\x81\x05early\x81\x04half")
		p.echo()
	})
	defer mustClose(t, c)
	for _, want := range []string{"early", "half"} {
		if m, err := c.Read(t.Context()); err != nil || string(m.Data) != want {
			t.Errorf("got %q, %v, want %q", m.Data, err, want)
		}
	}
}

func TestConcurrentWritersAndReaders(t *testing.T) {
	const writers, each = 8, 50
	c := dialTo(t, nil, echoServer)
	defer mustClose(t, c)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				if err := c.Write(t.Context(), Message{true, fmt.Appendf(nil, "%d/%d", i, j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var mu sync.Mutex
	got := map[string]int{}
	for range 4 {
		wg.Go(func() {
			for range writers * each / 4 {
				m, err := c.Read(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				got[string(m.Data)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(got) != writers*each {
		t.Errorf("%d different messages, want %d", len(got), writers*each)
	}
}

func TestCloseSendsCodeAndReason(t *testing.T) {
	said := make(chan string, 1)
	c := dialTo(t, nil, func(p *peer) {
		p.accept()
		for range 20 { // more than the client buffers
			p.frame(wsproto.OpText, "unread")
		}
		_, payload, _ := p.next()
		said <- string(payload)
		p.frame(wsproto.OpText, "late")
		p.close(wsproto.CodeNormal, "")
	})
	if err := c.Close(1005+1, ""); err == nil {
		t.Error("1006 may be sent")
	}
	// The server is still writing: its frames must not hold the close up.
	if err := c.Close(3000, "done"); err != nil {
		t.Error(err)
	}
	if got := <-said; got != "\x0b\xb8done" {
		t.Errorf("close frame %q", got)
	}
	mustClose(t, c)
	if e := endOf(t, c); e.Remote || e.Code != 1000 {
		t.Errorf("got %+v", e)
	}
}

func TestCloseWithoutAnswer(t *testing.T) {
	for name, reads := range map[string]bool{"peer silent": true, "peer stuck": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := dialTo(t, nil, func(p *peer) {
					p.accept()
					for reads {
						if _, _, ok := p.next(); !ok {
							return
						}
					}
					time.Sleep(time.Minute)
				})
				began := time.Now()
				mustClose(t, c)
				if took := time.Since(began); took != 5*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestContextsOfReadAndWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialTo(t, nil, func(p *peer) {
			p.accept()
			time.Sleep(2 * time.Second)
			p.frame(wsproto.OpText, "late")
			time.Sleep(time.Minute)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "late" {
			t.Errorf("after a read that gave up: %q, %v", m.Data, err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		var e *CloseError
		if err := c.Write(ctx, Message{}); !errors.As(err, &e) || e.Code != 1006 || time.Since(began) != time.Second {
			t.Errorf("write to a stuck peer: %v after %v", err, time.Since(began))
		}
		mustClose(t, c)
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var pings []time.Duration
		c := dialTo(t, nil, func(p *peer) {
			p.accept()
			for {
				op, payload, ok := p.next()
				if !ok {
					return
				}
				if op == wsproto.OpPing {
					pings = append(pings, time.Since(began))
				}
				if len(pings) <= 3 {
					p.frame(wsproto.OpPong, string(payload))
				}
			}
		})
		e := endOf(t, c)
		if took := time.Since(began); e.Code != 1006 || took < 100*time.Second || took > 125*time.Second || !strings.Contains(e.Error(), "silent") {
			t.Errorf("%v after %v", e, took)
		}
		mustClose(t, c)
		synctest.Wait() // the server's last words
		if len(pings) < 4 || pings[0] != 25*time.Second || pings[1] != 50*time.Second {
			t.Errorf("pings at %v", pings)
		}
	})
}

func TestSlowApplicationIsNotASilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialTo(t, nil, func(p *peer) {
			p.accept()
			// One goroutine reads while the other is held back by the client.
			heard := make(chan string, 100)
			go func() {
				defer close(heard)
				for {
					op, payload, ok := p.next()
					if !ok || op == wsproto.OpClose {
						return
					}
					if !op.Control() {
						heard <- string(payload)
					}
				}
			}()
			for range 12 {
				p.frame(wsproto.OpText, "x")
			}
			for s := range heard {
				p.frame(wsproto.OpText, s)
			}
			p.close(wsproto.CodeNormal, "")
		})
		time.Sleep(10 * time.Minute)
		for range 12 {
			if _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		say(t, c, "still here")
		mustClose(t, c)
	})
}
