package session

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/sse"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// Options of the whole gateway that concern every connection. Shared by all
// workers and immutable.
type Shape struct {
	// Server is the Server header of answers; empty leaves it out.
	Server string
	// Head bounds request heads.
	Head wsproto.HeadLimits
	// HeadTimeout bounds the time from a request's first byte to its last;
	// 0 is 5 s.
	HeadTimeout time.Duration
	// IdleTimeout bounds the wait for a request's first byte; 0 is 30 s.
	IdleTimeout time.Duration
	// CloseTimeout bounds the wait for the peer's Close frame; 0 is 5 s.
	CloseTimeout time.Duration
	// MaxDetached is the number of emulated sessions and event streams on a
	// loop that have no response under way, and so no connection of their
	// own; 0 is 8192. At it, a newcomer gets the place of one that nobody
	// has come for.
	MaxDetached int
	// DialTimeout bounds connecting to another member; 0 is 2 s.
	DialTimeout time.Duration
	// Logger receives the few log lines of workers; nil is slog.Default().
	Logger *slog.Logger
}

func (s *Shape) fill() {
	if s.HeadTimeout == 0 {
		s.HeadTimeout = 5 * time.Second
	}
	if s.IdleTimeout == 0 {
		s.IdleTimeout = 30 * time.Second
	}
	if s.CloseTimeout == 0 {
		s.CloseTimeout = 5 * time.Second
	}
	if s.MaxDetached == 0 {
		s.MaxDetached = 8192
	}
	if s.DialTimeout == 0 {
		s.DialTimeout = 2 * time.Second
	}
}

// A Worker is what the sessions of one loop share: scratch memory that is
// borrowed for the length of one call, the coarse clock, and the list of
// sessions. It belongs to its loop.
type Worker struct {
	Loop  Loop
	Index int
	Loops int // number of all loops; 0 is one
	// MoveTo continues a connection on the loop of that index: a worker
	// there opens it at p, and a copy of prefix is the first it reads. nil:
	// there is no other loop.
	MoveTo func(t Transport, p *Port, loop int, prefix []byte)
	shape  *Shape

	// What the Server header of the answer at hand says; see speakFor.
	serverName string
	server     []byte
	named      []byte // Shape.Server

	req    wsproto.Request
	frame  wsproto.Frame
	reply  reply
	out    []byte // answers being rendered
	query  Query
	answer Answer
	fields []wsproto.Field
	cors   []wsproto.Field
	open   Open
	idle   []*exchange // ended exchanges, reused by the next connection

	call    call
	res     httpxe.Response
	url     []byte
	text    []byte
	uploads []*upload // ended ones

	date     [dateLen]byte
	dateUnix int64
	rng      *rand.Rand

	sessions []*WebSocket // every open one, at index WebSocket.index
	emulated map[wse.ID]*emulated
	streams  map[sse.ID]*eventStream
	relays   map[*relay]struct{}
	queued   int // bytes in the queues of sessions without a response
	detached detached
	began    time.Time
}

// NewWorker makes the worker of loop number index.
func NewWorker(l Loop, index int, shape *Shape) *Worker {
	shape.fill()
	w := &Worker{
		Loop: l, Index: index, shape: shape,
		emulated: make(map[wse.ID]*emulated), streams: make(map[sse.ID]*eventStream),
		relays: make(map[*relay]struct{}), began: l.Now(),
		detached: detached{shares: make(map[netip.Addr]int32)},
		rng:      rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	w.named = []byte(shape.Server)
	w.speakFor(nil)
	return w
}

// speakFor says for which route the next answers are, nil for none: a service
// may want them without the Server header.
func (w *Worker) speakFor(r *Route) {
	w.serverName, w.server = w.shape.Server, w.named
	if len(w.named) == 0 || r != nil && r.Options.NoServer {
		w.serverName, w.server = "", nil
	}
}

const dateLen = len("Mon, 02 Jan 2006 15:04:05 GMT")

// Date is the current IMF-fixdate (RFC 9110 §5.6.7), rendered once a second.
func (w *Worker) Date() []byte {
	now := w.Loop.Now()
	if u := now.Unix(); u != w.dateUnix {
		w.dateUnix = u
		now.UTC().AppendFormat(w.date[:0], "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return w.date[:]
}

// ticks is the time since the worker began in units of 10 ms, which wraps after
// 16 months. It does not follow the wall clock when that is set.
func (w *Worker) ticks() uint32 { return uint32(w.Loop.Now().Sub(w.began) / (10 * time.Millisecond)) }

func durationOf(ticks uint32) time.Duration { return time.Duration(ticks) * 10 * time.Millisecond }

func (w *Worker) add(s *WebSocket) {
	s.index = int32(len(w.sessions))
	w.sessions = append(w.sessions, s)
	s.route.Sessions.Add(1)
}

func (w *Worker) remove(s *WebSocket) {
	last := len(w.sessions) - 1
	moved := w.sessions[last]
	w.sessions[s.index] = moved
	moved.index = s.index
	w.sessions[last] = nil
	w.sessions = w.sessions[:last]
	s.route.Sessions.Add(-1)
}

// CloseSessions closes up to n sessions of the loop with code, those of route
// only when it is not nil, and reports how many are left open.
func (w *Worker) CloseSessions(route *Route, n int, code wsproto.Code, reason string) (left int) {
	for i := len(w.sessions) - 1; i >= 0; i-- {
		s := w.sessions[i]
		if route != nil && s.route != route || s.state != stateOpen {
			continue
		}
		if n == 0 {
			left++
			continue
		}
		n--
		s.Close(code, reason)
	}
	for _, s := range w.emulated {
		n, left = closeOne(s, s.route, s.state, route, n, left, code)
	}
	for _, s := range w.streams {
		n, left = closeOne(s, s.route, s.state, route, n, left, code)
	}
	for y := range w.relays {
		if route == nil || y.route == route {
			if n == 0 {
				left++
				continue
			}
			n--
			y.close()
		}
	}
	return left
}

// closeOne closes ch, of the route its, if it is to be closed and n allows.
func closeOne(ch Channel, its *Route, state state, route *Route, n, left int, code wsproto.Code) (int, int) {
	switch {
	case route != nil && its != route || state != stateOpen:
		return n, left
	case n == 0:
		return 0, left + 1
	}
	ch.Close(code, "")
	return n - 1, left
}

// Sessions is the number of sessions of the loop.
func (w *Worker) Sessions() int {
	return len(w.sessions) + len(w.emulated) + len(w.streams) + len(w.relays)
}
