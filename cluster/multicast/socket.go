package multicast

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
)

// A socket hears the group on some interfaces and speaks on each of them. One
// goroutine may receive while another sends.
type socket struct {
	raw   net.PacketConn
	conn  *ipv4.PacketConn
	group netip.AddrPort
	ifis  []net.Interface
}

// open joins the group on every interface. It succeeds when one of them could
// be joined.
//
// Multicast loopback is switched on, or members on one host would not hear
// each other, and the port is shared among them.
func open(group netip.AddrPort, ifis []net.Interface, ttl int) (*socket, error) {
	lc := net.ListenConfig{Control: reuse}
	raw, err := lc.ListenPacket(context.Background(), "udp4", group.String())
	if err != nil {
		return nil, fmt.Errorf("multicast group %s: %w", group, err)
	}
	s := &socket{raw: raw, conn: ipv4.NewPacketConn(raw), group: group}
	if err := s.setUp(ifis, ttl); err != nil {
		raw.Close()
		return nil, fmt.Errorf("multicast group %s: %w", group, err)
	}
	return s, nil
}

func (s *socket) setUp(ifis []net.Interface, ttl int) error {
	if err := s.conn.SetMulticastLoopback(true); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := s.conn.SetMulticastTTL(ttl); err != nil {
		return fmt.Errorf("ttl %d: %w", ttl, err)
	}
	var first error
	for _, ifi := range ifis {
		if err := s.conn.JoinGroup(&ifi, &net.UDPAddr{IP: s.group.Addr().AsSlice()}); err != nil {
			if first == nil {
				first = fmt.Errorf("join on %s: %w", ifi.Name, err)
			}
			continue
		}
		s.ifis = append(s.ifis, ifi)
	}
	if len(s.ifis) == 0 {
		return first
	}
	// The Go runtime binds a group port to the wildcard address, so the
	// destination tells our group's datagrams from others on the port. Where
	// the system cannot say, the magic and the signature still do.
	_ = s.conn.SetControlMessage(ipv4.FlagDst, true)
	return nil
}

// send writes b once on each interface. Errors of single interfaces are
// joined only when none worked.
func (s *socket) send(b []byte) error {
	dst := net.UDPAddrFromAddrPort(s.group)
	var last error
	sent := false
	for i := range s.ifis {
		if err := s.conn.SetMulticastInterface(&s.ifis[i]); err != nil {
			last = err
			continue
		}
		if _, err := s.conn.WriteTo(b, nil, dst); err != nil {
			last = err
			continue
		}
		sent = true
	}
	if sent {
		return nil
	}
	return last
}

// receive waits for one datagram to the group and gives its length in b; a
// datagram longer than b is cut.
func (s *socket) receive(b []byte) (n int, from net.Addr, err error) {
	for {
		n, cm, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return 0, nil, err
		}
		if cm != nil && cm.Dst != nil && !cm.Dst.Equal(s.group.Addr().AsSlice()) {
			continue
		}
		return n, from, nil
	}
}

func (s *socket) close() { s.raw.Close() }
