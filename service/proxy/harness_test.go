package proxy

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A recorder is a client's Channel that records what the service does with it.
type recorder struct {
	w       *session.Worker
	out     []byte
	frames  []wsproto.Opcode // of what was sent
	over    bool
	paused  bool
	high    int
	closes  []wsproto.Code
	reason  string
	aborted bool
}

func (r *recorder) SendFrame(f *wsproto.Frame) {
	r.frames = append(r.frames, f.Op)
	r.out = append(r.out, f.Data...)
}
func (r *recorder) SendShared(*session.Shared) {}
func (r *recorder) Pending() int               { return 0 }
func (r *recorder) Over() bool                 { return r.over }
func (r *recorder) SetHighWater(n int)         { r.high = n }
func (r *recorder) Pause()                     { r.paused = true }
func (r *recorder) Resume()                    { r.paused = false }
func (r *recorder) Close(c wsproto.Code, reason string) {
	r.closes = append(r.closes, c)
	r.reason = reason
}
func (r *recorder) Abort()                     { r.aborted = true }
func (r *recorder) Worker() *session.Worker    { return r.w }
func (r *recorder) RemoteAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.9:5000") }

// A tape is the Transport of a dialled connection; the test plays the back end.
type tape struct {
	addr    netip.AddrPort
	handler session.Handler
	out     bytes.Buffer
	mark    int // bytes in out above which Over is true
	over    bool
	paused  bool
	closed  bool
	aborted bool
}

func (t *tape) Write(p []byte) {
	t.out.Write(p)
	t.over = t.over || t.mark > 0 && t.out.Len() > t.mark
}
func (t *tape) Send(p []byte)                { t.Write(p) }
func (t *tape) Pending() int                 { return 0 }
func (t *tape) Over() bool                   { return t.over }
func (t *tape) SetLimit(int)                 {}
func (t *tape) SetHighWater(n int)           { t.mark = n }
func (t *tape) Pause()                       { t.paused = true }
func (t *tape) Resume()                      { t.paused = false }
func (t *tape) Close()                       { t.closed = true }
func (t *tape) CloseWrite()                  {}
func (t *tape) CloseFast()                   { t.closed = true }
func (t *tape) Abort()                       { t.aborted = true }
func (t *tape) SetTimeout(time.Duration)     {}
func (t *tape) SetHandler(h session.Handler) { t.handler = h }
func (t *tape) LocalAddr() netip.AddrPort    { return netip.AddrPort{} }
func (t *tape) RemoteAddr() netip.AddrPort   { return t.addr }
func (t *tape) Detach() (net.Conn, error)    { return nil, net.ErrClosed }

// connect ends the connect well, refuse badly.
func (t *tape) connect() {
	if c, ok := t.handler.(interface{ Connected() }); ok {
		c.Connected()
	}
}
func (t *tape) refuse()       { t.handler.Closed(net.ErrClosed) }
func (t *tape) says(p string) { t.handler.Data([]byte(p)) }
func (t *tape) taken()        { t.over = false; t.out.Reset(); t.handler.Drained() }
func (t *tape) heard() string { return t.out.String() }

// A stillLoop is a Loop whose time the test moves.
type stillLoop struct {
	now    time.Time
	posts  []func()
	timers []*stillTimer
	dials  []*tape
}

type stillTimer struct {
	due time.Time
	fn  func() // nil when stopped or fired
}

func (l *stillLoop) Post(fn func()) bool { l.posts = append(l.posts, fn); return true }
func (l *stillLoop) Now() time.Time      { return l.now }
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

// settle runs what was posted, and what that posts.
func (l *stillLoop) settle() {
	for len(l.posts) > 0 {
		fn := l.posts[0]
		l.posts = l.posts[1:]
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
	l.settle()
}

func addrs(list ...string) func() []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range list {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return func() []netip.AddrPort { return out }
}

const backEnd = "127.0.0.1:6000"

// A rig is a service on one loop.
type rig struct {
	t *testing.T
	s *Service
	w *session.Worker
	l *stillLoop
}

// newRig makes a service of o, with one TCP back end unless o has others.
func newRig(t *testing.T, o Options) *rig {
	l := &stillLoop{now: time.Unix(1e9, 0)}
	w := session.NewWorker(l, 0, &session.Shape{})
	if o.Targets == nil {
		o.Targets = []Target{{Addrs: addrs(backEnd)}}
	}
	if o.Workers == nil {
		o.Workers = func() []*session.Worker { return []*session.Worker{w} }
	}
	return &rig{t, New(o), w, l}
}

// A client is one conversation with the service.
type client struct {
	*recorder
	recv session.Receiver
}

func (r *rig) open(protocol string) *client {
	ch := &recorder{w: r.w}
	recv := r.s.Open(ch, &session.Open{Protocol: protocol})
	if recv == nil {
		r.t.Fatal("Open refused the conversation")
	}
	return &client{ch, recv}
}

// last is the newest connection to a back end, of which there must be n; nil
// for none.
func (r *rig) last(n int) *tape {
	r.t.Helper()
	if len(r.l.dials) != n {
		r.t.Fatalf("%d connects, want %d", len(r.l.dials), n)
	}
	if n == 0 {
		return nil
	}
	return r.l.dials[n-1]
}

// joined is a client with its connected back end.
func (r *rig) joined() (*client, *tape) {
	r.t.Helper()
	c := r.open("")
	far := r.last(len(r.l.dials))
	far.connect()
	return c, far
}

func (c *client) says(op wsproto.Opcode, fin bool, data string) {
	c.recv.Frame(c.recorder, &wsproto.Frame{Op: op, Fin: fin, Len: int64(len(data)), Data: []byte(data)})
}
func (c *client) text(data string)       { c.says(wsproto.OpText, true, data) }
func (c *client) ends(code wsproto.Code) { c.recv.Closed(c.recorder, code, []byte("bye")) }
func (c *client) taken()                 { c.over = false; c.recv.Drained(c.recorder) }

// closedWith checks that the service closed the client once, with code.
func (c *client) closedWith(t *testing.T, code wsproto.Code) {
	t.Helper()
	if len(c.closes) != 1 || c.closes[0] != code {
		t.Errorf("client closed with %v, want %v once", c.closes, code)
	}
	if c.paused {
		t.Error("a client that is being closed is paused: its answer is never read")
	}
}
