package broadcast

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/kzfast/kzfast/wsproto"
)

// A listener hears datagrams; each is a message and a burst of its own. When
// the hubs are behind, those are lost that do not fit the socket.
type listener struct {
	s      *Service
	addrs  func() []netip.AddrPort
	cancel context.CancelFunc
	done   sync.WaitGroup
	flow   flow
	free   chan struct{} // the hubs have caught up
}

func newListener(s *Service, addrs func() []netip.AddrPort) *listener {
	l := &listener{s: s, addrs: addrs, free: make(chan struct{}, 1)}
	l.flow.wake = func() { l.free <- struct{}{} }
	return l
}

func (l *listener) start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.done.Go(func() { l.run(ctx) })
}

func (l *listener) stop() {
	if l.cancel != nil {
		l.cancel()
		l.done.Wait()
	}
}

// run is the goroutine of the listener.
func (l *listener) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.listen(ctx); err != nil && ctx.Err() == nil {
			l.s.o.Logger.Warn("datagrams not heard", "err", err, "again", l.s.o.ReconnectDelay.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.s.o.ReconnectDelay):
		}
	}
}

// maxDatagram is the largest UDP payload over IPv4.
const maxDatagram = 65507

func (l *listener) listen(ctx context.Context) error {
	addrs := l.addrs()
	if len(addrs) == 0 {
		return net.ErrClosed
	}
	c, err := openUDP(addrs[0], l.s.o.Interface)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if !l.s.heard() {
			continue
		}
		p := new(parcel)
		p.Add(wsproto.OpBinary, buf[:n])
		l.s.publish(p, &l.flow)
		if !l.flow.full() {
			continue
		}
		select {
		case <-l.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openUDP listens on addr. A multicast group is joined on the interface of
// that name, or the system's choice.
func openUDP(addr netip.AddrPort, ifname string) (net.PacketConn, error) {
	if !addr.Addr().IsMulticast() {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	}
	var ifi *net.Interface
	if ifname != "" {
		var err error
		if ifi, err = net.InterfaceByName(ifname); err != nil {
			return nil, err
		}
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	if err := ipv4.NewPacketConn(c).JoinGroup(ifi, net.UDPAddrFromAddrPort(addr)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
