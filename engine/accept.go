//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// acceptBatch bounds the accepts of one turn, refuseBatch the refusals.
	acceptBatch = 64
	refuseBatch = 64

	backoffMin = 10 * time.Millisecond
	backoffMax = time.Second
	// calmAfter is how long accepting must go well for an episode to be over.
	calmAfter = 5 * time.Second
)

// An acceptor is one loop's listening socket.
type acceptor struct {
	loop     *Loop
	listener *Listener
	fd       int
	accept   func(fd int) (int, syscall.Errno)
	backoff  time.Duration // 0 while all is well
	off      bool          // not watched until the back-off is over
	fresh    []*Conn       // accepted in this turn
}

// ready takes a batch of waiting connections.
func (a *acceptor) ready() {
	if a.off || a.fd < 0 {
		return
	}
	a.fresh = a.fresh[:0]
	errno := a.takeBatch()
	a.readFresh()
	switch errno {
	case syscall.EAGAIN:
	case 0:
		a.loop.Post(a.ready)
	default:
		a.starve(errno)
	}
}

// takeBatch accepts until nobody waits (EAGAIN), the batch is full (0), or accept
// fails for a reason that will not go away by accepting more.
func (a *acceptor) takeBatch() syscall.Errno {
	r := &a.loop.engine.reserve
	r.RLock()
	defer r.RUnlock()
	for range acceptBatch {
		fd, errno := a.accept(a.fd)
		if errno == 0 {
			a.backoff = 0
			a.admit(fd)
			continue
		}
		switch errno {
		case syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
			syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EOPNOTSUPP:
			return errno
		default:
			// An error of the connection that was to be accepted, not of the listener.
		}
	}
	return 0
}

// admit makes a conn of an accepted fd, or refuses it.
func (a *acceptor) admit(fd int) {
	l := a.loop
	if l.engine.held() >= int64(l.engine.opts.MaxConns) {
		a.refuse(fd)
		a.listener.episode.begin(l, "connection limit reached", nil)
		return
	}
	l.count.accepted++
	c := l.newConn(fd)
	l.admit(c, a.listener.opts.Open)
	a.fresh = append(a.fresh, c)
}

// readFresh reads once from what was just accepted. A request has often come by
// then, and a client that is answered and closed at once, as by a redirect, is never
// registered with the poller: two calls fewer in a storm.
func (a *acceptor) readFresh() {
	for i, c := range a.fresh {
		a.fresh[i] = nil
		if c.flags&flagDead == 0 {
			a.loop.readOnce(c)
		}
	}
}

// starve stops accepting for a while that doubles each time. If fds are what is
// short, those who wait are turned away with the help of the reserve. Timers have ticks of
// 100 ms, so the shortest back-offs end at the next tick.
func (a *acceptor) starve(errno syscall.Errno) {
	l := a.loop
	l.count.acceptErrors++
	a.listener.episode.begin(l, "accepting is suspended", errno)
	if errno == syscall.EMFILE || errno == syscall.ENFILE {
		if a.refuseWaiting() {
			l.Post(a.ready)
			return
		}
	}
	a.backoff = min(max(2*a.backoff, backoffMin), backoffMax)
	a.off = true
	l.unwatchListener(a.fd)
	l.afterTicks(max(uint32(a.backoff/tick), 1), a.resume)
}

func (a *acceptor) resume() {
	if a.fd < 0 {
		return
	}
	a.off = false
	if err := a.loop.watchListener(a.fd); err != nil {
		a.off = true
		a.loop.afterTicks(uint32(backoffMax/tick), a.resume)
		return
	}
	a.ready()
}

// refuseWaiting gives up the reserve fd to accept and turn away a batch of
// waiting clients; true means that there may be more of them.
func (a *acceptor) refuseWaiting() bool {
	r := &a.loop.engine.reserve
	r.Lock()
	defer r.Unlock()
	r.release()
	defer r.take()
	for range refuseBatch {
		fd, errno := a.accept(a.fd)
		if errno == syscall.ECONNABORTED {
			continue
		}
		if errno != 0 {
			return false
		}
		a.refuse(fd)
	}
	return true
}

// refuse answers fd with the listener's refusal and closes it. What the client
// has already sent is read first, so that the answer is not lost to a reset.
func (a *acceptor) refuse(fd int) {
	l := a.loop
	l.count.refused++
	if p := a.listener.opts.Refusal; len(p) > 0 {
		sysSend(fd, p)
	}
	sysShutdown(fd)
	sysRecv(fd, l.buf)
	sysClose(fd)
}

// close takes a off its loop.
func (a *acceptor) close() {
	if a.fd < 0 {
		return
	}
	if !a.off {
		a.loop.unwatchListener(a.fd)
	}
	delete(a.loop.acceptors, a.fd)
	sysClose(a.fd)
	a.fd = -1
}

// A reserve is an fd held back for the time when there are none left: giving it up
// lets one client after the other be accepted and told so. Accepting holds the lock
// for reading, so that no loop takes for a conn what another has given up.
type reserve struct {
	sync.RWMutex
	fd int // -1 when it was lost to another part of the process
}

func (r *reserve) take() {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fd = -1
	}
	r.fd = fd
}

func (r *reserve) release() {
	if r.fd >= 0 {
		sysClose(r.fd)
		r.fd = -1
	}
}

// An episode is a time in which a listener turns clients away. It is logged when
// it begins and when it is over, however many errors it has.
type episode struct {
	open atomic.Bool
	last atomic.Uint32 // tick of the latest trouble
}

func (p *episode) begin(l *Loop, what string, err error) {
	p.last.Store(l.engine.now())
	if p.open.Swap(true) {
		return
	}
	about := []any{"component", "engine", "connections", l.engine.held(), "limit", l.engine.opts.MaxConns}
	if err != nil {
		about = append(about, "err", err)
	}
	l.engine.opts.Logger.Warn(what, about...)
	l.After(calmAfter, func() { p.watch(l) })
}

func (p *episode) watch(l *Loop) {
	if time.Duration(l.engine.now()-p.last.Load())*tick < calmAfter {
		l.After(calmAfter, func() { p.watch(l) })
		return
	}
	p.open.Store(false)
	l.engine.opts.Logger.Info("accepting again", "component", "engine", "connections", l.engine.held())
}
