//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// transport is what a session needs of either kind of conn.
type transport interface {
	Write([]byte)
	Send([]byte)
	Pending() int
	Over() bool
	SetHighWater(int)
	SetLimit(int)
	Pause()
	Resume()
	Close()
	CloseFast()
	CloseWrite()
	Abort()
	SetTimeout(time.Duration)
	SetHandler(Handler)
	Loop() *Loop
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort
	Control(func(int) error) error
	Detach() (net.Conn, error)
	Move(*Loop, []byte)
}

var (
	_ transport = (*Conn)(nil)
	_ transport = (*TLS)(nil)
	_ Handler   = (*TLS)(nil)
	_ Moved     = (*TLS)(nil)
	_ net.Conn  = (*memConn)(nil)
)

type tlsFuncs struct {
	funcs
	c      *TLS
	data   func(c *TLS, p []byte)
	eof    func(c *TLS)
	closed func(err error)
}

func (f *tlsFuncs) Data(p []byte) { f.data(f.c, p) }
func (f *tlsFuncs) EOF() {
	if f.eof != nil {
		f.eof(f.c)
		return
	}
	f.c.Close()
}
func (f *tlsFuncs) Closed(err error) {
	if f.closed != nil {
		f.closed(err)
	}
}

var selfSignedOnce = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(der)
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	return selfSignedOnce()
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func tlsEcho(c *TLS) Handler {
	return &tlsFuncs{c: c, data: func(c *TLS, p []byte) { c.Write(p) }}
}

// cutter is a client's net.Conn that sends in pieces: the first write after arm is
// cut at byte cut, and the rest follows only when the loop has taken the first piece.
type cutter struct {
	net.Conn
	t   *testing.T
	e   *Engine
	cut int
	one bool // byte by byte, always
}

func (c *cutter) Write(p []byte) (int, error) {
	pieces := [][]byte{p}
	switch {
	case c.one:
		pieces = nil
		for i := range p {
			pieces = append(pieces, p[i:i+1])
		}
	case c.cut > 0 && c.cut < len(p):
		pieces = [][]byte{p[:c.cut], p[c.cut:]}
	}
	for _, q := range pieces {
		want := c.e.Stats().BytesIn + int64(len(q))
		if _, err := c.Conn.Write(q); err != nil {
			return 0, err
		}
		if len(pieces) > 1 {
			eventually(c.t, "piece read", func() bool { return c.e.Stats().BytesIn >= want })
		}
	}
	return len(p), nil
}

// Echo through TLS with the ciphertext cut at every byte boundary.
func TestTLSEchoEverySplit(t *testing.T) {
	cert, pool := selfSigned(t)
	for name, v := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: v, MaxVersion: v}, HandshakeOptions{})
			ln := listen(t, e, h.Open(tlsEcho))
			wire := &cutter{Conn: dial(t, ln.Addr()), t: t, e: e}
			client := tls.Client(wire, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			roundTrip(t, client, []byte("shake hands"))
			for cut := 1; cut < 60; cut++ {
				wire.cut = cut
				roundTrip(t, client, fmt.Appendf(nil, "cut at byte %d", cut))
			}
			wire.cut = 0
			big := pattern(300_000)
			go client.Write(big)
			wantRead(t, client, big)
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			if s := e.Stats(); s.Handshakes != 1 || s.HandshakeErrs != 0 || s.Panics != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestTLSHandshakeByteByByte(t *testing.T) {
	cert, pool := selfSigned(t)
	for name, v := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: v, MaxVersion: v}, HandshakeOptions{Timeout: patience})
			ln := listen(t, e, h.Open(tlsEcho))
			wire := &cutter{Conn: dial(t, ln.Addr()), t: t, e: e, one: true}
			client := tls.Client(wire, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			roundTrip(t, client, []byte("x"))
		})
	}
}

// TestTLSResumes pins the behaviour of crypto/tls that the whole design rests on: a Read
// that ends in a temporary net.Error loses nothing, at any byte boundary.
func TestTLSResumes(t *testing.T) {
	cert, pool := selfSigned(t)
	for name, v := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			client := tls.Client(a, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			mem := &memConn{}
			split := &handshakeThenMem{Conn: b, mem: mem}
			server := tls.Server(split, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: v, MaxVersion: v, SessionTicketsDisabled: true})
			done := make(chan error, 1)
			go func() { done <- server.Handshake() }()
			if err := client.Handshake(); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, "handshake", done); err != nil {
				t.Fatal(err)
			}
			split.onMem = true
			var cipher bytes.Buffer
			record := func(p []byte) []byte {
				cipher.Reset()
				go func() { client.Write(p); a.Close() }()
				io.Copy(&cipher, b)
				return cipher.Bytes()
			}
			var msg []byte
			for i := range 40 {
				msg = fmt.Appendf(msg, "message %d;", i)
			}
			wire := record(msg)
			buf := make([]byte, 1<<10)
			if n, err := server.Read(buf); n > 0 || !errors.As(err, new(wouldBlock)) {
				t.Fatalf("empty: %d, %v", n, err)
			}
			var got []byte
			for i := range wire {
				mem.in = wire[i : i+1]
				n, err := server.Read(buf)
				got = append(got, buf[:n]...)
				if err != nil && !errors.As(err, new(wouldBlock)) {
					t.Fatalf("byte %d of %d: %v", i, len(wire), err)
				}
			}
			if !bytes.Equal(got, msg) {
				t.Errorf("got %d bytes, want %d", len(got), len(msg))
			}
		})
	}
}

// handshakeThenMem is a network for the handshake and a memConn afterwards.
type handshakeThenMem struct {
	net.Conn
	mem   *memConn
	onMem bool
}

func (c *handshakeThenMem) Read(p []byte) (int, error) {
	if c.onMem {
		return c.mem.Read(p)
	}
	return c.Conn.Read(p)
}

// Few places for many handshakes: all get their turn; those that never speak end
// at the deadline and block nobody else's loop.
func TestTLSHandshakesAreBounded(t *testing.T) {
	cert, pool := selfSigned(t)
	e := start(t, Options{Loops: 1})
	h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}}, HandshakeOptions{Max: 2, Timeout: 300 * time.Millisecond})
	ln := listen(t, e, h.Open(tlsEcho))
	plain := dial(t, listen(t, e, echoSend.on).Addr())
	const silent = 6
	var quiet []*net.TCPConn
	for range silent {
		quiet = append(quiet, dial(t, ln.Addr()))
	}
	eventually(t, "silent conns accepted", func() bool { return e.Stats().Accepted == silent+1 })
	h.mu.Lock()
	if h.running > 2 {
		t.Errorf("%d handshakes under way, want at most 2", h.running)
	}
	h.mu.Unlock()
	roundTrip(t, plain, []byte("plain goes on"))
	for _, nc := range quiet {
		_, _ = io.ReadAll(nc)
	}
	eventually(t, "a handshake after the silent ones", func() bool {
		client := tls.Client(dial(t, ln.Addr()), &tls.Config{RootCAs: pool, ServerName: "localhost"})
		return client.Handshake() == nil
	})
	if s := e.Stats(); s.HandshakeErrs < silent {
		t.Errorf("stats %+v", s)
	}
}

// Pause keeps what has come in encrypted; Resume delivers it; back-pressure works through TLS.
func TestTLSBackPressure(t *testing.T) {
	cert, pool := selfSigned(t)
	e := start(t, Options{Loops: 1, HighWater: 64 << 10})
	h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}}, HandshakeOptions{})
	pauses := 0
	ln := listen(t, e, func(c *Conn) Handler {
		smallBuffers(c)
		return h.Open(func(c *TLS) Handler {
			return &tlsRelay{c: c, pauses: &pauses}
		})(c)
	})
	client := tls.Client(dial(t, ln.Addr()), &tls.Config{RootCAs: pool, ServerName: "localhost"})
	msg := pattern(8 << 20)
	sent := make(chan error, 1)
	go func() { _, err := client.Write(msg); sent <- err }()
	eventually(t, "a pause", func() bool {
		n := 0
		onLoop(t, e.Loop(0), func() { n = pauses })
		return n > 0
	})
	wantRead(t, client, msg)
	if err := receive(t, "writer", sent); err != nil {
		t.Error(err)
	}
}

type tlsRelay struct {
	funcs
	c      *TLS
	pauses *int
}

func (r *tlsRelay) Data(p []byte) {
	r.c.Write(p)
	if r.c.Over() {
		*r.pauses++
		r.c.Pause()
	}
}
func (r *tlsRelay) Drained()     { r.c.Resume() }
func (r *tlsRelay) EOF()         { r.c.Close() }
func (r *tlsRelay) Closed(error) {}

func TestTLSEnds(t *testing.T) {
	cert, pool := selfSigned(t)
	for _, tc := range []struct {
		name   string
		client func(wire *net.TCPConn, client *tls.Conn)
		ok     bool
		eof    bool
	}{
		{"close_notify", func(_ *net.TCPConn, c *tls.Conn) { c.Close() }, true, true},
		{"bare FIN", func(w *net.TCPConn, _ *tls.Conn) { w.CloseWrite(); io.Copy(io.Discard, w); w.Close() }, true, true},
		{"reset", func(w *net.TCPConn, _ *tls.Conn) { w.SetLinger(0); w.Close() }, false, false},
		{"garbage", func(w *net.TCPConn, _ *tls.Conn) {
			w.Write([]byte("\x17\x03\x03\x00\x20this is no record of this session"))
			io.Copy(io.Discard, w)
			w.Close()
		}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}}, HandshakeOptions{})
			closed := make(chan error, 2)
			eofs := 0
			ln := listen(t, e, h.Open(func(c *TLS) Handler {
				return &tlsFuncs{c: c, data: func(c *TLS, p []byte) { c.Write(p) },
					eof: func(c *TLS) { eofs++; c.Close() }, closed: func(err error) { closed <- err }}
			}))
			wire := dial(t, ln.Addr())
			client := tls.Client(wire, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			roundTrip(t, client, []byte("hello"))
			tc.client(wire, client)
			err := receive(t, "Closed", closed)
			if (err == nil) != tc.ok || (eofs == 1) != tc.eof || eofs > 1 {
				t.Errorf("Closed(%v), %d EOF", err, eofs)
			}
		})
	}
}

// Stop in the middle of handshakes leaves no goroutine (TestMain looks).
func TestTLSStopDuringHandshakes(t *testing.T) {
	cert, _ := selfSigned(t)
	e := start(t, Options{})
	h := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}}, HandshakeOptions{Max: 3})
	ln := listen(t, e, h.Open(tlsEcho))
	for range 10 {
		dial(t, ln.Addr())
	}
	eventually(t, "accepted", func() bool { return e.Stats().Accepted == 10 })
	stop(t, e)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running != 0 || len(h.waiting) != 0 {
		t.Errorf("%d running, %d waiting after Stop", h.running, len(h.waiting))
	}
}

// We as the client, after Dial, and Move between loops under TLS.
func TestTLSClientAndMove(t *testing.T) {
	cert, pool := selfSigned(t)
	e := start(t, Options{Loops: 2})
	server := NewHandshaker(&tls.Config{Certificates: []tls.Certificate{cert}}, HandshakeOptions{})
	ln := listen(t, e, server.Open(func(c *TLS) Handler {
		return &tlsFuncs{c: c, data: func(c *TLS, p []byte) {
			if len(p) > 0 && p[0] == '>' {
				c.Move(e.Loop(1-c.Loop().Index()), append([]byte("moved "), p[1:]...))
				return
			}
			c.Write(p)
		}}
	}))
	client := NewHandshaker(&tls.Config{RootCAs: pool, ServerName: "localhost"}, HandshakeOptions{Client: true})
	answers := make(chan string, 10)
	l := e.Loop(0)
	onLoop(t, l, func() {
		l.Dial(ln.Addr(), patience, client.Open(func(c *TLS) Handler {
			c.Write([]byte(">hello"))
			return &tlsFuncs{c: c, data: func(c *TLS, p []byte) {
				answers <- string(p)
				if len(answers) < 5 {
					c.Write([]byte(">again"))
				}
			}}
		}))
	})
	for i := range 5 {
		want := "moved again"
		if i == 0 {
			want = "moved hello"
		}
		if got := receive(t, "answer", answers); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
