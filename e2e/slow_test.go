//go:build linux

package e2e

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// headTime is the deadline for a request head in these tests.
const headTime = time.Second

// TestA7SlowHeadsAreCut is drill F25: hundreds of connections that send one
// byte of a request head now and then, or nothing at all after a beginning.
func TestA7SlowHeadsAreCut(t *testing.T) {
	const slow = 300
	f := newFleet(t, fleetSpec{Members: 1, Gateway: []setting{{"kz:handshake.timeout", "1 second"}}})
	f.start()
	m := f.members[0]
	var mu sync.Mutex
	var cut spread
	var crawling sync.WaitGroup
	alive := 0
	for i := range slow {
		crawling.Go(func() {
			took, ok := crawl(from(f.network, i), m.addr(), i%3)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				cut = append(cut, took)
			} else {
				alive++
			}
		})
	}
	done := make(chan struct{})
	go func() { crawling.Wait(); close(done) }()

	var real spread
	for during := true; during; {
		select {
		case <-done:
			during = false
		default:
		}
		asked := time.Now()
		c, err := open(plain, m.addr(), m.uri())
		if err != nil {
			t.Fatalf("a real client: %v", err)
		}
		if err := c.echo("real"); err != nil {
			t.Fatalf("a real client: %v", err)
		}
		real = append(real, time.Since(asked))
		c.Close()
	}
	if alive > 0 {
		t.Errorf("%d of %d slow requests were not cut within %v", alive, slow, crawlTime)
	}
	for _, d := range cut {
		if d < headTime*3/4 {
			t.Errorf("a request head was cut after %v, before its deadline of %v", d, headTime)
			break
		}
	}
	t.Logf("F25: deadline %v: %d slow heads cut after %v; %d real clients meanwhile %v", headTime, len(cut), cut, len(real), real)
}

// crawlTime is how long a slow client goes on before it gives up on being cut.
const crawlTime = 8 * time.Second

// crawl sends a request head a byte at a time, for ever. It reports after how
// long the server ended the connection.
func crawl(dial dialer, addr string, style int) (took time.Duration, cut bool) {
	c, err := dial(addr)
	if err != nil {
		return 0, false
	}
	defer c.Close()
	began := time.Now()
	begin := []string{"G", "GET /echo HTTP/1.1\r\nHost: x\r\nX-", "GET /echo HTTP/1.1\r\n"}[style]
	if _, err := io.WriteString(c, begin); err != nil {
		return 0, false
	}
	more := strings.Repeat("a", 1<<10)
	for i := 0; time.Since(began) < crawlTime; i++ {
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		var b [64]byte
		n, err := c.Read(b[:])
		if n > 0 || ended(err) { // an answer such as 408 is an end as well
			return time.Since(began), true
		}
		if style == 1 {
			_, err = io.WriteString(c, more[i:i+1])
			if ended(err) {
				return time.Since(began), true
			}
		}
	}
	return time.Since(began), false
}

// TestA7SilentConnectionsAreCut holds the same deadline for connections that
// never send anything: kz:handshake.timeout counts from the accept.
func TestA7SilentConnectionsAreCut(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1, Gateway: []setting{{"kz:handshake.timeout", "1 second"}}})
	f.start()
	var conns []net.Conn
	began := time.Now()
	for i := range 50 {
		c, err := from(f.network, i)(f.members[0].addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	var took spread
	for _, c := range conns {
		_ = c.SetReadDeadline(began.Add(crawlTime))
		var b [64]byte
		if _, err := c.Read(b[:]); !ended(err) {
			t.Fatalf("a silent connection is still open %v after it began (%v)", time.Since(began), err)
		}
		took = append(took, time.Since(began))
	}
	t.Logf("F25: deadline %v: %d silent connections cut after %v", headTime, len(took), took)
}
