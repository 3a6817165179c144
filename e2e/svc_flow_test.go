//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// bulkChunks are 200 MB.
const bulkChunks = 200_000_000/chunk + 1

// TestSvcProxyBulk moves 200 MB to the back end, 200 MB from it, and both at
// once, and compares checksums at both ends.
func TestSvcProxyBulk(t *testing.T) {
	heavy(t)
	r := newRig(t, 1)
	back := newServer(t, r.network+".240", bulkServer)
	m := r.run(0, proxyTo("/p", "tcp://"+back.addr))
	want := wanted(bulkChunks)
	before := m.resident()
	highest := m.peak()
	for _, way := range []string{"up", "down", "both"} {
		t.Run(way, func(t *testing.T) {
			began, cpu := time.Now(), m.cpu()
			c := m.connect(t, "/p")
			var line string
			var y tally
			var err error
			switch way {
			case "up":
				c.send(opText, fmt.Appendf(nil, "sink %d\n", want.n))
				if err = c.sendParts(bulkChunks); err == nil {
					line, err = c.line(nil)
				}
				y = want
			case "down":
				c.send(opText, fmt.Appendf(nil, "source %d\n", bulkChunks))
				y, _, err = c.take(want.n)
				line = fmt.Sprintf("%d %d", want.n, want.sum)
			case "both":
				c.send(opText, fmt.Appendf(nil, "both %d\n", bulkChunks))
				sent := make(chan error, 1)
				go func() { sent <- c.sendParts(bulkChunks) }()
				var rest []byte
				if y, rest, err = c.take(want.n); err == nil {
					line, err = c.line(rest)
				}
				if e := <-sent; e != nil {
					err = e
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%d %d", want.n, want.sum); y != want || line != got {
				t.Errorf("down %+v, up %s; want %+v", y, line, want)
			}
			took := time.Since(began)
			t.Logf("200 MB in %.2f s (%.0f MB/s), %.2f s of the member's CPU", took.Seconds(), float64(want.n)/1e6/took.Seconds(), (m.cpu() - cpu).Seconds())
		})
	}
	grown := highest() - before
	t.Logf("resident memory grew from %d KiB by %d KiB", before>>10, grown>>10)
	if grown > 24<<20 {
		t.Errorf("resident memory grew by %d KiB over 800 MB", grown>>10)
	}
}

// TestSvcProxyStopped lets fast senders meet receivers that do not read, in
// both directions: each pair may hold the pending bytes that are configured
// and what the kernel's buffers take, and nothing else.
func TestSvcProxyStopped(t *testing.T) {
	t.Parallel()
	heavy(t)
	const pairs, pending, want = 40, 64000, 32 << 20
	r := newRig(t, 1)
	back := newServer(t, r.network+".240", bulkServer)
	m := r.run(0, proxyTo("/p", "tcp://"+back.addr, "maximum.pending.bytes", itoa(pending)))
	warm := m.connect(t, "/p")
	warm.send(opText, []byte("sink 1\nx"))
	if _, err := warm.line(nil); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"up", "down"} {
		before := m.resident()
		var accepted sync.Map
		var wg sync.WaitGroup
		var all []*wsConn
		for i := range pairs {
			c := m.connect(t, "/p")
			all = append(all, c)
			if way == "down" {
				c.Conn.(*net.TCPConn).SetReadBuffer(16 << 10)
				c.send(opText, fmt.Appendf(nil, "source %d\n", want/chunk))
				continue
			}
			c.Conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
			c.send(opText, []byte("stop\n"))
			wg.Go(func() {
				n := 0
				p := frame(2, part(0))
				_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
				for n < want {
					k, err := c.Write(p)
					n += k
					if err != nil {
						break
					}
				}
				accepted.Store(i, n)
			})
		}
		wg.Wait()
		// The down direction has nobody to wait for: its end is that nothing
		// moves any more.
		last := int64(-1)
		eventually(t, patience, func() bool {
			now := m.resident()
			still := now == last
			last = now
			if !still {
				time.Sleep(200 * time.Millisecond)
			}
			return still
		}, "memory of the member does not settle")
		grown := last - before
		most := 0
		accepted.Range(func(_, n any) bool { most = max(most, n.(int)); return true })
		t.Logf("%s: %d stopped pairs cost %d KiB resident, %d KiB each; a sender got rid of at most %d KiB", way, pairs, grown>>10, grown>>10/pairs, most>>10)
		if limit := int64(pairs*(2*pending+64<<10) + 16<<20); grown > limit {
			t.Errorf("%s: resident memory grew by %d KiB, want at most %d: twice the pending bytes and a read for each pair", way, grown>>10, limit>>10)
		}
		if most >= want {
			t.Errorf("%s: a sender was never held back", way)
		}
		if way == "down" {
			// Nothing may be lost when the client reads after all.
			y, _, err := all[0].take(want)
			if err != nil || y != wanted(want/chunk) {
				t.Errorf("read late: %+v, %v", y, err)
			}
		}
		for _, c := range all {
			c.Close()
		}
	}
}

// slowMiB is what goes through a receiver of 10 MB/s: with KZFAST_E2E_FULL set
// one GiB, for which 100 s go by.
func slowMiB() int64 {
	if os.Getenv("KZFAST_E2E_FULL") != "" {
		return 1 << 10
	}
	return 64
}

// mostSpare is what a member may keep for its next turns, in bytes, however
// much goes through it: two loops with 32 chunks of at most 128 KiB each, half
// as much garbage, and as much again for what the runtime has not given back.
const mostSpare = 24 << 20

// TestSvcProxySlow limits one end to 10 MB/s: the resident memory stays flat.
func TestSvcProxySlow(t *testing.T) {
	t.Parallel()
	heavy(t)
	const rate = 10_000_000
	total := slowMiB() << 20
	r := newRig(t, 1)
	back := newServer(t, r.network+".240", bulkServer)
	m := r.run(0, proxyTo("/p", "tcp://"+back.addr))
	warm := m.connect(t, "/p")
	warm.send(opText, []byte("source 32\n"))
	warm.take(1 << 20)
	warm.Close()
	before := m.resident()
	highest := m.peak()
	var wg sync.WaitGroup
	wg.Go(func() { // a slow back end
		c := m.connect(t, "/p")
		c.send(opText, fmt.Appendf(nil, "slow %d\n", rate))
		for i := range int(total / chunk) {
			_ = c.SetWriteDeadline(time.Now().Add(patience))
			if _, err := c.Write(frame(2, part(i))); err != nil {
				t.Errorf("slow back end: chunk %d: %v", i, err)
				return
			}
		}
		c.send(opText, []byte("<end of all>"+strings.Repeat(" ", rate/100)))
		if line, err := c.line(nil); err != nil || line != fmt.Sprint(total) {
			t.Errorf("slow back end: got %q, %v; want %d bytes", line, err, total)
		}
	})
	wg.Go(func() { // a slow client
		c := m.connect(t, "/p")
		c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		c.send(opText, fmt.Appendf(nil, "source %d\n", total/chunk))
		var y tally
		began := time.Now()
		for y.n < total {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			p, err := c.next()
			if err != nil {
				t.Errorf("slow client: after %d bytes: %v", y.n, err)
				return
			}
			y.add(p)
			if ahead := time.Duration(float64(y.n)/rate*float64(time.Second)) - time.Since(began); ahead > 0 {
				time.Sleep(ahead)
			}
		}
		if want := wanted(int(total / chunk)); y != want {
			t.Errorf("slow client: %+v, want %+v", y, want)
		}
	})
	wg.Wait()
	grown := highest() - before
	t.Logf("%d MiB each way at 10 MB/s: resident memory grew from %d KiB by %d KiB", total>>20, before>>10, grown>>10)
	if grown > mostSpare {
		t.Errorf("resident memory grew by %d KiB: not flat", grown>>10)
	}
}
