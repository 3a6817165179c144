package cluster

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// A memNet is a network of channels with delay, loss and partitions, for
// members inside a synctest bubble. All randomness comes from its seed.
type memNet struct {
	mu    sync.Mutex
	rng   *rand.Rand
	hosts map[string]*memHost
	loss  float64                    // share of packets dropped and of dials that lose a second
	delay time.Duration              // longest one-way delay
	cut   func(from, to string) bool // nil = none
	turn  chan struct{}              // closed and replaced when the topology changes
	noUDP bool                       // packets are dropped, streams work
}

func newMemNet(seed uint64) *memNet {
	return &memNet{
		rng: rand.New(rand.NewPCG(seed, 1)), hosts: make(map[string]*memHost),
		delay: 2 * time.Millisecond, turn: make(chan struct{}),
	}
}

// setCut changes who can reach whom.
func (n *memNet) setCut(cut func(from, to string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	close(n.turn)
	n.turn = make(chan struct{})
}

// split cuts the members of side from all others.
func (n *memNet) split(side ...string) {
	in := make(map[string]bool)
	for _, s := range side {
		in[s] = true
	}
	n.setCut(func(from, to string) bool { return in[from] != in[to] })
}

func (n *memNet) setLoss(share float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = share
}

func (n *memNet) heal() { n.setCut(nil) }

func (n *memNet) isCut(from, to string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut != nil && n.cut(from, to), n.turn
}

func (n *memNet) lag() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delay/4 + time.Duration(n.rng.Int64N(int64(n.delay)))
}

func (n *memNet) lost() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.loss > 0 && n.rng.Float64() < n.loss
}

func (n *memNet) setNoUDP(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noUDP = on
}

func (n *memNet) udpBlocked() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.noUDP
}

func (n *memNet) host(addr string) *memHost {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[addr]
}

// attach makes the transport of a member at addr.
func (n *memNet) attach(addr string) *memHost {
	h := &memHost{
		net: n, addr: addr, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		conns: make(map[*memConn]bool), done: make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[addr] = h
	return h
}

// A memHost is one member's transport.
type memHost struct {
	net     *memNet
	addr    string
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}

	mu    sync.Mutex
	down  bool
	conns map[*memConn]bool
}

func (h *memHost) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return net.ParseIP(ip), port, nil
}

func (h *memHost) WriteTo(b []byte, addr string) (time.Time, error) {
	now := time.Now()
	cut, _ := h.net.isCut(h.addr, addr)
	to := h.net.host(addr)
	if cut || to == nil || h.net.udpBlocked() || h.net.lost() || h.isDown() {
		return now, nil
	}
	p := &memberlist.Packet{Buf: append([]byte(nil), b...), From: memAddr(h.addr)}
	time.AfterFunc(h.net.lag(), func() {
		p.Timestamp = time.Now()
		select {
		case to.packets <- p:
		case <-to.done:
		}
	})
	return now, nil
}

func (h *memHost) isDown() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.down
}

func (h *memHost) PacketCh() <-chan *memberlist.Packet { return h.packets }
func (h *memHost) StreamCh() <-chan net.Conn           { return h.streams }

// DialTimeout knocks once a second until the address answers.
func (h *memHost) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	limit := time.Now().Add(timeout)
	for {
		there, _ := h.net.isCut(h.addr, addr)
		back, _ := h.net.isCut(addr, h.addr)
		if !there && !back {
			break
		}
		wait := min(time.Second, time.Until(limit))
		if wait <= 0 {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
		}
		select {
		case <-time.After(wait):
		case <-h.done:
			return nil, net.ErrClosed
		}
	}
	if h.net.lost() {
		time.Sleep(min(time.Second, time.Until(limit)))
	}
	time.Sleep(h.net.lag())
	to := h.net.host(addr)
	if to == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	ab, ba := newMemPipe(), newMemPipe()
	mine := &memConn{host: h, in: ba, out: ab, peer: addr}
	theirs := &memConn{host: to, in: ab, out: ba, peer: h.addr}
	if !h.keep(mine) || !to.keep(theirs) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	select {
	case to.streams <- theirs:
		return mine, nil
	case <-to.done:
		return nil, io.EOF
	}
}

func (h *memHost) keep(c *memConn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.down {
		h.conns[c] = true
	}
	return !h.down
}

// Shutdown is a process's end: what is open breaks.
func (h *memHost) Shutdown() error {
	h.mu.Lock()
	if h.down {
		h.mu.Unlock()
		return nil
	}
	h.down = true
	conns := h.conns
	h.conns = nil
	h.mu.Unlock()
	close(h.done)
	h.net.mu.Lock()
	if h.net.hosts[h.addr] == h {
		delete(h.net.hosts, h.addr)
	}
	h.net.mu.Unlock()
	for c := range conns {
		c.shut()
	}
	return nil
}

type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }

// A memPipe carries bytes one way.
type memPipe struct {
	mu     sync.Mutex
	chunks []memChunk
	last   time.Time // delivery of the last chunk: order is kept
	fin    bool
	wake   chan struct{}
}

type memChunk struct {
	at time.Time
	b  []byte
}

func newMemPipe() *memPipe { return &memPipe{wake: make(chan struct{})} }

// change does fn under the lock and wakes readers.
func (p *memPipe) change(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
	close(p.wake)
	p.wake = make(chan struct{})
}

// A memConn is one end of a stream.
type memConn struct {
	host    *memHost
	in, out *memPipe
	peer    string

	mu       sync.Mutex
	closed   bool
	deadline time.Time // for reading
}

func (c *memConn) Read(b []byte) (int, error) {
	for {
		cut, turn := c.host.net.isCut(c.peer, c.host.addr)
		c.mu.Lock()
		closed, deadline := c.closed, c.deadline
		c.mu.Unlock()
		now := time.Now()
		if closed {
			return 0, net.ErrClosed
		}
		if !deadline.IsZero() && !now.Before(deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		p := c.in
		p.mu.Lock()
		wake, wait := p.wake, time.Hour
		switch {
		case cut:
		case len(p.chunks) > 0 && !p.chunks[0].at.After(now):
			n := copy(b, p.chunks[0].b)
			if p.chunks[0].b = p.chunks[0].b[n:]; len(p.chunks[0].b) == 0 {
				p.chunks = p.chunks[1:]
			}
			p.mu.Unlock()
			return n, nil
		case len(p.chunks) > 0:
			wait = p.chunks[0].at.Sub(now)
		case p.fin:
			p.mu.Unlock()
			return 0, io.EOF
		}
		p.mu.Unlock()
		if !deadline.IsZero() {
			wait = min(wait, deadline.Sub(now))
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-wake:
		case <-turn:
		}
		t.Stop()
	}
}

func (c *memConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	c.in.mu.Lock()
	broken := c.in.fin
	c.in.mu.Unlock()
	if cut, _ := c.host.net.isCut(c.host.addr, c.peer); broken && !cut {
		return 0, syscall.EPIPE
	}
	lag := c.host.net.lag()
	c.out.change(func() {
		at := time.Now().Add(lag)
		if at.Before(c.out.last) {
			at = c.out.last
		}
		c.out.last = at
		c.out.chunks = append(c.out.chunks, memChunk{at, append([]byte(nil), b...)})
	})
	return len(b), nil
}

func (c *memConn) Close() error {
	c.host.mu.Lock()
	delete(c.host.conns, c)
	c.host.mu.Unlock()
	c.shut()
	return nil
}

func (c *memConn) shut() {
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if !was {
		c.out.change(func() { c.out.fin = true })
		c.in.change(func() {})
	}
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	c.in.change(func() {})
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
func (c *memConn) LocalAddr() net.Addr              { return memAddr(c.host.addr) }
func (c *memConn) RemoteAddr() net.Addr             { return memAddr(c.peer) }

// memName is the address of the i-th member, from 1.
func memName(i int) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 5942).String()
}
