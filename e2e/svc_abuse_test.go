//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A bystander echoes all the time and keeps how long each took.
type bystander struct {
	stop  chan struct{}
	done  chan struct{}
	times spread
	err   error
}

func (r *rig) bystander(t *testing.T, m *member) *bystander {
	b := &bystander{stop: make(chan struct{}), done: make(chan struct{})}
	c := m.connect(t, "/echo")
	go func() {
		defer close(b.done)
		for i := 0; ; i++ {
			select {
			case <-b.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			began := time.Now()
			if b.err = c.echo(fmt.Sprintf("calm %d", i)); b.err != nil {
				return
			}
			b.times = append(b.times, time.Since(began))
		}
	}()
	return b
}

func (b *bystander) end(t *testing.T) spread {
	t.Helper()
	close(b.stop)
	<-b.done
	if b.err != nil {
		t.Errorf("a bystander suffers: %v", b.err)
	}
	return b.times
}

func (s spread) ms() string {
	return fmt.Sprintf("p50 %.2f ms p99 %.2f ms max %.2f ms", 1e3*s.at(0.5).Seconds(), 1e3*s.at(0.99).Seconds(), 1e3*s.at(1).Seconds())
}

// TestHostileFrames lets clients abuse the framing as fast as they can for one
// second each. The member closes them, and then takes no more of what they
// send, or bears them; its memory stays, and a bystander is served all the
// time. What it costs is reported.
func TestHostileFrames(t *testing.T) {
	t.Parallel()
	heavy(t)
	r := newRig(t, 1)
	m := r.run(0, svc("echo", "echo", "ws", "/echo", "", ""))
	once := func(first byte, payload string) []byte {
		b := frame(first&0x0f, []byte(payload))
		b[0] = first
		return b
	}
	for _, a := range []struct {
		name    string
		start   []byte
		forever []byte
		codes   []int // how it may be closed; 0 is "not at all"
	}{
		{"empty fragments for ever", once(0x01, ""), bytes.Repeat(once(0x00, ""), 1000), []int{1008}},
		{"one-byte fragments", once(0x02, "a"), bytes.Repeat(once(0x00, "a"), 1000), []int{1008, 1009}},
		{"pings", nil, bytes.Repeat(once(0x89, "ping"), 1000), []int{1008}},
		{"pongs", nil, bytes.Repeat(once(0x8a, "pong"), 1000), []int{1008}},
		{"pings between fragments", once(0x01, "a"), bytes.Repeat(append(once(0x00, "a"), once(0x89, "")...), 1000), []int{1008}},
		{"closes", nil, bytes.Repeat(once(0x88, ""), 1000), []int{1005}},
		{"one-byte messages", nil, bytes.Repeat(once(0x82, "a"), 1000), []int{0}},
		{"empty messages", nil, bytes.Repeat(once(0x82, ""), 1000), []int{0}},
	} {
		t.Run(a.name, func(t *testing.T) {
			b := r.bystander(t, m)
			before, cpu, began := m.resident(), m.cpu(), time.Now()
			highest := m.peak()
			c := m.connect(t, "/echo")
			_ = c.SetDeadline(time.Now().Add(time.Second))
			code := make(chan int, 1)
			go func() {
				for {
					first, p, err := c.rawFrame()
					if err != nil {
						code <- 0
						return
					}
					if first == 0x88 {
						n := 1005
						if len(p) >= 2 {
							n = int(binary.BigEndian.Uint16(p))
						}
						code <- n
						return
					}
				}
			}()
			c.Write(a.start)
			sent := 0
			for {
				n, err := c.Write(a.forever)
				sent += n
				if err != nil {
					break
				}
			}
			got := <-code
			took := time.Since(began)
			spent := m.cpu() - cpu
			grown := highest() - before
			times := b.end(t)
			t.Logf("closed with %d after %d KiB in %.2f s; member %.0f %% of a CPU, %d KiB more; bystander %d echoes, %s",
				got, sent>>10, took.Seconds(), 100*spent.Seconds()/took.Seconds(), grown>>10, len(times), times.ms())
			ok := false
			for _, want := range a.codes {
				ok = ok || want == got
			}
			if !ok {
				t.Errorf("closed with %d, want one of %v", got, a.codes)
			}
			if grown > 16<<20 {
				t.Errorf("resident memory grew by %d KiB", grown>>10)
			}
			if got != 0 && sent > mostAfterClose {
				t.Errorf("the member took %d KiB of a connection that it had failed, want at most %d", sent>>10, mostAfterClose>>10)
			}
		})
	}
}

// mostAfterClose is what a connection may bring into a member in all, in bytes,
// that does nothing but break the rules: what it was closed for, and what
// kernels have in their buffers.
const mostAfterClose = 16 << 20

// TestHostileLengths announces payloads that never come: they are refused by
// the header, and cost nothing.
func TestHostileLengths(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	m := r.run(0, svc("echo", "echo", "ws", "/echo", "", ""))
	header := func(first byte, n uint64) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{first, 0xff}, n), 1, 2, 3, 4)
	}
	before := m.resident()
	for _, c := range []struct {
		name string
		head []byte
		code int
	}{
		{"2^63", header(0x82, 1<<63), 1002},
		{"2^64-1", header(0x82, 1<<64-1), 1002},
		{"2^63-1", header(0x82, 1<<63-1), 1009},
		{"2^40", header(0x82, 1<<40), 1009},
		{"131073", header(0x82, 131073), 1009},
		{"126 in a ping", []byte{0x89, 0xfe, 0, 126, 1, 2, 3, 4}, 1002},
		{"1000 in a close", []byte{0x88, 0xfe, 3, 0xe8, 1, 2, 3, 4}, 1002},
		{"opcode 3", []byte{0x83, 0x80, 1, 2, 3, 4}, 1002},
		{"RSV2", []byte{0xa1, 0x80, 1, 2, 3, 4}, 1002},
		{"unmasked", []byte{0x81, 0x01, 'a'}, 1002},
		{"fragmented ping", []byte{0x09, 0x80, 1, 2, 3, 4}, 1002},
		{"continuation of nothing", []byte{0x80, 0x80, 1, 2, 3, 4}, 1002},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 20 {
				ws := m.connect(t, "/echo")
				ws.Write(c.head)
				if code, err := ws.ends(); code != c.code {
					t.Fatalf("closed with %d, %v; want %d", code, err, c.code)
				}
				ws.Close()
			}
		})
	}
	t.Run("bad text late", func(t *testing.T) {
		ws := m.connect(t, "/echo")
		ws.fragment(0x01, bytes.Repeat([]byte("x"), 60000))
		ws.fragment(0x00, []byte("\xc3"))
		ws.fragment(0x80, []byte("("))
		for {
			first, p, err := ws.rawFrame()
			if err != nil {
				t.Fatal(err)
			}
			if first == 0x88 {
				if string(p[:2]) != "\x03\xef" {
					t.Errorf("closed with % x, want 1007", p)
				}
				break
			}
		}
	})
	if grown := m.resident() - before; grown > 4<<20 {
		t.Errorf("resident memory grew by %d KiB", grown>>10)
	}
}

// TestHostileBomb sends compressed messages that would be a thousand times as
// large, a hundred at once.
func TestHostileBomb(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	m := r.run(0, svc("echo", "echo", "ws", "/echo", "", options("kz:ws.compression", "enabled")))
	bomb := wsproto.Deflate(nil, make([]byte, 64<<20))
	b := frame(2, bomb)
	b[0] |= 0x40
	before := m.resident()
	highest := m.peak()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			c, reply, err := knock(plain, m.addr(), m.uri(), "Sec-WebSocket-Extensions: permessage-deflate")
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if !strings.HasPrefix(reply.header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
				t.Errorf("not negotiated: %v", reply.header)
				return
			}
			c.Write(b)
			if code, err := c.ends(); code != 1009 {
				t.Errorf("closed with %d, %v; want 1009", code, err)
			}
		})
	}
	wg.Wait()
	grown := highest() - before
	t.Logf("100 bombs of %d KiB for 64 MiB each: resident memory grew by %d KiB", len(bomb)>>10, grown>>10)
	if grown > 100*(131072+int64(len(bomb)))+16<<20 {
		t.Errorf("resident memory grew by %d KiB", grown>>10)
	}
}

// TestHostileEmulation breaks the rules of WSE (protocol.md §6.4 to §6.6): the
// request is refused, the session is gone, and nobody else's is.
func TestHostileEmulation(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	m := r.run(0, svc("echo", "echo", "ws", "/echo", "", ""))
	base := "http://" + m.addr() + "/echo/;e/"
	tr := &http.Transport{DisableKeepAlives: true}
	do := func(t *testing.T, ctx context.Context, method, url, body string, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	create := func(t *testing.T, ctx context.Context, suffix string) (up, down string) {
		t.Helper()
		resp := do(t, ctx, "POST", base+suffix, "", "X-WebSocket-Version", "wseb-1.0", "X-Sequence-No", "5", "X-Accept-Commands", "ping")
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		lines := strings.Split(string(b), "\n")
		if resp.StatusCode != 201 || len(lines) != 3 {
			t.Fatalf("create: %s %q", resp.Status, b)
		}
		return lines[0], lines[1]
	}
	const reconnect = "\x01\x30\x31\xff"
	status := func(t *testing.T, ctx context.Context, url, body string, header ...string) int {
		t.Helper()
		resp := do(t, ctx, "POST", url, body, header...)
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for _, c := range []struct {
		name, suffix, body string
		seq                string
		status             int
	}{
		{"right", "cbm", "\x81\x01a" + reconnect, "6", 200},
		{"sequence repeated", "cbm", "\x81\x01a" + reconnect, "5", 400},
		{"sequence ahead", "cbm", "\x81\x01a" + reconnect, "7", 400},
		{"sequence missing", "cbm", "\x81\x01a" + reconnect, "", 400},
		{"sequence not a number", "cbm", "\x81\x01a" + reconnect, "six", 400},
		{"sequence huge", "cbm", "\x81\x01a" + reconnect, "99999999999999999999", 400},
		{"empty body", "cbm", "", "6", 400},
		{"no RECONNECT", "cbm", "\x81\x01a", "6", 400},
		{"cut frame", "cbm", "\x81\x05a", "6", 400},
		{"behind RECONNECT", "cbm", reconnect + "\x81\x01a", "6", 400},
		{"unknown frame", "cbm", "\x42" + reconnect, "6", 400},
		{"unknown command", "cbm", "\x01\x30\x39\xff" + reconnect, "6", 400},
		{"length with a leading 80", "cbm", "\x80\x80\x01a" + reconnect, "6", 400},
		{"length of six bytes", "cbm", "\x80\x81\x80\x80\x80\x80\x00" + reconnect, "6", 400},
		{"length of 32 GiB", "cbm", "\x80\xff\xff\xff\xff\x7f" + reconnect, "6", 400},
		{"too big", "cbm", "\x80\x88\x80\x01" + strings.Repeat("x", 131073) + reconnect, "6", 400},
		{"bad text", "cbm", "\x81\x01\xff" + reconnect, "6", 400},
		{"ping with a payload", "cbm", "\x89\x01a" + reconnect, "6", 400},
		{"bad escape", "ctem", "\xc2\x81\x02\x7fx" + "\x01\x30\x31\xc3\xbf", "6", 400},
		{"escape at the end", "ctem", "\xc2\x81\x02a\x7f", "6", 400},
		{"three bytes of UTF-8", "ctm", "\xe2\x82\xac" + "\x01\x30\x31\xc3\xbf", "6", 400},
		{"lone continuation", "ctm", "\x80" + "\x01\x30\x31\xc3\xbf", "6", 400},
		{"cut character", "ctm", "\xc2", "6", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(r.ctx, patience)
			defer cancel()
			up, down := create(t, ctx, c.suffix)
			attached := do(t, ctx, "GET", down, "", "X-Sequence-No", "6")
			defer attached.Body.Close()
			if attached.StatusCode != 200 {
				t.Fatalf("downstream: %s", attached.Status)
			}
			var h []string
			if c.seq != "" {
				h = []string{"X-Sequence-No", c.seq}
			}
			if c.suffix != "cbm" {
				h = append(h, "Content-Type", "text/plain;charset=utf-8")
			}
			if got := status(t, ctx, up, c.body, h...); got != c.status {
				t.Errorf("upstream answered %d, want %d", got, c.status)
			}
			if c.status == 200 {
				return
			}
			b, err := io.ReadAll(attached.Body)
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				var e net.Error
				if errors.As(err, &e) && e.Timeout() {
					t.Errorf("downstream does not end: %v", err)
				}
			}
			if bytes.Contains(b, []byte("\x01\x30\x32\xff")) {
				t.Errorf("downstream ends with CLOSE: % x", b)
			}
			if got := status(t, ctx, up, "\x81\x01a"+reconnect, "X-Sequence-No", "7"); got != 404 {
				t.Errorf("the session answers %d afterwards, want 404", got)
			}
		})
	}
	t.Run("unknown session", func(t *testing.T) {
		id := strings.Repeat("A", 32)
		for _, path := range []string{"ubm/" + id, "dbm/" + id, "ubm/short", "ubm/", "xyz", "cxx", "ubm/" + strings.Repeat("A", 5000)} {
			if got := status(t, r.ctx, base+path, reconnect, "X-Sequence-No", "6"); got != 404 {
				t.Errorf("%.20s: %d, want 404", path, got)
			}
		}
	})
	t.Run("many creates", func(t *testing.T) {
		heavy(t)
		b := r.bystander(t, m)
		const n = 2000
		before := m.resident()
		for range n {
			create(t, r.ctx, "cbm")
		}
		grown := m.resident() - before
		times := b.end(t)
		t.Logf("%d sessions nobody attached to: %d bytes each; bystander %s", n, grown/n, times.ms())
		if grown > 16<<20 {
			t.Errorf("resident memory grew by %d KiB", grown>>10)
		}
	})
}
