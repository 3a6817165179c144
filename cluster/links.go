package cluster

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	beatEvery = 500 * time.Millisecond // each side writes a heartbeat
	// A link is silent when nothing came for silentAfter, and then for
	// silentGrace more: the second wait keeps a process that was itself paused
	// from blaming the others for what already lies in its socket.
	silentAfter = time.Second
	silentGrace = 250 * time.Millisecond
	userTimeout = time.Second // TCP_USER_TIMEOUT

	linkDialTimeout = time.Second
	redialFirst     = 50 * time.Millisecond
	redialSlow      = 2 * time.Second // once refused twice
	beat            = 0x01
)

// LinkState is one member link as Health shows it.
type LinkState struct {
	Member string // id
	State  string // "up", "silent", "down", "none" before the first handshake
	Since  time.Time
}

// links keeps one connection to each online member: the lower name dials.
type links struct {
	self     string
	instance uint64
	keys     *atomic.Pointer[[][]byte]
	dial     func(addr string, timeout time.Duration) (*stream, error)
	report   func(name string, instance uint64, up bool)
	log      *slog.Logger

	mu     sync.Mutex
	closed bool
	peers  map[string]*peer
	wg     sync.WaitGroup
}

// A peer is one life of a member that a link is kept to.
type peer struct {
	name     string
	instance uint64
	done     chan struct{} // the member is gone

	// Guarded by links.mu.
	conn  *stream
	state string
	since time.Time
}

func newLinks(self string, instance uint64, keys *atomic.Pointer[[][]byte]) *links {
	return &links{self: self, instance: instance, keys: keys, peers: make(map[string]*peer)}
}

// add begins to keep a link to a member that came online.
func (l *links) add(name string, instance uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.peers[name] != nil {
		return
	}
	p := &peer{name: name, instance: instance, done: make(chan struct{}), state: "none", since: time.Now()}
	l.peers[name] = p
	if l.self < name {
		l.wg.Add(1)
		go l.keep(p)
	}
}

// remove ends the link to a member that is gone, without a word.
func (l *links) remove(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.peers[name]; p != nil {
		l.drop(p)
	}
}

func (l *links) drop(p *peer) {
	delete(l.peers, p.name)
	close(p.done)
	if p.conn != nil {
		p.conn.Conn.Close()
	}
}

// close ends every link; wg tells when those we dialled have ended.
func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, p := range l.peers {
		l.drop(p)
	}
}

// keep dials until the member is gone.
func (l *links) keep(p *peer) {
	defer l.wg.Done()
	refused, wait := 0, redialFirst
	for {
		began := time.Now()
		err := l.connect(p)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			refused++
		case time.Since(began) > redialSlow:
			refused, wait = 0, redialFirst
		}
		if refused >= 2 {
			l.change(p, nil, "down")
			wait = redialSlow
		}
		select {
		case <-p.done:
			return
		case <-time.After(wait + rand.N(wait/2)):
		}
		wait = min(2*wait, redialSlow)
	}
}

// connect dials once and serves the link until it breaks.
func (l *links) connect(p *peer) error {
	s, err := l.dial(p.name, linkDialTimeout)
	if err != nil {
		return err
	}
	defer s.Close()
	tune(s.Conn)
	key := (*l.keys.Load())[0]
	if err := greet(s, key, l.instance, p.instance, l.self, p.name); err != nil {
		l.log.Debug("link refused", "member", idOf(p.name), "err", err)
		return err
	}
	s.trust()
	return l.serve(p, s)
}

// accept takes over an incoming link and serves it until it breaks.
func (l *links) accept(s *stream) {
	defer s.Close()
	tune(s.Conn)
	name, life, err := welcome(s, *l.keys.Load(), l.instance, l.self, l.life)
	if err != nil {
		l.log.Debug("link refused", "from", host(s.RemoteAddr()), "err", err)
		return
	}
	s.trust()
	l.mu.Lock()
	p := l.peers[name]
	l.mu.Unlock()
	if p != nil && p.instance == life {
		l.serve(p, s)
	}
}

// life is the instance of a name that links are kept to. A member does not
// accept from one it should dial.
func (l *links) life(name string) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[name]
	if p == nil || l.self < name {
		return 0, false
	}
	return p.instance, true
}

// serve exchanges heartbeats on s until it breaks.
func (l *links) serve(p *peer, s *stream) error {
	if !l.take(p, s) {
		return errShutdown
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		beats(s, stop)
	}()
	err := l.listen(p, s)
	s.Conn.Close()
	close(stop)
	<-stopped
	l.change(p, s, "down")
	l.log.Debug("link broken", "member", idOf(p.name), "err", err)
	return err
}

// take makes s the peer's link, replacing an older one.
func (l *links) take(p *peer, s *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[p.name] != p {
		return false
	}
	if p.conn != nil {
		p.conn.Conn.Close()
	}
	p.conn = s
	l.set(p, "up")
	return true
}

// change notes what became of a link; s is the connection it is about, nil
// when none could be made. An old connection's news do not count.
func (l *links) change(p *peer, s *stream, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peers[p.name] != p || p.conn != s {
		return
	}
	if state == "down" {
		p.conn = nil
	}
	l.set(p, state)
}

func (l *links) set(p *peer, state string) {
	if p.state == state {
		return
	}
	p.state, p.since = state, time.Now()
	l.report(p.name, p.instance, state == "up")
}

// beats writes heartbeats until stop is closed. A write that cannot proceed
// ends with the connection.
func beats(s *stream, stop <-chan struct{}) {
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	for {
		if _, err := s.Conn.Write([]byte{beat}); err != nil {
			s.Conn.Close()
			return
		}
		select {
		case <-stop:
			return
		case <-t.C:
		}
	}
}

// listen reads heartbeats until the connection breaks. A silent peer keeps its
// connection: it may only be paused.
func (l *links) listen(p *peer, s *stream) error {
	buf := make([]byte, 64)
	wait := silentAfter
	for {
		s.SetReadDeadline(time.Now().Add(wait))
		_, err := s.Conn.Read(buf)
		switch {
		case err == nil:
			l.change(p, s, "up")
			wait = silentAfter
		case !isTimeout(err) || errors.Is(err, syscall.ETIMEDOUT):
			return err
		case wait == silentAfter:
			wait = silentGrace
		default:
			l.change(p, s, "silent")
		}
	}
}

// states lists the links, for Health.
func (l *links) states() []LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]LinkState, 0, len(l.peers))
	for _, p := range l.peers {
		out = append(out, LinkState{Member: idOf(p.name), State: p.state, Since: p.since})
	}
	return out
}

// tune makes the kernel give up on a peer that acknowledges nothing.
func tune(c net.Conn) {
	if tc, ok := c.(*net.TCPConn); ok {
		tc.SetNoDelay(true)
		setUserTimeout(tc, userTimeout)
	}
}
