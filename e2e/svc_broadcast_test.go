//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/kzfast/kzfast/internal/vendorclient"
)

// A station is a back end of broadcast services: what it says all its
// connections hear.
type station struct {
	*server
	mu   sync.Mutex
	here map[net.Conn]bool
}

func newStation(t *testing.T, ip string) *station {
	s := &station{here: make(map[net.Conn]bool)}
	s.server = newServer(t, ip, func(c net.Conn) {
		defer c.Close()
		s.set(c, true)
		c.Read(make([]byte, 1))
		s.set(c, false)
	})
	return s
}

func (s *station) set(c net.Conn, here bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if here {
		s.here[c] = true
	} else {
		delete(s.here, c)
	}
}

func (s *station) listeners() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.here)
}

// say sends to every listener; what was said before it returns is on its way.
func (s *station) say(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.here {
		_ = c.SetWriteDeadline(deadline())
		c.Write(p)
	}
}

// heard waits for n listeners.
func (s *station) heard(n int) {
	s.t.Helper()
	eventually(s.t, patience, func() bool { return s.listeners() == n }, "the station has not %d listeners", n)
}

// A listener is any subscriber: next is its next message.
type listener struct {
	name string
	next func() (string, error)
}

// subscribe makes one listener of each kind there is.
func (r *rig) subscribe(t *testing.T, m *member, path string, ws int) (list []listener) {
	for i := range ws {
		c := m.connect(t, path)
		list = append(list, listener{fmt.Sprintf("ws %d", i), func() (string, error) {
			_ = c.SetReadDeadline(deadline())
			p, err := c.next()
			return string(p), err
		}})
	}
	for _, kind := range vendorKinds {
		for _, native := range []bool{true, false} {
			c := r.vendor(t, "ws://"+m.addr()+path, vendorclient.Options{Kind: kind, NoNative: !native, Trace: newSteps(t).add})
			list = append(list, listener{fmt.Sprintf("%v, native %v", kind, native), func() (string, error) {
				ctx, cancel := context.WithTimeout(r.ctx, patience)
				defer cancel()
				p, err := c.Receive(ctx)
				return string(p.Data), err
			}})
		}
	}
	for _, vendor := range []bool{true, false} {
		es := vendorclient.NewEventSource("http://"+m.addr()+"/events"+path, vendorclient.EventSourceOptions{Vendor: vendor, Trace: newSteps(t).add})
		t.Cleanup(es.Close)
		if err := es.Open(r.ctx); err != nil {
			t.Errorf("EventSource, vendor %v: %v", vendor, err)
			continue
		}
		list = append(list, listener{fmt.Sprintf("EventSource, vendor %v", vendor), func() (string, error) {
			ctx, cancel := context.WithTimeout(r.ctx, patience)
			defer cancel()
			ev, err := es.Next(ctx)
			return ev.Data, err
		}})
	}
	return list
}

// all wants the same message at every listener.
func all(t *testing.T, list []listener, want string) {
	t.Helper()
	for _, l := range list {
		if got, err := l.next(); err != nil || got != want {
			t.Fatalf("%s: got %.60q, %v; want %.60q", l.name, got, err, want)
		}
	}
}

// broadcastOf is a broadcast service for WebSockets at path and for events at
// /events + path.
func broadcastOf(path, connect string, properties ...string) string {
	body := "<accept>sse://{ip}:{port}/events" + path + "</accept><connect>" + connect + "</connect>"
	more := ""
	if len(properties) > 0 {
		more = props(properties...)
	}
	return svc("broadcast "+path, "broadcast", "ws", path, body, more)
}

// TestSvcBroadcast sends what a TCP back end says to subscribers of every
// kind; late ones hear only what follows, and a back end that comes back is
// heard again.
func TestSvcBroadcast(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	st := newStation(t, r.network+".240")
	m := r.run(0, broadcastOf("/news", "tcp://"+st.addr, "reconnect.delay", "200"))
	st.heard(1)
	early := r.subscribe(t, m, "/news", 50)
	st.say([]byte("one"))
	all(t, early, "one")
	late := r.subscribe(t, m, "/news", 2)
	st.say([]byte("two"))
	all(t, early, "two")
	all(t, late, "two")

	st.stop()
	st.heard(0)
	m.waitFor("back end lost", m.began, patience)
	later := r.subscribe(t, m, "/news", 1) // accepted although there is no back end
	st.start()
	st.heard(1)
	everybody := append(append(early, late...), later...)
	st.say([]byte("three"))
	all(t, everybody, "three")

	// In order and complete: what one reads as one message another may as well,
	// but the bytes are the same.
	var want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&want, "[%d]", i)
		st.say(fmt.Appendf(nil, "[%d]", i))
	}
	for _, l := range everybody {
		var got strings.Builder
		for got.Len() < want.Len() {
			p, err := l.next()
			if err != nil {
				t.Fatalf("%s: %v after %d bytes", l.name, err, got.Len())
			}
			got.WriteString(p)
		}
		if got.String() != want.String() {
			t.Fatalf("%s: the bytes differ", l.name)
		}
	}
	t.Run("event stream", func(t *testing.T) {
		resp, err := http.Get("http://" + m.addr() + "/events/news")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type %q", got)
		}
		st.say([]byte("a\nb"))
		want := "location:http://" + m.addr() + "/events/news;s/"
		buf := make([]byte, 4096)
		text := ""
		for !strings.HasSuffix(text, "data:a\ndata:b\n\n") {
			n, err := resp.Body.Read(buf)
			text += string(buf[:n])
			if err != nil {
				t.Fatalf("%v after %q", err, text)
			}
		}
		if !strings.HasPrefix(text, want) {
			t.Errorf("stream begins %.80q, want %q", text, want)
		}
	})
}

// TestSvcBroadcastClients has clients speak: nobody hears them unless the
// service says so.
func TestSvcBroadcastClients(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	st := newStation(t, r.network+".240")
	m := r.run(0, broadcastOf("/noop", "tcp://"+st.addr)+broadcastOf("/all", "tcp://"+st.addr, "on.client.message", "broadcast"))
	st.heard(2)
	for path, heard := range map[string]bool{"/noop": false, "/all": true} {
		list := r.subscribe(t, m, path, 3)
		c := m.connect(t, path)
		c.fragment(0x01, []byte("said by "))
		c.fragment(0x80, []byte("a client"))
		if heard {
			all(t, list, "said by a client")
			if p, err := c.next(); string(p) != "said by a client" {
				t.Errorf("the sender: %q, %v", p, err)
			}
		}
		c.send(opPing, nil)
		if op, _, err := c.readFrame(); op != opPong {
			t.Fatalf("%s: opcode %d, %v; want the pong", path, op, err)
		}
	}
	st.say([]byte("end"))
}

// TestSvcBroadcastSources has the back end speak WebSocket, and UDP to a
// multicast group.
func TestSvcBroadcastSources(t *testing.T) {
	t.Parallel()
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, 1)
		say, said := make(chan struct{}), make(chan struct{})
		back := wsBackend(t, r.network+".240", func(_ *http.Request, c *wsConn) {
			close(said)
			<-say
			c.reply(0x81, []byte("text"))
			c.reply(0x02, []byte("in "))
			c.reply(0x80, []byte("two"))
			c.rawFrame()
		})
		m := r.run(0, broadcastOf("/news", "ws://"+back.addr+"/"))
		<-said
		list := r.subscribe(t, m, "/news", 3)
		close(say)
		all(t, list, "text")
		all(t, list, "in two")
	})
	t.Run("multicast", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, 1)
		group := r.group
		m := r.run(0, svc("b", "broadcast", "ws", "/news", "<accept>sse://{ip}:{port}/events/news</accept><connect>udp://"+group+"</connect>",
			"<connect-options><udp.interface>lo</udp.interface></connect-options>"))
		list := r.subscribe(t, m, "/news", 3)
		to, err := net.ResolveUDPAddr("udp4", group)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		lo, err := net.InterfaceByName("lo")
		if err != nil {
			t.Fatal(err)
		}
		p := ipv4.NewPacketConn(c)
		if err := p.SetMulticastInterface(lo); err != nil {
			t.Skipf("no multicast on lo: %v", err)
		}
		p.SetMulticastLoopback(true)
		for i := range 20 {
			if _, err := c.WriteTo(fmt.Appendf(nil, "datagram %d", i), to); err != nil {
				t.Skipf("no multicast on lo: %v", err)
			}
			all(t, list, fmt.Sprintf("datagram %d", i))
		}
	})
}

// TestSvcBroadcastSlow lets subscribers stop reading: they are cut, or miss
// the oldest, and nobody else notices.
func TestSvcBroadcastSlow(t *testing.T) {
	t.Parallel()
	heavy(t)
	const limit, messages, size, slow = 256 << 10, 400, 32 << 10, 20
	for _, policy := range []string{"close", "drop-oldest"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1)
			st := newStation(t, r.network+".240")
			m := r.run(0, broadcastOf("/news", "tcp://"+st.addr, "kz:slow.consumer", policy, "kz:maximum.pending.bytes", itoa(limit)))
			st.heard(1)
			var lazy []*wsConn
			for range slow {
				c := m.connect(t, "/news")
				c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
				lazy = append(lazy, c)
			}
			quick := []*wsConn{m.connect(t, "/news"), m.connect(t, "/news"), m.connect(t, "/news")}
			before := m.resident()
			highest := m.peak()
			const total = int64(messages) * size
			began := time.Now()
			for i := range messages {
				// Quick is who keeps up: nobody is told more before he has
				// heard the last.
				st.say(part(i))
				var want tally
				want.add(part(i))
				for _, c := range quick {
					if y, _, err := c.take(size); err != nil || y != want {
						t.Fatalf("quick subscriber, message %d: %+v, %v; want %+v", i, y, err, want)
					}
				}
			}
			grown := highest() - before
			t.Logf("%d subscribers that do not read, %d MB said: the others had all after %.2f s; resident memory grew by %d KiB",
				slow, total/1e6, time.Since(began).Seconds(), grown>>10)
			if most := int64(slow*(limit+3*64<<10) + 24<<20); grown > most {
				t.Errorf("resident memory grew by %d KiB, want at most %d", grown>>10, most>>10)
			}
			cut, kept := 0, 0
			st.say([]byte("<last>"))
			for _, c := range lazy {
				n, last, err := c.readAll("<last>")
				switch {
				case last:
					kept++
					if n >= total {
						t.Errorf("a subscriber that was slow missed nothing: %d bytes", n)
					}
				case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
					cut++
				default:
					t.Errorf("slow subscriber, after %d bytes: %v", n, err)
				}
			}
			t.Logf("of the slow ones %d were cut, %d missed messages and live", cut, kept)
			if policy == "close" && cut != slow || policy == "drop-oldest" && kept != slow {
				t.Errorf("%d cut, %d kept", cut, kept)
			}
		})
	}
}

// readAll reads messages until one ends with mark, or the end.
func (c *wsConn) readAll(mark string) (n int64, found bool, err error) {
	for {
		_ = c.SetReadDeadline(deadline())
		p, err := c.next()
		if err != nil {
			return n, false, err
		}
		n += int64(len(p))
		if strings.HasSuffix(string(p), mark) {
			return n, true, nil
		}
	}
}
