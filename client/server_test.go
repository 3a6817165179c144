package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/kzfast/kzfast/wsproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a network in memory: names, addresses, and a script for what each
// address does with its next connections.
type world struct {
	t  testing.TB
	wg sync.WaitGroup

	mu    sync.Mutex
	names map[string][]netip.Addr
	hosts map[string]func(*peer) // by "ip:port"
	dials []string
	paths []string // host and target of each request
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, names: map[string][]netip.Addr{}, hosts: map[string]func(*peer){}}
	t.Cleanup(w.wg.Wait)
	return w
}

// host adds a name with one address and what listens on its port 80.
func (w *world) host(name string, serve func(*peer)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(len(w.names) + 1)})
	w.names[name] = []netip.Addr{ip}
	w.hosts[ip.String()+":80"] = serve
}

func (w *world) options() Options {
	return Options{LookupNetIP: w.lookup, DialContext: w.dial, Rand: func() float64 { return 0.5 }}
}

func (w *world) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]netip.Addr(nil), w.names[host]...), nil
}

func (w *world) dial(_ context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dials = append(w.dials, address)
	serve := w.hosts[address]
	if serve == nil {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	w.wg.Go(func() { w.run(theirs, serve) })
	return ours, nil
}

func (w *world) run(c net.Conn, serve func(*peer)) {
	defer c.Close()
	p := &peer{Conn: c, in: bufio.NewReader(c), t: w.t}
	if p.head() != nil {
		return
	}
	w.mu.Lock()
	w.paths = append(w.paths, string(p.req.Authority)+string(p.req.Target))
	w.mu.Unlock()
	serve(p)
}

func (w *world) visited() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.paths, " ")
}

// A peer is the server's end of one connection.
type peer struct {
	net.Conn
	t    testing.TB
	in   *bufio.Reader
	req  wsproto.Request
	buf  []byte
	dec  wsproto.Decoder
	left []byte
}

func (p *peer) head() error {
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		p.buf = append(p.buf, line...)
		n, err := p.req.Parse(p.buf, wsproto.HeadLimits{})
		if err != nil {
			p.t.Errorf("request %q: %v", p.buf, err)
			return err
		}
		if n > 0 {
			return nil
		}
	}
}

func (p *peer) write(s string) { io.WriteString(p, s) }

// accept answers 101 with extra header lines.
func (p *peer) accept(extra ...string) {
	if err := wsproto.CheckUpgrade(&p.req); err != nil {
		p.t.Errorf("handshake: %v", err)
	}
	key, _ := p.req.Header("Sec-WebSocket-Key")
	p.write("HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: " + string(wsproto.AppendAccept(nil, key)) + "\r\n" + lines(extra) + "\r\n")
}

func (p *peer) status(line string, extra ...string) {
	p.write("HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n" + lines(extra) + "\r\n")
}

func lines(extra []string) (s string) {
	for _, e := range extra {
		s += e + "\r\n"
	}
	return s
}

func (p *peer) frame(op wsproto.Opcode, payload string) {
	p.Write(wsproto.AppendFrame(nil, op, []byte(payload)))
}

func (p *peer) close(code wsproto.Code, reason string) {
	p.Write(wsproto.AppendClose(nil, code, []byte(reason)))
}

// next returns the next frame of the client, whole; false at the end.
func (p *peer) next() (op wsproto.Opcode, payload []byte, ok bool) {
	var lim wsproto.Limits
	lim.MaxMessage = 32 << 20
	for {
		var f wsproto.Frame
		n, whole, err := p.dec.Next(p.left, &lim, &f)
		if err != nil {
			p.t.Errorf("client sent: %v", err)
			return 0, nil, false
		}
		p.left = p.left[n:]
		if whole {
			op = f.Op
			payload = append(payload, f.Data...)
			if f.End() {
				return op, payload, true
			}
			continue
		}
		buf := make([]byte, 64<<10)
		n, err = p.in.Read(buf)
		if err != nil {
			return 0, nil, false
		}
		p.left = buf[:n]
	}
}

// echo answers until the client closes.
func (p *peer) echo() {
	for {
		op, payload, ok := p.next()
		switch {
		case !ok:
			return
		case op == wsproto.OpPing:
			p.frame(wsproto.OpPong, string(payload))
		case op == wsproto.OpClose:
			code, _, _ := wsproto.ParseClose(payload)
			p.close(code, "")
			return
		case !op.Control():
			p.frame(op, string(payload))
		}
	}
}

func echoServer(p *peer) {
	p.accept()
	p.echo()
}

// directed is an echo server that sends N to those who ask.
func directed(p *peer) {
	p.accept()
	if v, ok := p.req.QueryParam(".kl"); ok && string(v) == "Y" {
		p.frame(wsproto.OpBinary, "\uf0ffN")
	}
	p.echo()
}

// found redirects by HTTP, inBand by directive.
func found(status int, location string) func(*peer) {
	return func(p *peer) {
		p.status(fmt.Sprintf("%d %s", status, http.StatusText(status)), "location: "+location)
	}
}

func inBand(op wsproto.Opcode, uri string) func(*peer) {
	return func(p *peer) {
		p.accept()
		p.frame(op, "\uf0ffR"+uri)
		p.close(wsproto.CodeNormal, "")
		p.next()
	}
}
