package broadcast

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A recorder is a subscriber's Channel that records what it is sent.
type recorder struct {
	w       *session.Worker
	bursts  []*session.Shared
	pending int
	over    bool
	paused  bool
	aborts  int
	onSend  func()
	onAbort func()
	forget  bool // bursts are not recorded
}

func (r *recorder) SendFrame(*wsproto.Frame) {}
func (r *recorder) SendShared(m *session.Shared) {
	if !r.forget {
		r.bursts = append(r.bursts, m)
	}
	if r.onSend != nil {
		r.onSend()
	}
}
func (r *recorder) Pending() int               { return r.pending }
func (r *recorder) Over() bool                 { return r.over }
func (r *recorder) SetHighWater(int)           {}
func (r *recorder) Pause()                     { r.paused = true }
func (r *recorder) Resume()                    { r.paused = false }
func (r *recorder) Close(wsproto.Code, string) {}
func (r *recorder) Abort() {
	r.aborts++
	if r.onAbort != nil {
		r.onAbort()
	}
}
func (r *recorder) Worker() *session.Worker    { return r.w }
func (r *recorder) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.9:5000") }

// heard are the messages of r's bursts: those of one burst joined by commas,
// the bursts by blanks.
func (r *recorder) heard() string {
	var bursts []string
	for _, m := range r.bursts {
		var list []string
		for _, msg := range m.Messages {
			list = append(list, string(msg.Payload))
		}
		bursts = append(bursts, strings.Join(list, ","))
	}
	return strings.Join(bursts, " ")
}

// A tape is the Transport of a dialled connection; the test plays the back end.
type tape struct {
	addr    netip.AddrPort
	handler session.Handler
	out     bytes.Buffer
	paused  bool
	closed  bool
}

func (t *tape) Write(p []byte)               { t.out.Write(p) }
func (t *tape) Send(p []byte)                { t.out.Write(p) }
func (t *tape) Pending() int                 { return 0 }
func (t *tape) Over() bool                   { return false }
func (t *tape) SetLimit(int)                 {}
func (t *tape) SetHighWater(int)             {}
func (t *tape) Pause()                       { t.paused = true }
func (t *tape) Resume()                      { t.paused = false }
func (t *tape) Close()                       { t.closed = true }
func (t *tape) CloseWrite()                  {}
func (t *tape) CloseFast()                   { t.closed = true }
func (t *tape) Abort()                       { t.closed = true }
func (t *tape) SetTimeout(time.Duration)     {}
func (t *tape) SetHandler(h session.Handler) { t.handler = h }
func (t *tape) LocalAddr() netip.AddrPort    { return netip.AddrPort{} }
func (t *tape) RemoteAddr() netip.AddrPort   { return t.addr }
func (t *tape) Detach() (net.Conn, error)    { return nil, net.ErrClosed }

// connect ends the connect well, refuse badly, lose breaks it later.
func (t *tape) connect() {
	if c, ok := t.handler.(interface{ Connected() }); ok {
		c.Connected()
	}
}
func (t *tape) refuse()       { t.handler.Closed(net.ErrClosed) }
func (t *tape) lose()         { t.handler.EOF(); t.handler.Closed(nil) }
func (t *tape) says(p string) { t.handler.Data([]byte(p)) }

// A stillLoop is a Loop whose time the test moves. posted, when set, receives
// what is posted instead.
type stillLoop struct {
	now    time.Time
	posts  []func()
	posted chan func()
	timers []*stillTimer
	dials  []*tape
	ended  bool // nothing can be posted
}

type stillTimer struct {
	due time.Time
	fn  func() // nil when stopped or fired
}

func (l *stillLoop) Post(fn func()) bool {
	if l.ended {
		return false
	}
	if l.posted != nil {
		l.posted <- fn
	} else {
		l.posts = append(l.posts, fn)
	}
	return true
}
func (l *stillLoop) Now() time.Time { return l.now }
func (l *stillLoop) After(d time.Duration, fn func()) func() {
	t := &stillTimer{l.now.Add(d), fn}
	l.timers = append(l.timers, t)
	return func() { t.fn = nil }
}
func (l *stillLoop) Dial(addr netip.AddrPort, _ time.Duration, open func(session.Transport) session.Handler) {
	t := &tape{addr: addr}
	l.dials = append(l.dials, t)
	t.handler = open(t)
}

// turn runs what has been posted, but not what that posts.
func (l *stillLoop) turn() {
	posts := l.posts
	l.posts = nil
	for _, fn := range posts {
		fn()
	}
}

// advance moves the time and fires timers.
func (l *stillLoop) advance(d time.Duration) {
	l.now = l.now.Add(d)
	for _, t := range l.timers {
		if fn := t.fn; fn != nil && !t.due.After(l.now) {
			t.fn = nil
			fn()
		}
	}
}

func addrs(list ...string) func() []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range list {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return func() []netip.AddrPort { return out }
}

// A rig is a service on still loops.
type rig struct {
	t       *testing.T
	s       *Service
	loops   []*stillLoop
	workers []*session.Worker
}

// newRig makes a service of o on so many loops, with one TCP back end unless
// o has others.
func newRig(t *testing.T, loops int, o Options) *rig {
	r := &rig{t: t}
	for i := range loops {
		l := &stillLoop{now: time.Unix(1e9, 0)}
		r.loops = append(r.loops, l)
		r.workers = append(r.workers, session.NewWorker(l, i, &session.Shape{}))
	}
	o.Workers = func() []*session.Worker { return r.workers }
	if o.BackEnds == nil {
		o.BackEnds = []BackEnd{{Addrs: addrs("127.0.0.1:6000")}}
	}
	r.s = New(o)
	return r
}

// settle runs turns of all loops until nothing is posted.
func (r *rig) settle() {
	for more := true; more; {
		more = false
		for _, l := range r.loops {
			more = more || len(l.posts) > 0
			l.turn()
		}
	}
}

// start starts the service and connects its back end.
func (r *rig) start() *tape {
	r.t.Helper()
	r.s.Start()
	r.settle()
	b := r.last(1)
	b.connect()
	return b
}

// last is the newest connection to a back end, of which there must be n.
func (r *rig) last(n int) *tape {
	r.t.Helper()
	if got := len(r.loops[0].dials); got != n {
		r.t.Fatalf("%d connects, want %d", got, n)
	}
	return r.loops[0].dials[n-1]
}

// A client is one subscriber.
type client struct {
	*recorder
	recv session.Receiver
}

func (r *rig) open(loop int) *client {
	ch := &recorder{w: r.workers[loop]}
	return &client{ch, r.s.Open(ch, &session.Open{})}
}

func (c *client) ends() { c.recv.Closed(c.recorder, wsproto.CodeAbnormal, nil) }
func (c *client) says(op wsproto.Opcode, fin bool, data string) {
	c.recv.Frame(c.recorder, &wsproto.Frame{Op: op, Fin: fin, Len: int64(len(data)), Data: []byte(data)})
}

// hears checks all that c has heard.
func (c *client) hears(t *testing.T, name, want string) {
	t.Helper()
	if got := c.heard(); got != want {
		t.Errorf("%s heard %q, want %q", name, got, want)
	}
}

// burst is a burst of one message.
func burst(payload string) *session.Shared {
	m := new(session.Shared)
	m.Add(wsproto.OpBinary, []byte(payload))
	return m
}
