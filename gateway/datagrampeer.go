package gateway

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kzfast/kzfast/session"
)

// maxHeldDatagrams bounds in bytes what a client sends while its service is
// not ready for it; what is more is lost, as datagrams are.
const maxHeldDatagrams = 64 << 10

// A peer is one client address of a udp accept as a [session.Transport]. What
// does not fit the socket at once is lost, so nothing is ever pending. It
// belongs to its loop.
type peer struct {
	d    *datagrams
	addr netip.AddrPort
	w    *session.Worker

	handler session.Handler
	last    time.Time // of the last datagram in either direction
	held    [][]byte  // received while paused
	size    int       // their bytes
	paused  bool
	ended   bool

	inFlight atomic.Int32 // datagrams posted to the loop
}

func (p *peer) open() {
	p.last = p.w.Loop.Now()
	p.handler = p.w.OpenStream(p, p.d.route)
	p.w.Loop.After(p.d.idle, p.expire)
}

// expire ends the conversation when it has been silent for long enough.
func (p *peer) expire() {
	if p.ended {
		return
	}
	if left := p.d.idle - p.w.Loop.Now().Sub(p.last); left > 0 {
		p.w.Loop.After(left, p.expire)
		return
	}
	p.Close()
}

func (p *peer) receive(data []byte) {
	if p.ended {
		return
	}
	p.last = p.w.Loop.Now()
	switch {
	case !p.paused:
		p.handler.Data(data)
	case p.size+len(data) <= maxHeldDatagrams:
		p.held = append(p.held, data)
		p.size += len(data)
	default:
		p.d.dropped.Add(1)
	}
}

// Write implements [session.Transport].
func (p *peer) Write(b []byte) { p.Send(b) }

// Send implements [session.Transport]: one datagram, or more when b does not
// fit one.
func (p *peer) Send(b []byte) {
	if p.ended {
		return
	}
	p.last = p.w.Loop.Now()
	for len(b) > 0 {
		n := min(len(b), maxDatagram)
		_ = p.d.raw.Write(func(fd uintptr) bool {
			_ = unix.Sendto(int(fd), b[:n], unix.MSG_DONTWAIT, sockaddr(p.addr))
			return true
		})
		b = b[n:]
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if ip := a.Addr(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if ifi, err := net.InterfaceByName(a.Addr().Zone()); a.Addr().Zone() != "" && err == nil {
		sa.ZoneId = uint32(ifi.Index)
	}
	return sa
}

// Pause implements [session.Transport].
func (p *peer) Pause() { p.paused = true }

// Resume implements [session.Transport].
func (p *peer) Resume() {
	p.paused = false
	if len(p.held) > 0 {
		p.w.Loop.Post(p.deliver)
	}
}

func (p *peer) deliver() {
	for len(p.held) > 0 && !p.paused && !p.ended {
		data := p.held[0]
		p.held = p.held[1:]
		p.size -= len(data)
		p.handler.Data(data)
	}
}

// Close implements [session.Transport].
func (p *peer) Close() {
	if p.ended {
		return
	}
	p.ended, p.held = true, nil
	p.d.forget(p)
	p.w.Loop.Post(func() { p.handler.Closed(nil) })
}

// CloseFast, CloseWrite and Abort implement [session.Transport].
func (p *peer) CloseFast()  { p.Close() }
func (p *peer) CloseWrite() {}
func (p *peer) Abort()      { p.Close() }

// Pending and Over implement [session.Transport]: nothing is queued.
func (p *peer) Pending() int { return 0 }
func (p *peer) Over() bool   { return false }

// SetHighWater, SetLimit and SetTimeout implement [session.Transport]; there
// is no queue, and streams arm no timer.
func (p *peer) SetHighWater(int)         {}
func (p *peer) SetLimit(int)             {}
func (p *peer) SetTimeout(time.Duration) {}

// SetHandler implements [session.Transport].
func (p *peer) SetHandler(h session.Handler) { p.handler = h }

// LocalAddr and RemoteAddr implement [session.Transport].
func (p *peer) LocalAddr() netip.AddrPort  { return p.d.addr() }
func (p *peer) RemoteAddr() netip.AddrPort { return p.addr }

var errNoStream = errors.New("datagrams cannot be detached")

// Detach implements [session.Transport].
func (p *peer) Detach() (net.Conn, error) { return nil, errNoStream }

var _ session.Transport = (*peer)(nil)
