package vendorclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// A socket is a bare RFC 6455 connection of a client.
type socket struct {
	conn    net.Conn
	limits  wsproto.Limits
	dec     wsproto.Decoder
	buf     []byte
	rest    []byte // read and not yet decoded
	message []byte
	control []byte
	heard   func() // told of each control frame; nil for clients that cannot see them

	mu     sync.Mutex // writing
	closed bool       // our Close frame is out
}

// maxMessage bounds what is gathered for one message, in bytes.
const maxMessage = 256 << 20

// openSocket dials and shakes hands. The caller's context bounds all of it.
func (o *Options) openSocket(ctx context.Context, u *url.URL, cookie string) (*socket, *wsproto.Response, string, error) {
	conn, err := o.DialContext(ctx, "tcp", authority(u))
	if err != nil {
		return nil, nil, "", err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	s := &socket{conn: conn, limits: wsproto.Limits{MaxMessage: maxMessage, Client: true}, buf: make([]byte, 32<<10)}
	resp, accept, err := s.handshake(o, u, cookie)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, nil, "", err
	}
	return s, resp, accept, nil
}

// handshake is the outer one: a subprotocol of the vendor's and, behind it,
// those of the application.
func (s *socket) handshake(o *Options, u *url.URL, cookie string) (*wsproto.Response, string, error) {
	var random [16]byte
	rand.Read(random[:])
	key := base64.StdEncoding.EncodeToString(random[:])
	upgrade, from := "websocket", o.Origin
	if from == "" {
		from = origin(asHTTP(u))
	}
	if o.Kind == Java {
		upgrade, from = "WebSocket", "privileged://"+authority(u)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\nOrigin: %s\r\n", u.RequestURI(), u.Host, upgrade, from)
	fmt.Fprintf(&b, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n", key,
		strings.Join(append([]string{subprotocol}, o.Protocols...), ", "))
	if c := o.cookies(u, cookie); c != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", c)
	}
	b.WriteString("\r\n")
	if _, err := s.conn.Write(b.Bytes()); err != nil {
		return nil, "", err
	}
	resp, err := s.head()
	if err != nil {
		return nil, "", err
	}
	if o.Jar != nil {
		o.Jar.SetCookies(asHTTP(u), setCookies(resp))
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept := base64.StdEncoding.EncodeToString(sum[:])
	got, _ := resp.Header("Sec-WebSocket-Accept")
	answered, _ := resp.Header("Upgrade")
	chosen, _ := resp.Header("Sec-WebSocket-Protocol")
	switch {
	case resp.Status != 101:
		return nil, "", fmt.Errorf("upgrade answered %d %s", resp.Status, resp.Reason)
	case string(got) != accept:
		return nil, "", fmt.Errorf("Sec-WebSocket-Accept %q", got)
	case string(answered) != upgrade || !resp.HasToken("Connection", "upgrade"):
		return nil, "", fmt.Errorf("header Upgrade %q answered to %q", answered, upgrade)
	case string(chosen) != subprotocol:
		return nil, "", fmt.Errorf("subprotocol %q", chosen)
	}
	return resp, accept, nil
}

func (o *Options) cookies(u *url.URL, cookie string) string {
	if o.Jar == nil {
		return cookie
	}
	r := http.Request{Header: http.Header{}}
	for _, c := range o.Jar.Cookies(asHTTP(u)) {
		r.AddCookie(c)
	}
	return r.Header.Get("Cookie")
}

func setCookies(resp *wsproto.Response) []*http.Cookie {
	r := http.Response{Header: http.Header{}}
	resp.Each("Set-Cookie", func(v []byte) bool {
		r.Header.Add("Set-Cookie", string(v))
		return true
	})
	return r.Cookies()
}

// head reads the response head; what follows stays in rest.
func (s *socket) head() (*wsproto.Response, error) {
	resp := new(wsproto.Response)
	var b []byte
	for {
		n, err := s.conn.Read(s.buf)
		b = append(b, s.buf[:n]...)
		m, perr := resp.Parse(b, wsproto.HeadLimits{})
		switch {
		case perr != nil:
			return nil, perr
		case m > 0:
			s.rest = append([]byte(nil), b[m:]...)
			return resp, nil
		case err != nil:
			return nil, err
		}
	}
}

// read returns the next whole message. Pings are answered; a Close frame is
// answered and returned as *[CloseError].
func (s *socket) read() (Message, error) {
	var f wsproto.Frame
	for {
		for len(s.rest) > 0 {
			n, ok, err := s.dec.Next(s.rest, &s.limits, &f)
			s.rest = s.rest[n:]
			if err != nil {
				return Message{}, err
			}
			if !ok {
				break
			}
			if f.Op.Control() {
				if err := s.onControl(&f); err != nil {
					return Message{}, err
				}
				continue
			}
			s.message = append(s.message, f.Data...)
			if f.Last() {
				op, _ := s.dec.Message()
				m := Message{Text: op == wsproto.OpText, Data: s.message}
				s.message = nil
				return m, nil
			}
		}
		n, err := s.conn.Read(s.buf)
		if n == 0 && err != nil {
			return Message{}, fmt.Errorf("no Close frame: %w", err)
		}
		s.rest = s.buf[:n]
	}
}

func (s *socket) onControl(f *wsproto.Frame) error {
	s.control = append(s.control, f.Data...)
	if !f.End() {
		return nil
	}
	p := s.control
	s.control = nil
	if s.heard != nil {
		s.heard()
	}
	switch f.Op {
	case wsproto.OpPing:
		return s.write(wsproto.OpPong, p)
	case wsproto.OpClose:
		code, reason, err := wsproto.ParseClose(p)
		if err != nil {
			return err
		}
		s.writeClose(p)
		return &CloseError{Code: int(code), Reason: string(reason)}
	}
	return nil
}

var errAfterClose = errors.New("Close frame already sent")

func (s *socket) write(op wsproto.Opcode, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errAfterClose
	}
	s.closed = op == wsproto.OpClose
	var mask [4]byte
	rand.Read(mask[:])
	_, err := s.conn.Write(wsproto.AppendMaskedFrame(make([]byte, 0, len(p)+wsproto.MaxHeader), op, p, mask))
	return err
}

func (s *socket) writeClose(payload []byte) { s.write(wsproto.OpClose, payload) }

func (s *socket) writeMessage(m Message) error {
	if m.Text {
		return s.write(wsproto.OpText, m.Data)
	}
	return s.write(wsproto.OpBinary, m.Data)
}
