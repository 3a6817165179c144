package proxy

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// Strategy says when the back end is connected.
type Strategy uint8

// The strategies of property connect.strategy.
const (
	Immediate Strategy = iota // when the client arrives
	Prepared                  // before clients arrive, Options.Prepared at a time
	Deferred                  // with the client's first message
)

// A Target is one back end.
type Target struct {
	// Addrs gives the addresses of the back end now. It is called on event
	// loops and must not block; nil means that the name is not known (yet).
	Addrs func() []netip.AddrPort
	// WebSocket is how to speak to the back end; nil is plain TCP.
	WebSocket *session.Dialing
}

// Options of a proxy service.
type Options struct {
	Targets []Target // tried in order; at least one
	// Workers are the workers of all loops; for Prepared.
	Workers func() []*session.Worker
	// MaxPending is the number of bytes queued for one side above which the
	// other is not read from; 0 is 64000.
	MaxPending  int
	Strategy    Strategy
	Prepared    int           // connections held ready, of all loops together; for Prepared
	DialTimeout time.Duration // for each address; 0 is 5 s
	// Recovery, when positive, watches the back end: Available(false) is
	// called when it cannot be connected, Available(true) when a probe, at
	// least every Recovery, gets through again. It is called on a goroutine
	// of the service.
	Recovery  time.Duration
	Available func(up bool)
	Logger    *slog.Logger // nil discards
}

// A Service is a proxy service. It is immutable but for its per-loop pools.
type Service struct {
	o     Options
	pools []pool // by worker index; each touched on its loop only
	watch *watch // nil without recovery

	failures atomic.Int64 // connects that failed; safe for any goroutine
}

// MaxLoops bounds the number of event loops a service serves.
const MaxLoops = 256

// New makes a proxy service.
func New(o Options) *Service {
	if o.MaxPending == 0 {
		o.MaxPending = 64000
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, pools: make([]pool, MaxLoops)}
	if o.Recovery > 0 && o.Available != nil {
		s.watch = newWatch(s)
	}
	return s
}

// Start begins to watch the back end when recovery is on, and fills the pools
// of prepared connections.
func (s *Service) Start() {
	if s.o.Strategy == Prepared && s.o.Workers != nil {
		for _, w := range s.o.Workers() {
			w.Loop.Post(func() { s.refill(w) })
		}
	}
	if s.watch != nil {
		s.watch.start()
	}
}

// Stop ends the goroutine of the service and closes the prepared connections.
// Pairs live on.
func (s *Service) Stop() {
	if s.o.Strategy == Prepared && s.o.Workers != nil {
		for _, w := range s.o.Workers() {
			w.Loop.Post(func() { s.empty(w) })
		}
	}
	if s.watch != nil {
		s.watch.stop()
	}
}

// Failures is the number of connects that failed. Safe for any goroutine.
func (s *Service) Failures() int64 { return s.failures.Load() }

// Open implements [session.Service].
func (s *Service) Open(ch session.Channel, o *session.Open) session.Receiver {
	p := &pair{s: s, w: ch.Worker(), near: ch, protocol: o.Protocol}
	ch.SetHighWater(s.o.MaxPending)
	switch {
	case s.o.Strategy == Deferred:
	case s.o.Strategy == Prepared:
		s.take(p)
	default:
		p.dial()
	}
	return p
}

// failed counts a connect that did not succeed and wakes the watch.
func (s *Service) failed(addr netip.AddrPort) {
	s.failures.Add(1)
	s.o.Logger.Debug("back end not connected", "addr", addr.String())
	if s.watch != nil {
		s.watch.suspect()
	}
}

var _ session.Service = (*Service)(nil)
var _ session.Connecter = (*pair)(nil)

// closeCode is what a leg that ended in order tells the other.
func closeCode(code wsproto.Code) wsproto.Code {
	if code.Sendable() {
		return code
	}
	return wsproto.CodeNormal
}
