package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	udpReadBuffer = 2 << 20 // bytes asked of the kernel
	maxPacket     = 64 << 10
)

// sockets is the real transport: a TCP listener and a UDP socket on each
// accept address, all with one port.
type sockets struct {
	log     *slog.Logger
	port    uint16
	source  net.Addr // dialled connections come from the accept address, nil = any
	tcp     []*net.TCPListener
	udp     []*net.UDPConn
	packets chan *memberlist.Packet
	streams chan net.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// listen binds every address. Port 0 takes a free one.
func listen(addrs []netip.Addr, port uint16, log *slog.Logger) (*sockets, error) {
	// A free TCP port may be taken for UDP: try some.
	tries := 1
	if port == 0 {
		tries = 10
	}
	var err error
	for range tries {
		var s *sockets
		if s, err = bind(addrs, port, log); err == nil {
			for i := range s.tcp {
				s.wg.Add(2)
				go s.accept(s.tcp[i])
				go s.receive(s.udp[i])
			}
			return s, nil
		}
	}
	return nil, err
}

func bind(addrs []netip.Addr, port uint16, log *slog.Logger) (*sockets, error) {
	s := &sockets{log: log, port: port, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, a := range addrs {
		at := netip.AddrPortFrom(a, s.port)
		ln, err := net.ListenTCP(network("tcp", a), net.TCPAddrFromAddrPort(at))
		if err != nil {
			s.close()
			return nil, bindError(at, err)
		}
		s.tcp = append(s.tcp, ln)
		if s.port == 0 {
			s.port = ln.Addr().(*net.TCPAddr).AddrPort().Port()
			at = netip.AddrPortFrom(a, s.port)
		}
		uc, err := net.ListenUDP(network("udp", a), net.UDPAddrFromAddrPort(at))
		if err != nil {
			s.close()
			return nil, bindError(at, err)
		}
		s.udp = append(s.udp, uc)
		for n := udpReadBuffer; n > 0 && uc.SetReadBuffer(n) != nil; n /= 2 {
		}
	}
	if !addrs[0].IsUnspecified() {
		s.source = &net.TCPAddr{IP: addrs[0].AsSlice()}
	}
	return s, nil
}

// network keeps an IPv4 wildcard from becoming a dual-stack one.
func network(proto string, a netip.Addr) string {
	if a.Is4() {
		return proto + "4"
	}
	return proto
}

func (s *sockets) close() {
	s.cancel()
	for _, ln := range s.tcp {
		ln.Close()
	}
	for _, uc := range s.udp {
		uc.Close()
	}
}

// accept hands on connections. Errors such as a full file table back off; the
// listener lives.
func (s *sockets) accept(ln *net.TCPListener) {
	defer s.wg.Done()
	pause := time.Duration(0)
	for {
		c, err := ln.AcceptTCP()
		if err == nil {
			pause = 0
			select {
			case s.streams <- c:
			case <-s.ctx.Done():
				c.Close()
				return
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil {
			return
		}
		if pause == 0 {
			s.log.Warn("cluster accept failed", "addr", ln.Addr().String(), "err", err)
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *sockets) receive(uc *net.UDPConn) {
	defer s.wg.Done()
	buf := make([]byte, maxPacket)
	for {
		n, from, err := uc.ReadFromUDP(buf)
		at := time.Now()
		if errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil {
			return
		}
		if err != nil || n == 0 {
			// A refused datagram comes back as an error of the next read.
			continue
		}
		p := &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: from, Timestamp: at}
		select {
		case s.packets <- p:
		case <-s.ctx.Done():
			return
		}
	}
}

// FinalAdvertiseAddr is decided by the cluster, see mux.
func (s *sockets) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return net.ParseIP(ip), port, nil
}

// WriteTo sends one packet.
func (s *sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = s.udp[0].WriteToUDPAddrPort(b, to)
	return time.Now(), err
}

// DialTimeout opens a stream; Shutdown interrupts it.
func (s *sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, LocalAddr: s.source}
	return d.DialContext(s.ctx, "tcp", addr)
}

// PacketCh gives received packets.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// StreamCh gives accepted streams.
func (s *sockets) StreamCh() <-chan net.Conn { return s.streams }

// Shutdown closes every socket and waits for their goroutines.
func (s *sockets) Shutdown() error {
	s.close()
	s.wg.Wait()
	return nil
}
