package vendorclient

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	subprotocol = "x-kaazing-handshake"
	directive   = "\uf0ff"
	extIdle     = "x-kaazing-idle-timeout"
	extPingPong = "x-kaazing-ping-pong"
)

// A shaking is an extended handshake under way (spec/protocol.md §3.5).
type shaking struct {
	o      *Options
	s      *socket
	u      *url.URL
	accept string
	n      *native
}

// shake opens a socket and shakes hands twice. moved is where a directive
// sends the client.
func (o *Options) shake(ctx context.Context, u *url.URL, cookie string) (c *Conn, moved string, err error) {
	o.Trace("native " + u.String())
	opening, cancel := withTimer(ctx, o.Timers.NativeOpen)
	defer cancel()
	s, _, accept, err := o.openSocket(opening, u, cookie)
	if err != nil {
		return nil, "", err
	}
	o.Trace("101")
	h := &shaking{o: o, s: s, u: u, accept: accept}
	stop := context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	moved, err = h.run()
	if err == nil && moved == "" {
		s.conn.SetDeadline(time.Time{})
		return h.n.start(), "", nil
	}
	s.writeClose(nil)
	s.conn.Close()
	return nil, moved, err
}

func withTimer(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// run goes from the outer 101 to the second directive.
func (h *shaking) run() (moved string, err error) {
	h.arm()
	moved, err = h.directive()
	if err != nil || moved != "" {
		return moved, err
	}
	authorization := ""
	for attempt := 1; ; attempt++ {
		if err := h.request(authorization); err != nil {
			return "", err
		}
		resp, err := h.response()
		if err != nil {
			return "", h.final(err, attempt)
		}
		h.replayCookies(resp)
		if resp.StatusCode == http.StatusSwitchingProtocols {
			if err := h.granted(resp); err != nil {
				return "", h.final(err, attempt)
			}
			break
		}
		if authorization, err = h.challenged(resp, attempt); err != nil {
			return "", err
		}
		h.arm()
	}
	return h.directive()
}

func (h *shaking) arm() {
	if d := h.o.Timers.Inner; d > 0 {
		h.s.conn.SetReadDeadline(time.Now().Add(d))
	}
}

// final keeps a failure after a challenge from falling back.
func (h *shaking) final(err error, attempt int) error {
	if attempt > 1 {
		return fmt.Errorf("%w: %w", errFinal, err)
	}
	return err
}

// directive expects N, or R and a URI, in a message of either type.
func (h *shaking) directive() (moved string, err error) {
	m, err := h.s.read()
	if err != nil {
		return "", fmt.Errorf("waiting for a directive: %w", err)
	}
	rest, ok := strings.CutPrefix(string(m.Data), directive)
	switch {
	case !ok || rest == "" || rest != "N" && rest[0] != 'R':
		return "", fmt.Errorf("%.40q is no directive", m.Data)
	case rest == "N":
		h.o.Trace("directive N")
		return "", nil
	case rest == "R":
		h.o.Trace("directive R")
		return "", errors.New("directive R without a URI: no member available")
	}
	return rest[1:], nil
}

// request sends the inner request.
func (h *shaking) request(authorization string) error {
	extensions := extIdle
	if h.o.Kind == JavaScript {
		extensions += "," + extPingPong
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nWebSocket-Protocol: \r\nSec-WebSocket-Protocol: %s\r\nSec-WebSocket-Extensions: %s\r\n",
		h.u.EscapedPath(), strings.Join(h.o.Protocols, ","), extensions)
	if authorization != "" {
		fmt.Fprintf(&b, "Authorization: %s\r\n", authorization)
	}
	b.WriteString("\r\n")
	return h.s.writeMessage(Message{Text: h.o.Kind == JavaScript, Data: b.Bytes()})
}

// response collects messages up to an empty one: without it the real clients
// hang until their timer.
func (h *shaking) response() (*http.Response, error) {
	var b []byte
	for {
		m, err := h.s.read()
		if err != nil {
			return nil, fmt.Errorf("inner response without end marker after %d bytes: %w", len(b), err)
		}
		if len(m.Data) == 0 {
			break
		}
		b = append(b, m.Data...)
	}
	r := bufio.NewReader(bytes.NewReader(b))
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, fmt.Errorf("inner response %.80q: %w", b, err)
	}
	if _, err = io.Copy(io.Discard, resp.Body); err != nil || r.Buffered() > 0 {
		return nil, fmt.Errorf("inner response with %d bytes left over: %w", r.Buffered(), err)
	}
	h.o.Trace("inner " + strconv.Itoa(resp.StatusCode))
	return resp, nil
}

// challenged asks the application for credentials. A JavaScript client
// understands only 101 and 401.
func (h *shaking) challenged(resp *http.Response, attempt int) (authorization string, err error) {
	if resp.StatusCode != http.StatusUnauthorized {
		return "", h.final(fmt.Errorf("inner response %s", resp.Status), attempt)
	}
	authorization, ok := h.o.answer(h.u.String(), resp.Header.Get("WWW-Authenticate"), attempt)
	if !ok {
		return "", fmt.Errorf("%w: inner challenge %q not answered", errFinal, resp.Header.Get("WWW-Authenticate"))
	}
	return authorization, nil
}

// answer asks the application's challenge handler.
func (o *Options) answer(location, header string, attempt int) (string, bool) {
	if o.Challenge == nil || header == "" {
		return "", false
	}
	return o.Challenge(parseChallenge(location, header, attempt))
}

// granted checks an inner 101 and takes what it grants.
func (h *shaking) granted(resp *http.Response) error {
	n := &native{s: h.s, conn: newConn(), o: h.o, info: about{url: h.u}}
	if got := resp.Header.Get("Sec-WebSocket-Accept"); got != h.accept {
		return fmt.Errorf("inner Sec-WebSocket-Accept %q, outer %q", got, h.accept)
	}
	n.info.protocol = resp.Header.Get("Sec-WebSocket-Protocol")
	if p := n.info.protocol; p != "" && !slices.Contains(h.o.Protocols, p) {
		return fmt.Errorf("inner subprotocol %q", p)
	}
	n.info.extensions = resp.Header.Values("Sec-WebSocket-Extensions")
	for _, e := range n.info.extensions {
		name, param, _ := strings.Cut(e, ";")
		param = strings.TrimSpace(param)
		switch strings.TrimSpace(name) {
		case extPingPong:
			if h.o.Kind != JavaScript || param != "01010102" {
				return fmt.Errorf("extension %q", e)
			}
			n.pingPong = true
		case extIdle:
			v, ok := strings.CutPrefix(param, "timeout=")
			ms, err := strconv.Atoi(v)
			if !ok || err != nil || ms <= 0 {
				return fmt.Errorf("extension %q", e)
			}
			n.idle = time.Duration(ms) * time.Millisecond
		default:
			return fmt.Errorf("extension %q was not offered", e)
		}
	}
	h.n = n
	return nil
}
