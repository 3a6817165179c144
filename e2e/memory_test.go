//go:build linux

package e2e

import (
	"io"
	"net"
	"testing"
	"time"
)

const mib = 1 << 20

// What may be resident is what is queued, as much again that the collector has
// not come to yet, and a constant.
const (
	collected = 2
	slack     = 24 * mib
)

// flood is a client that sends 64 KiB messages and never reads, until the
// member does not take more for a second or it has sent enough.
func flood(c *wsConn, enough int) (sent int, err error) {
	message := frame(2, make([]byte, 64<<10))
	for sent < enough {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := c.Write(message)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// TestA7ClientThatNeverReads is drill F22: echo clients that send and never
// read are not read from, and cost no more than the configured limit each.
func TestA7ClientThatNeverReads(t *testing.T) {
	const floods, limit, enough = 40, 256 << 10, 24 * mib
	f := newFleet(t, fleetSpec{Members: 1, Echo: []setting{{"kz:maximum.pending.bytes", "256k"}}})
	f.start()
	m := f.members[0]
	c := newCrowd(t, f, 20)
	quiet := m.resident()

	sent, stuck := 0, 0
	results := make(chan bool, floods)
	amounts := make(chan int, floods)
	began := time.Now()
	for i := range floods {
		w, err := open(from(f.network, i), m.addr(), m.uri())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		go func() {
			n, err := flood(w, enough)
			amounts <- n
			results <- err != nil && !ended(err)
		}()
	}
	height, rounds := quiet, 0
	for len(results) < floods {
		height = max(height, m.resident())
		c.speak()
		c.settle(patience, "bystanders")
		rounds++
		if time.Since(began) > 30*time.Second {
			t.Fatal("the floods do not end")
		}
	}
	for range floods {
		sent += <-amounts
		if <-results {
			stuck++
		}
	}
	height = max(height, m.resident())
	if grown := height - quiet; grown > collected*floods*limit+slack {
		t.Errorf("resident memory grew by %d MiB, over %d x %d x %d KiB and %d MiB", grown/mib, collected, floods, limit>>10, slack/mib)
	}
	if stuck < floods {
		t.Errorf("%d of %d floods were held back, want all", stuck, floods)
	}
	if n := len(c.since(began).ends); n > 0 {
		t.Errorf("%d bystanders lost their connection", n)
	}
	t.Logf("F22: %d echo clients that never read, limit %d KiB each: %d MiB sent until held back, RSS %.1f -> %.1f MiB; 20 bystanders echoed %d times, 0 lost",
		floods, limit>>10, sent/mib, mibOf(quiet), mibOf(height), rounds)
}

func mibOf(n int64) float64 { return float64(n) / mib }

// TestA7SlowSubscribers is drill F21: subscribers of a broadcast that never
// read are cut at the limit. With a limit a hundred times as high the same
// measuring sees memory grow.
func TestA7SlowSubscribers(t *testing.T) {
	small, cutSmall := slowSubscribers(t, "64k")
	large, cutLarge := slowSubscribers(t, "6400k")
	const subscribers = 20
	if small > collected*subscribers*(64<<10)+slack {
		t.Errorf("with a limit of 64 KiB memory grew by %d MiB", small/mib)
	}
	if cutSmall != subscribers {
		t.Errorf("with a limit of 64 KiB %d of %d subscribers were cut", cutSmall, subscribers)
	}
	if large < small+20*mib {
		t.Errorf("with a limit of 6400 KiB memory grew by %d MiB only (%d MiB with 64 KiB): the measuring sees nothing", large/mib, small/mib)
	}
	if large > collected*subscribers*(6400<<10)+slack {
		t.Errorf("with a limit of 6400 KiB memory grew by %d MiB", large/mib)
	}
	t.Logf("F21: 20 subscribers that never read: RSS +%.1f MiB and %d cut with a limit of 64 KiB, +%.1f MiB and %d cut with 6400 KiB",
		mibOf(small), cutSmall, mibOf(large), cutLarge)
}

// slowSubscribers runs one member with a broadcast whose back end sends as
// much as would fill twenty subscribers. A reading subscriber must get all.
func slowSubscribers(t *testing.T, limit string) (grown int64, cut int) {
	const subscribers, amount = 20, 12 * mib
	back, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	f := newFleet(t, fleetSpec{Members: 1, Extra: func(m *member) []serviceElement {
		return []serviceElement{{Name: "feed", Type: "broadcast", Accepts: []string{"ws://" + m.addr() + "/feed"},
			Connects:   []string{"tcp://" + back.Addr().String()},
			Properties: []setting{{"kz:maximum.pending.bytes", limit}}}}
	}})
	f.start()
	m := f.members[0]
	feed, err := back.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	reader, err := open(plain, m.addr(), "ws://"+m.addr()+"/feed")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var deaf []*wsConn
	for i := range subscribers {
		c, err := open(from(f.network, i), m.addr(), "ws://"+m.addr()+"/feed")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		deaf = append(deaf, c)
	}
	quiet := m.resident()
	height := quiet
	got := 0
	chunk := make([]byte, 32<<10)
	for sent := 0; sent < amount; sent += len(chunk) {
		_ = feed.SetWriteDeadline(time.Now().Add(patience))
		if _, err := feed.Write(chunk); err != nil {
			t.Fatal(err)
		}
		_ = reader.SetReadDeadline(time.Now().Add(patience))
		for got < sent+len(chunk) {
			p, err := reader.next()
			if err != nil {
				t.Fatalf("the subscriber that reads, after %d bytes: %v", got, err)
			}
			got += len(p)
		}
		height = max(height, m.resident())
	}
	for _, c := range deaf {
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := io.Copy(io.Discard, c.in); err == nil || ended(err) {
			cut++
		}
	}
	return height - quiet, cut
}
