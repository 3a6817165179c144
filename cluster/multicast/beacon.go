package multicast

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Schedule of spec cluster-management.md §2.9.
var queryAt = []time.Duration{0, 150 * time.Millisecond, 400 * time.Millisecond, 900 * time.Millisecond}

const (
	eagerEvery  = time.Second     // between announces while young
	eagerFor    = 5 * time.Second // how long a beacon is young
	steadyEvery = 5 * time.Second // between announces, ± steadyJitter
	answerDelay = 100 * time.Millisecond
	answerEvery = time.Second
	hintAfter   = 30 * time.Second // silence that earns a hint
	errorPause  = 100 * time.Millisecond
)

// A Beacon announces one member and hears others until it is closed. Its
// methods are safe for any goroutine.
type Beacon struct {
	o Options

	keys  atomic.Pointer[[]key]
	flags atomic.Uint32
	seq   atomic.Uint64
	stats counters

	mu   sync.Mutex // guards sock and the order of sends
	sock *socket

	asked chan struct{} // a query wants an answer
	done  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup
}

// Start checks the options and begins to announce. A group that cannot be
// joined now is not an error: it is logged and tried again every 30 s, since
// interfaces come and go.
func Start(o Options) (*Beacon, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	b := &Beacon{o: o, asked: make(chan struct{}, 1), done: make(chan struct{})}
	if err := b.SetKeys(o.Keys); err != nil {
		return nil, err
	}
	// The first attempt is made here so that a caller's first query is out
	// when Start returns.
	s, err := b.open()
	if err != nil {
		o.Logger.Warn("multicast group not joined", "err", err, "retry", defaultRetry)
	}
	b.wg.Add(1)
	go b.run(s)
	return b, nil
}

// SetKeys replaces the gossip keys: the first signs from now on, all verify.
func (b *Beacon) SetKeys(secrets [][]byte) error {
	keys, err := deriveKeys(b.o.Cluster, secrets)
	if err != nil {
		return err
	}
	var f uint32
	if len(secrets) > 0 {
		f |= flagKeyed
	}
	if b.o.Encrypted {
		f |= flagEncrypted
	}
	b.keys.Store(&keys)
	b.flags.Store(f)
	return nil
}

// Bye tells the others, twice, that this member leaves.
func (b *Beacon) Bye() {
	b.send(bye)
	b.send(bye)
}

// Close stops announcing and hearing, and returns when all its goroutines
// have ended. No callback runs afterwards. It may be called more than once,
// but not from a callback.
func (b *Beacon) Close() {
	b.once.Do(func() { close(b.done) })
	b.mu.Lock()
	if b.sock != nil {
		b.sock.close()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

func (b *Beacon) open() (*socket, error) {
	ifis, err := interfaces(b.o.Interface, b.o.Local)
	if err != nil {
		return nil, err
	}
	return open(b.o.Group, ifis, b.o.TTL)
}

// run owns the socket: it opens it again after a failure until Close.
func (b *Beacon) run(s *socket) {
	defer b.wg.Done()
	for {
		if s != nil {
			b.serve(s)
			s = nil
		}
		select {
		case <-b.done:
			return
		case <-time.After(defaultRetry):
		}
		var err error
		if s, err = b.open(); err != nil {
			b.o.Logger.Debug("multicast group not joined", "err", err, "retry", defaultRetry)
		}
	}
}

// serve hears and announces on s until it breaks or the beacon is closed.
func (b *Beacon) serve(s *socket) {
	if !b.use(s) {
		s.close()
		return
	}
	broken := make(chan struct{})
	go b.hear(s, broken)
	b.talk(broken)
	b.use(nil)
	s.close()
	<-broken
}

// use makes s the socket for sends; it reports false once the beacon is
// closed.
func (b *Beacon) use(s *socket) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.done:
		b.sock = nil
		return false
	default:
	}
	b.sock = s
	return true
}

// talk follows the schedule: queries first, announces often and then seldom,
// answers in between.
func (b *Beacon) talk(broken <-chan struct{}) {
	begun := time.Now()
	next := time.NewTimer(0)
	defer next.Stop()
	hint := time.NewTimer(hintAfter)
	defer hint.Stop()
	asked, answered := b.asked, time.Time{}
	var answer <-chan time.Time
	for turn := 0; ; {
		select {
		case <-b.done:
			return
		case <-broken:
			return
		case <-hint.C:
			if b.stats.found.Load() == 0 {
				b.o.Logger.Info("no other member heard by multicast", "group", b.o.Group, "after", hintAfter,
					"hint", "container and cloud networks often drop multicast; tcp connects work everywhere")
			}
		case <-next.C:
			b.send(scheduled(turn))
			turn++
			next.Reset(pause(turn, time.Since(begun)))
		case <-asked:
			asked = nil
			wait := rand.N(answerDelay) + max(0, answerEvery-time.Since(answered))
			answer = time.After(wait)
		case <-answer:
			answer, answered, asked = nil, time.Now(), b.asked
			b.send(announce)
		}
	}
}

func scheduled(turn int) kind {
	if turn < len(queryAt) {
		return query
	}
	return announce
}

// pause is the time until the turn-th send, at age since the first.
func pause(turn int, age time.Duration) time.Duration {
	switch {
	case turn < len(queryAt):
		return max(0, queryAt[turn]-age)
	case age < eagerFor:
		return eagerEvery
	default:
		return steadyEvery*4/5 + rand.N(steadyEvery*2/5)
	}
}

// send signs and sends one datagram on every interface.
func (b *Beacon) send(k kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sock == nil {
		return
	}
	d := datagram{
		kind: k, flags: byte(b.flags.Load()), instance: b.o.Instance, seq: b.nextSeq(),
		min: protocolMin, max: protocolMax, addr: b.o.Self,
	}
	if err := b.sock.send(d.append(make([]byte, 0, maxDatagram), &(*b.keys.Load())[0])); err != nil {
		b.stats.failed.Add(1)
		return
	}
	b.stats.sent.Add(1)
}

// nextSeq follows the clock but never stands still or goes back.
func (b *Beacon) nextSeq() uint64 {
	seq := max(uint64(time.Now().UnixMicro()), b.seq.Load()+1)
	b.seq.Store(seq)
	return seq
}

// hear reads s until it is closed, then closes broken.
func (b *Beacon) hear(s *socket, broken chan<- struct{}) {
	defer close(broken)
	buf := make([]byte, maxDatagram+1)
	var g guard
	var logged time.Time
	for {
		n, from, err := s.receive(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-b.done:
				return
			case <-time.After(errorPause):
			}
			continue
		}
		d, err := parse(buf[:n], *b.keys.Load())
		if err != nil {
			b.stats.drop(err)
			// One line per minute whatever the sender does; the counters tell
			// the rest.
			if now := time.Now(); !errors.Is(err, errForeign) && now.Sub(logged) > time.Minute {
				logged = now
				b.o.Logger.Warn("beacon refused", "from", from.String(), "err", err)
			}
			continue
		}
		b.take(&d, &g)
	}
}

// take acts on a datagram whose signature was checked.
func (b *Beacon) take(d *datagram, g *guard) {
	if d.instance == b.o.Instance {
		return
	}
	if !g.fresh(d.instance, d.seq) {
		b.stats.replayed.Add(1)
		return
	}
	p := Peer{Addr: d.addr, Instance: d.instance, Encrypted: d.flags&flagEncrypted != 0, Draining: d.flags&flagDraining != 0}
	if d.kind == bye {
		if b.o.Left != nil {
			b.o.Left(p)
		}
		return
	}
	b.stats.found.Add(1)
	if d.kind == query {
		select {
		case b.asked <- struct{}{}:
		default:
		}
	}
	if b.o.Found != nil {
		b.o.Found(p)
	}
}
