package cluster

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	linkByte = 0x4B // first byte of a member link; memberlist uses 0 to 13 and 244

	maxStreams     = 512     // accepted and not yet closed or authenticated
	maxStreamsFrom = 64      // of them from one address
	maxStreamBytes = 8 << 20 // one memberlist stream may send, bytes
	peekTimeout    = 2 * time.Second
)

var errShutdown = errors.New("cluster is shut down")

// A mux shares the cluster port between memberlist and member links by the
// first byte of each stream, and bounds what strangers can hold open.
type mux struct {
	inner     memberlist.Transport
	advertise netip.AddrPort
	link      func(*stream) // takes over an incoming link, runs on a goroutine of its own
	streams   chan net.Conn

	mu     sync.Mutex
	closed bool
	open   map[*stream]struct{}
	guests map[string]int // unauthenticated streams per address
	total  int            // their sum

	done chan struct{}
	wg   sync.WaitGroup
}

func newMux(inner memberlist.Transport, advertise netip.AddrPort, link func(*stream)) *mux {
	m := &mux{
		inner: inner, advertise: advertise, link: link,
		streams: make(chan net.Conn), done: make(chan struct{}),
		open: make(map[*stream]struct{}), guests: make(map[string]int),
	}
	m.wg.Add(1)
	go m.run()
	return m
}

func (m *mux) run() {
	defer m.wg.Done()
	for {
		select {
		case <-m.done:
			return
		case c := <-m.inner.StreamCh():
			if s := m.admit(c); s != nil {
				go m.sort(s)
			}
		}
	}
}

// admit registers an incoming stream, or closes it when there are too many. A
// registered stream's goroutine is counted in wg.
func (m *mux) admit(c net.Conn) *stream {
	from := host(c.RemoteAddr())
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.total >= maxStreams || m.guests[from] >= maxStreamsFrom {
		c.Close()
		return nil
	}
	s := &stream{Conn: c, mux: m, guest: from, left: maxStreamBytes}
	m.guests[from]++
	m.total++
	m.open[s] = struct{}{}
	m.wg.Add(1)
	return s
}

func host(a net.Addr) string {
	if a == nil {
		return ""
	}
	if h, _, err := net.SplitHostPort(a.String()); err == nil {
		return h
	}
	return a.String()
}

// sort reads the first byte of s and hands it to whom it is for.
func (m *mux) sort(s *stream) {
	defer m.wg.Done()
	var first [1]byte
	s.SetReadDeadline(time.Now().Add(peekTimeout))
	if _, err := io.ReadFull(s.Conn, first[:]); err != nil {
		s.Close()
		return
	}
	s.SetReadDeadline(time.Time{})
	if first[0] == linkByte {
		m.link(s)
		return
	}
	s.peeked, s.first = true, first[0]
	select {
	case m.streams <- s:
	case <-m.done:
		s.Close()
	}
}

// dial opens a stream that Shutdown will close.
func (m *mux) dial(addr string, timeout time.Duration) (*stream, error) {
	c, err := m.inner.DialTimeout(addr, timeout)
	if err != nil {
		return nil, err
	}
	s := &stream{Conn: c, mux: m, left: maxStreamBytes}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.Close()
		return nil, errShutdown
	}
	m.open[s] = struct{}{}
	return s, nil
}

// A stream is one connection on the cluster port.
type stream struct {
	net.Conn
	mux    *mux
	guest  string // address it counts against, "" = none
	peeked bool   // first is still to be read
	first  byte
	left   int64 // bytes memberlist may still read, negative = any number
}

// Read gives the peeked byte first. Too long a stream ends like a cut one.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.peeked {
		p[0], s.peeked = s.first, false
		return 1, nil
	}
	if s.left < 0 {
		return s.Conn.Read(p)
	}
	if s.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.Conn.Read(p)
	s.left -= int64(n)
	return n, err
}

// trust takes s out of the bounds for strangers: it has proved to be a member.
func (s *stream) trust() {
	s.left = -1
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	s.mux.release(s)
}

// Close closes the connection; more than once is allowed.
func (s *stream) Close() error {
	s.mux.mu.Lock()
	delete(s.mux.open, s)
	s.mux.release(s)
	s.mux.mu.Unlock()
	return s.Conn.Close()
}

// release gives back a stranger's place. The caller holds mu.
func (m *mux) release(s *stream) {
	if s.guest == "" {
		return
	}
	m.total--
	if m.guests[s.guest]--; m.guests[s.guest] == 0 {
		delete(m.guests, s.guest)
	}
	s.guest = ""
}

// FinalAdvertiseAddr is the address the cluster was started with.
func (m *mux) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return m.advertise.Addr().AsSlice(), int(m.advertise.Port()), nil
}

// WriteTo sends a packet.
func (m *mux) WriteTo(b []byte, addr string) (time.Time, error) { return m.inner.WriteTo(b, addr) }

// WriteToAddress sends a packet; names are addresses here.
func (m *mux) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return m.inner.WriteTo(b, a.Addr)
}

// PacketCh gives received packets.
func (m *mux) PacketCh() <-chan *memberlist.Packet { return m.inner.PacketCh() }

// StreamCh gives memberlist's share of the incoming streams.
func (m *mux) StreamCh() <-chan net.Conn { return m.streams }

// DialTimeout opens a stream. It must be done within another timeout, since
// memberlist sets no deadline on the user messages it sends.
func (m *mux) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	s, err := m.dial(addr, timeout)
	if err != nil {
		return nil, err
	}
	s.SetDeadline(time.Now().Add(timeout))
	return s, nil
}

// DialAddressTimeout is DialTimeout; names are addresses here.
func (m *mux) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return m.DialTimeout(a.Addr, timeout)
}

// Shutdown closes every listener and stream and waits for what serves them.
func (m *mux) Shutdown() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	var open []*stream
	for s := range m.open {
		open = append(open, s)
	}
	m.mu.Unlock()
	close(m.done)
	err := m.inner.Shutdown()
	for _, s := range open {
		s.Close()
	}
	m.wg.Wait()
	return err
}
