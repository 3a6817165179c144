//go:build linux

package e2e

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every single exchange of the clients here: longer means that
// something hangs.
const patience = 10 * time.Second

// A dialer opens TCP connections for a test client.
type dialer func(addr string) (net.Conn, error)

// from dials with a source address of the given network, one of fifty, so that
// no test runs out of ports.
func from(network string, n int) dialer {
	d := net.Dialer{
		Timeout:   patience,
		LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("%s.%d", network, 200+n%50))},
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			if e := c.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			}); e != nil {
				return e
			}
			return err
		},
	}
	return func(addr string) (net.Conn, error) { return d.Dial("tcp4", addr) }
}

func plain(addr string) (net.Conn, error) { return net.DialTimeout("tcp4", addr, patience) }

// A reply is the head of an answer to an upgrade request.
type reply struct {
	status int
	header textproto.MIMEHeader
}

func (r *reply) location() string { return r.header.Get("Location") }

// cookie is the name=value of the answer's cookie, "" for none.
func (r *reply) cookie() string {
	pair, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	return pair
}

// upgradeRequest is the head of an RFC 6455 handshake; lines are added as they
// are.
func upgradeRequest(host, target string, lines ...string) string {
	var key [16]byte
	_, _ = rand.Read(key[:])
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", target, host)
	fmt.Fprintf(&b, "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", base64Of(key[:]))
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// knock sends an upgrade request for a URI to addr and reads the head of the
// answer. The connection stays open and belongs to the caller.
func knock(dial dialer, addr, uri string, lines ...string) (*wsConn, *reply, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, nil, err
	}
	c, err := dial(addr)
	if err != nil {
		return nil, nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	w := &wsConn{Conn: c, in: bufio.NewReaderSize(c, 256)}
	if _, err = io.WriteString(c, upgradeRequest(u.Host, u.RequestURI(), lines...)); err == nil {
		var r *reply
		if r, err = readReply(w.in); err == nil {
			return w, r, nil
		}
	}
	c.Close()
	return nil, nil, err
}

func readReply(in *bufio.Reader) (*reply, error) {
	p := textproto.NewReader(in)
	line, err := p.ReadLine()
	if err != nil {
		return nil, err
	}
	fields := strings.SplitN(line, " ", 3)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") {
		return nil, fmt.Errorf("status line %q", line)
	}
	r := new(reply)
	if r.status, err = strconv.Atoi(fields[1]); err != nil {
		return nil, fmt.Errorf("status line %q", line)
	}
	r.header, err = p.ReadMIMEHeader()
	return r, err
}

// ask asks the balancer at addr where to go and hangs up.
func ask(dial dialer, addr, uri string, lines ...string) (*reply, error) {
	c, r, err := knock(dial, addr, uri, lines...)
	if err != nil {
		return nil, err
	}
	c.Close()
	return r, nil
}

// A refusal is an answer that was neither the wanted one nor a failure of the
// network.
type refusal struct {
	uri    string
	status int
}

func (e *refusal) Error() string {
	return fmt.Sprintf("%s: status %d %s", e.uri, e.status, http.StatusText(e.status))
}

// A wsConn is a WebSocket connection of a test client: whole, small frames.
type wsConn struct {
	net.Conn
	in *bufio.Reader
}

// open does the handshake at a member's own URI.
func open(dial dialer, addr, uri string) (*wsConn, error) {
	c, r, err := knock(dial, addr, uri)
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusSwitchingProtocols {
		c.Close()
		return nil, &refusal{uri, r.status}
	}
	_ = c.SetDeadline(time.Time{})
	return c, nil
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// frame renders a masked frame.
func frame(op byte, payload []byte) []byte {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	b = append(b, mask[:]...)
	at := len(b)
	b = append(b, payload...)
	for i := range payload {
		b[at+i] ^= mask[i%4]
	}
	return b
}

func (c *wsConn) send(op byte, payload []byte) error {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(frame(op, payload))
	return err
}

// A closed is the peer's close frame.
type closed struct{ code int }

func (e *closed) Error() string { return fmt.Sprintf("closed with %d", e.code) }

// next reads the next data message; control frames are answered as RFC 6455
// wants it, and a close frame is the error [closed].
func (c *wsConn) next() ([]byte, error) {
	for {
		op, payload, err := c.readFrame()
		switch {
		case err != nil:
			return nil, err
		case op == opPing:
			if err := c.send(opPong, payload); err != nil {
				return nil, err
			}
		case op == opPong:
		case op == opClose:
			_ = c.send(opClose, payload)
			e := &closed{1005}
			if len(payload) >= 2 {
				e.code = int(binary.BigEndian.Uint16(payload))
			}
			return nil, e
		default:
			return payload, nil
		}
	}
}

// readFrame reads a frame that is a whole message.
func (c *wsConn) readFrame() (op byte, payload []byte, err error) {
	if h, err := c.in.Peek(1); err == nil && h[0]&0x80 == 0 {
		return 0, nil, errors.New("a fragment, which nobody asked for")
	}
	return c.anyFrame()
}

// anyFrame reads a frame that may be a fragment.
func (c *wsConn) anyFrame() (op byte, payload []byte, err error) {
	var h [8]byte
	if _, err := io.ReadFull(c.in, h[:2]); err != nil {
		return 0, nil, err
	}
	first, n := h[0], uint64(h[1])
	switch {
	case first&0x70 != 0 || n&0x80 != 0:
		return 0, nil, fmt.Errorf("frame header % x", h[:2])
	case n == 126:
		_, err = io.ReadFull(c.in, h[:2])
		n = uint64(binary.BigEndian.Uint16(h[:2]))
	case n == 127:
		_, err = io.ReadFull(c.in, h[:8])
		n = binary.BigEndian.Uint64(h[:8])
	}
	if err != nil {
		return 0, nil, err
	}
	if n > 1<<24 {
		return 0, nil, errors.New("frame too long for this client")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.in, payload)
	return first & 0x0f, payload, err
}

// echo sends one text message and checks that exactly it comes back.
func (c *wsConn) echo(text string) error {
	if err := c.send(opText, []byte(text)); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got, err := c.next()
	_ = c.SetReadDeadline(time.Time{})
	if err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("echo: got %.60q, want %.60q", got, text)
	}
	return nil
}
