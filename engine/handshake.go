//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"crypto/tls"
	"errors"
	"sync"
	"time"
)

// ErrHandshakeTimeout ends a TLS conn whose handshake took too long.
var ErrHandshakeTimeout = errors.New("engine: TLS handshake timed out")

// HandshakeOptions bound what TLS handshakes may cost.
type HandshakeOptions struct {
	// Max is the number of handshakes under way at once, each on a goroutine;
	// others wait in order. 0 means 256.
	Max int
	// Timeout is the time from accept to the end of the handshake, waiting
	// included; 0 means 5 s.
	Timeout time.Duration
	// Client makes us the client of the conns, as after Dial.
	Client bool
}

// A Handshaker puts TLS under conns. Handshakes block, so they run on a bounded
// number of goroutines that end with them; afterwards a conn costs none. Safe for any
// goroutine.
type Handshaker struct {
	config *tls.Config
	opts   HandshakeOptions

	mu      sync.Mutex
	running int
	waiting []*TLS
}

// NewHandshaker makes a Handshaker; config is not to be changed any more.
func NewHandshaker(config *tls.Config, o HandshakeOptions) *Handshaker {
	setDefault(&o.Max, 256)
	setDefault(&o.Timeout, 5*time.Second)
	return &Handshaker{config: config, opts: o}
}

// Open wraps next into what [ListenOptions].Open, Attach and Dial want. next is called on
// the conn's loop when the handshake is done; a conn whose handshake fails never
// reaches it. nil from next closes the conn.
func (h *Handshaker) Open(next func(*TLS) Handler) func(*Conn) Handler {
	return func(c *Conn) Handler {
		t := &TLS{c: c, shaker: h, next: next}
		t.mem = memConn{c: c, meet: newMeeting(c)}
		if h.opts.Client {
			t.conn = tls.Client(&t.mem, h.config)
		} else {
			t.conn = tls.Server(&t.mem, h.config)
		}
		c.SetTimeout(h.opts.Timeout)
		h.enter(t)
		return t
	}
}

// enter starts t's handshake, or lets it wait for its turn.
func (h *Handshaker) enter(t *TLS) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running < h.opts.Max {
		h.start(t)
		return
	}
	h.waiting = append(h.waiting, t)
}

// start is called with h.mu held.
func (h *Handshaker) start(t *TLS) {
	h.running++
	t.c.Loop().engine.helpers.Add(1)
	go h.run(t)
}

// leave gives the place to who waits longest.
func (h *Handshaker) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running--
	if len(h.waiting) > 0 {
		t := h.waiting[0]
		h.waiting[0] = nil
		h.waiting = h.waiting[1:]
		h.start(t)
	}
}

// run is one handshake's goroutine. A conn that died meanwhile fails at once.
func (h *Handshaker) run(t *TLS) {
	l := t.c.Loop()
	defer l.engine.helpers.Done()
	defer h.leave()
	err := t.conn.Handshake()
	l.Post(func() { t.shaken(err) })
}
