package demo

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kzfast/kzfast/client"
)

// A crowd is the demo clients together. Its fields are safe for any goroutine.
type crowd struct {
	interval time.Duration
	changed  func(visit)
	gone     map[string]*atomic.Bool // by address: the member there is dead

	echoes, repeated, lost, wrong atomic.Int64
	misled                        atomic.Int64 // redirected to a dead member

	mu     sync.Mutex
	rounds *hdrhistogram.Histogram // round trips in µs

	running sync.WaitGroup
	cancel  context.CancelFunc
}

// A visit tells that a client lost a member, or had its first echo from one.
type visit struct {
	client int
	member string // URI
	back   bool
	at     time.Time
}

// slowest is the longest round trip told apart, in µs.
const slowest = 60_000_000

func newCrowd(interval time.Duration, members []*member, changed func(visit)) *crowd {
	w := &crowd{
		interval: interval, changed: changed, gone: make(map[string]*atomic.Bool),
		rounds: hdrhistogram.New(1, slowest, 3),
	}
	for _, m := range members {
		w.gone[m.address().String()] = &m.down
	}
	return w
}

// start lets n clients in.
func (w *crowd) start(ctx context.Context, n int) error {
	ctx, w.cancel = context.WithCancel(ctx)
	for i := range n {
		v := newVisitor(w, i)
		c, err := client.New(publicURI, client.Options{
			CloseTimeout: closeTimeout, DialContext: w.dial,
		}, client.Handlers{State: v.state, Message: v.message})
		if err != nil {
			return err
		}
		w.running.Go(func() { c.Run(ctx) })
		w.running.Go(func() { v.talk(ctx) })
	}
	return nil
}

// closeTimeout bounds the goodbye of a client, so that the demo ends at once.
const closeTimeout = 300 * time.Millisecond

// stop sends the clients home and waits for them.
func (w *crowd) stop() {
	if w.cancel != nil {
		w.cancel()
	}
	w.running.Wait()
}

// dial counts the connections to members that are dead.
func (w *crowd) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if gone := w.gone[address]; gone != nil && gone.Load() {
		w.misled.Add(1)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func (w *crowd) round(d time.Duration) {
	w.echoes.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rounds.RecordValue(min(max(d.Microseconds(), 1), slowest))
}

// summary is one line on what the clients saw so far.
func (w *crowd) summary() string {
	w.mu.Lock()
	p50, p99 := w.rounds.ValueAtQuantile(50), w.rounds.ValueAtQuantile(99)
	w.mu.Unlock()
	s := fmt.Sprintf("echoes %s   lost %d   repeated %d", grouped(w.echoes.Load()), w.lost.Load(), w.repeated.Load())
	if n := w.wrong.Load(); n > 0 {
		s += fmt.Sprintf("   WRONG %d", n)
	}
	return s + fmt.Sprintf("   round trip p50 %.2f ms, p99 %.2f ms", float64(p50)/1000, float64(p99)/1000)
}
