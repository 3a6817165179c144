package broadcast

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/kzfast/kzfast/session"
)

// Options of a broadcast service.
type Options struct {
	// Workers are the workers of all loops, by index. The back end is
	// connected from the first one's loop.
	Workers func() []*session.Worker
	// BackEnds are who may speak, at least one. Of those that are connected to
	// one is at a time, tried in order; all datagrams are heard.
	BackEnds  []BackEnd
	Interface string // of multicast groups; empty is the system's choice

	ReconnectDelay time.Duration // after a failure or loss; 0 is 3 s
	DialTimeout    time.Duration // 0 is 5 s
	EchoClients    bool          // clients' messages go to all clients too
	// MaxPending is the number of bytes queued for one subscriber at which
	// it is cut, or, with DropOldest, its oldest messages are; 0 is 16 MiB.
	MaxPending int
	DropOldest bool
	Logger     *slog.Logger // nil discards
}

// A BackEnd is one source of messages.
type BackEnd struct {
	// Addrs gives the addresses of the back end now. It is called on an
	// event loop and must not block.
	Addrs func() []netip.AddrPort
	// WebSocket is how to speak to the back end; nil is plain TCP. UDP makes
	// the service listen on the address instead, joining it when it is a
	// multicast group.
	WebSocket *session.Dialing
	UDP       bool
}

// A Service is a broadcast service.
type Service struct {
	o       Options
	hubs    []hub // by worker index; each touched on its loop only
	sources []source

	subscribers atomic.Int32 // of all hubs

	dropped atomic.Int64 // bursts that a slow subscriber missed
	cut     atomic.Int64 // subscribers cut as too slow
}

// A source brings what the back end says.
type source interface {
	start()
	stop()
}

// MaxLoops bounds the number of event loops a service serves.
const MaxLoops = 256

// New makes a broadcast service.
func New(o Options) *Service {
	if o.ReconnectDelay == 0 {
		o.ReconnectDelay = 3 * time.Second
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 5 * time.Second
	}
	if o.MaxPending == 0 {
		o.MaxPending = 16 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, hubs: make([]hub, MaxLoops)}
	var dialled []BackEnd
	for _, b := range o.BackEnds {
		if b.UDP {
			s.sources = append(s.sources, newListener(s, b.Addrs))
		} else {
			dialled = append(dialled, b)
		}
	}
	if len(dialled) > 0 {
		s.sources = append(s.sources, newConnector(s, dialled))
	}
	return s
}

// Start connects the back end, and keeps it connected.
func (s *Service) Start() {
	for _, src := range s.sources {
		src.start()
	}
}

// Stop leaves the back end. Subscribers stay.
func (s *Service) Stop() {
	for _, src := range s.sources {
		src.stop()
	}
}

// Dropped and Cut count what slow subscribers cost: bursts they missed and
// subscribers that were cut. Safe for any goroutine.
func (s *Service) Dropped() int64 { return s.dropped.Load() }

// Cut counts the subscribers cut as too slow. Safe for any goroutine.
func (s *Service) Cut() int64 { return s.cut.Load() }

// Open implements [session.Service].
func (s *Service) Open(ch session.Channel, _ *session.Open) session.Receiver {
	sub := &subscriber{s: s, ch: ch}
	h := &s.hubs[ch.Worker().Index]
	if h.from.s == nil {
		h.from.begin(s, ch.Worker())
	}
	h.add(sub)
	return sub
}

// heard reports whether anybody subscribes. Safe for any goroutine.
func (s *Service) heard() bool { return s.subscribers.Load() > 0 }

// publish hands a burst to every loop with subscribers. It is read-only from
// now on, and counted in from until all have delivered it. Safe for any
// goroutine.
func (s *Service) publish(p *parcel, from *flow) {
	p.from = from
	from.add(p.Footprint())
	p.left.Store(1)
	for _, w := range s.o.Workers() {
		h := &s.hubs[w.Index]
		if h.count.Load() == 0 {
			continue
		}
		p.left.Add(1)
		posted := w.Loop.Post(func() {
			defer p.arrived()
			h.deliver(&p.Shared)
		})
		if !posted {
			p.arrived()
		}
	}
	p.arrived()
}
