package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/kzfast/kzfast/session"
)

// Bounds of a udp accept.
const (
	maxDatagram  = 65507 // bytes of payload over IPv4
	maxPeers     = 8192  // client addresses at once; others are not heard
	maxInFlight  = 64    // datagrams of one client between the socket and its loop
	datagramIdle = time.Minute
)

// datagrams is the socket of a udp accept. Each client address is a
// conversation of its own, on one loop; a datagram from it is a message, and
// what is sent to it is a datagram each. Silence of ws.inactivity.timeout, or
// a minute, ends it.
type datagrams struct {
	g     *Gateway
	route *session.Route
	conn  *net.UDPConn
	raw   syscall.RawConn
	idle  time.Duration

	mu      sync.Mutex // guards the three below; a leaf of the lock order
	peers   map[netip.AddrPort]*peer
	leaving bool // the socket is closed with the last conversation
	left    bool // it has been

	next int // loop of the next client; reading goroutine only

	dropped atomic.Int64 // datagrams not heard for want of room
}

// listenDatagrams opens the socket of a udp accept and starts to read it.
func (g *Gateway) listenDatagrams(k *socket) (*datagrams, error) {
	conn, err := openDatagrams(k.addr, k.owner.AcceptOptions.UDPInterface)
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	d := &datagrams{
		g: g, route: k.raw, conn: conn, raw: raw, idle: datagramIdle,
		peers: make(map[netip.AddrPort]*peer),
	}
	if t := k.owner.AcceptOptions.InactivityTimeout; t > 0 {
		d.idle = t
	}
	g.webs.Go(d.read)
	return d, nil
}

// openDatagrams binds addr; a group is joined on the interface of that name,
// or the system's choice.
func openDatagrams(addr netip.AddrPort, ifname string) (*net.UDPConn, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil || !addr.Addr().IsMulticast() || network == "udp6" {
		return conn, err
	}
	var ifi *net.Interface
	if ifname != "" {
		if ifi, err = net.InterfaceByName(ifname); err != nil {
			conn.Close()
			return nil, fmt.Errorf("udp.interface %s: %w", ifname, err)
		}
	}
	if err := ipv4.NewPacketConn(conn).JoinGroup(ifi, net.UDPAddrFromAddrPort(addr)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("join %s: %w", addr.Addr(), err)
	}
	return conn, nil
}

func (d *datagrams) addr() netip.AddrPort { return d.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (d *datagrams) close() { d.conn.Close() }

// read is the one goroutine of the accept.
func (d *datagrams) read() {
	buf := make([]byte, maxDatagram+1)
	for {
		n, from, err := d.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			d.g.log.Debug("datagram not read", "addr", d.addr().String(), "err", err)
			pause(d.g.ctx, 10*time.Millisecond)
			continue
		}
		p := d.peer(from)
		if p == nil || p.inFlight.Load() >= maxInFlight {
			d.dropped.Add(1)
			continue
		}
		data := append([]byte(nil), buf[:n]...)
		p.inFlight.Add(1)
		p.w.Loop.Post(func() {
			p.inFlight.Add(-1)
			p.receive(data)
		})
	}
}

// peer finds the conversation of a client address, or begins one; nil when
// there is no room or the service takes nobody.
func (d *datagrams) peer(from netip.AddrPort) *peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.peers[from]; p != nil {
		return p
	}
	if len(d.peers) >= maxPeers || d.route.Unbound.Load() || d.route.Draining.Load() {
		return nil
	}
	d.next = (d.next + 1) % len(d.g.workers)
	p := &peer{d: d, addr: from, w: d.g.workers[d.next]}
	d.peers[from] = p
	p.w.Loop.Post(p.open)
	return p
}

func (d *datagrams) forget(p *peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peers[p.addr] == p {
		delete(d.peers, p.addr)
		d.closeEmpty()
	}
}

// leave closes the socket when no conversation needs it any more. New ones are
// not begun meanwhile: the route is unbound.
func (d *datagrams) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaving = true
	d.closeEmpty()
}

// stay undoes leave; false means that it is too late.
func (d *datagrams) stay() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaving = false
	return !d.left
}

// closeEmpty is called with mu held.
func (d *datagrams) closeEmpty() {
	if d.leaving && len(d.peers) == 0 && !d.left {
		d.left = true
		d.conn.Close()
	}
}
