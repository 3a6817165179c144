package httpproxy

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// tunnelLinger is how long one side of a tunnel may go on after the other has
// ended, so that what is under way still arrives (protocol.md §8.2: the close
// of one side closes the other).
const tunnelLinger = 5 * time.Second

// checkSwitch decides whether a 101 opens a tunnel. One that nobody asked for,
// that switches to something else, or that lacks the right answer to a
// WebSocket key is a fault of the back end (reliability.md §5).
func (x *exchange) checkSwitch(res *http.Response) (io.ReadCloser, error) {
	got := res.Header.Get("Upgrade")
	switch {
	case x.upgrade == "":
		return nil, errors.New("back end: 101 without a request to upgrade")
	case !listed(res.Header["Connection"], "upgrade") || !strings.EqualFold(got, x.upgrade):
		return nil, fmt.Errorf("back end: 101 for %q, asked for %q", got, x.upgrade)
	case strings.EqualFold(x.upgrade, "websocket") && (x.key == "" || res.Header.Get("Sec-Websocket-Accept") != acceptKey(x.key)):
		return nil, fmt.Errorf("back end: 101 with Sec-WebSocket-Accept %q", res.Header.Get("Sec-Websocket-Accept"))
	}
	conn, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return nil, errors.New("back end: 101 whose body cannot be written")
	}
	return &backEnd{conn, x}, nil
}

// acceptKey is the answer to a Sec-WebSocket-Key (RFC 6455 §4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A switchWriter is the response writer of a request that may become a tunnel.
type switchWriter struct {
	http.ResponseWriter
	x *exchange
}

// Unwrap is for http.ResponseController.
func (w *switchWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack takes the client's connection over together with what it already
// sent, and counts it as a tunnel.
func (w *switchWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h := w.x.h
	u := &userEnd{Conn: conn, early: brw.Reader, h: h}
	w.x.user = u
	h.mu.Lock()
	h.tunnels[u] = struct{}{}
	closed := h.closed
	h.mu.Unlock()
	if closed {
		u.Close()
	}
	return u, brw, nil
}

// A userEnd is the client's end of a tunnel.
type userEnd struct {
	net.Conn
	early *bufio.Reader // what was read behind the request; nil = used up
	h     *Handler
}

// Read yields what net/http had already read, then the connection.
func (u *userEnd) Read(p []byte) (int, error) {
	if u.early != nil {
		if n := u.early.Buffered(); n > 0 {
			return u.early.Read(p[:min(n, len(p))])
		}
		u.early = nil
	}
	return u.Conn.Read(p)
}

// CloseWrite passes the end of the back end's data on.
func (u *userEnd) CloseWrite() error {
	if c, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return u.Close()
}

// Close ends the tunnel: the copiers fail and the back end is closed.
func (u *userEnd) Close() error {
	u.h.mu.Lock()
	delete(u.h.tunnels, u)
	u.h.mu.Unlock()
	return u.Conn.Close()
}

// A backEnd is the other end of a tunnel.
type backEnd struct {
	io.ReadWriteCloser
	x *exchange
}

// Read reads from the back end; its end starts the client's last seconds.
func (b *backEnd) Read(p []byte) (int, error) {
	n, err := b.ReadWriteCloser.Read(p)
	if err == io.EOF {
		b.x.user.SetReadDeadline(time.Now().Add(b.x.h.linger))
	}
	return n, err
}

// CloseWrite passes the end of the client's data on and starts the back end's
// last seconds. Closing twice is harmless.
func (b *backEnd) CloseWrite() error {
	time.AfterFunc(b.x.h.linger, func() { b.Close() })
	if c, ok := b.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return b.Close()
}
