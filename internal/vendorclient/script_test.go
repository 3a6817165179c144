package vendorclient

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kzfast/kzfast/wsproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A peer is the server's end of one WebSocket.
type peer struct {
	t    *testing.T
	req  *http.Request
	conn net.Conn
	in   *bufio.Reader
	dec  wsproto.Decoder
	rest []byte
}

// A script is what a server does with WebSockets; everything else goes to
// plain.
type script struct {
	ws    func(*peer)
	plain http.HandlerFunc
}

func (s script) start(t *testing.T) (uri string) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && s.ws != nil:
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			s.ws(&peer{t: t, req: r, conn: c, in: rw.Reader})
		case s.plain != nil:
			s.plain(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/echo"
}

func (p *peer) accept() string {
	sum := sha1.Sum([]byte(p.req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// outer sends the outer 101 and lines of its own.
func (p *peer) outer(lines ...string) {
	fmt.Fprintf(p.conn, "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"+
		"Sec-WebSocket-Protocol: x-kaazing-handshake\r\nUpgrade: %s\r\n%s\r\n", p.accept(), p.req.Header.Get("Upgrade"), strings.Join(append(lines, ""), "\r\n"))
}

// inner sends an inner head with its marker.
func (p *peer) inner(head string) {
	p.send(wsproto.OpBinary, head)
	p.send(wsproto.OpBinary, "")
}

func (p *peer) inner101(lines ...string) {
	p.inner(fmt.Sprintf("HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nUpgrade: websocket\r\n%s\r\n",
		p.accept(), strings.Join(append(lines, ""), "\r\n")))
}

func (p *peer) directive(d string) { p.send(wsproto.OpBinary, "\xef\x83\xbf"+d) }

func (p *peer) send(op wsproto.Opcode, payload string) {
	p.conn.Write(wsproto.AppendFrame(nil, op, []byte(payload)))
}

func (p *peer) close(code wsproto.Code, reason string) {
	p.conn.Write(wsproto.AppendClose(nil, code, []byte(reason)))
}

// next reads the next frame; scripts get whole small ones.
func (p *peer) next() (op wsproto.Opcode, payload string, err error) {
	var f wsproto.Frame
	lim := wsproto.Limits{}
	buf := make([]byte, 4096)
	var all []byte
	for {
		for len(p.rest) > 0 {
			n, ok, err := p.dec.Next(p.rest, &lim, &f)
			p.rest = p.rest[n:]
			if err != nil {
				return 0, "", err
			}
			if ok {
				if all = append(all, f.Data...); f.End() {
					return f.Op, string(all), nil
				}
			}
		}
		n, err := p.in.Read(buf)
		if err != nil {
			return 0, "", err
		}
		p.rest = append(p.rest, buf[:n]...)
	}
}

// echo answers until the client closes.
func (p *peer) echo() {
	for {
		op, payload, err := p.next()
		if err != nil {
			return
		}
		p.send(op, payload)
		if op == wsproto.OpClose {
			return
		}
	}
}

// A tracer keeps the steps of a client.
type tracer struct {
	mu    sync.Mutex
	steps []string
}

func (r *tracer) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
}

// kinds are the first words of the steps.
func (r *tracer) kinds() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, s := range r.steps {
		list = append(list, strings.Fields(s)[0])
	}
	return list
}

func (r *tracer) has(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.steps, func(s string) bool { return strings.Contains(s, part) })
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// echoes sends messages and wants them back.
func echoes(t *testing.T, c *Conn, messages ...Message) {
	t.Helper()
	for _, m := range messages {
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
		got, err := c.Receive(testContext(t))
		if err != nil || got.Text != m.Text || string(got.Data) != string(m.Data) {
			t.Fatalf("echo of %.40q: got %.40q text %v, %v", m.Data, got.Data, got.Text, err)
		}
	}
}
