package load

import (
	"fmt"
	"net/url"
	"strings"
)

// A poll drives the HTTP transports, which only wait here: an SSE client holds
// its event stream (protocol.md §7), a WSE client creates a session and holds
// its downstream (protocol.md §6.3, §6.5).
type poll struct {
	g     *generator
	wse   bool
	first []byte // the first request
}

func newPoll(g *generator) *poll {
	p := &poll{g: g, wse: g.o.Kind == "wse"}
	if p.wse {
		p.first = fmt.Appendf(nil, "POST %s/;e/cbm HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n"+
			"X-WebSocket-Version: wseb-1.0\r\nX-Sequence-No: 0\r\n\r\n", g.to.path, g.to.host)
	} else {
		p.first = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", g.to.path, g.to.host)
	}
	return p
}

// data uses c.sent as the step: 0 is the first request, 1 the downstream's.
func (p *poll) data(c *conn, b []byte) error {
	if c.open {
		return nil
	}
	whole := append(c.head, b...)
	c.head = nil
	r, rest, ok, err := c.response(whole)
	if err != nil || !ok {
		return err
	}
	if p.wse && c.sent == 0 {
		if r.Status != 201 {
			return fmt.Errorf("wse create: got status %d, want 201", r.Status)
		}
		if len(rest) < r.ContentLength() {
			c.head = whole
			return nil
		}
		return p.downstream(c, string(rest))
	}
	if r.Status != 200 {
		return fmt.Errorf("%s: got status %d, want 200", p.g.o.Kind, r.Status)
	}
	c.open = true
	return nil
}

// downstream opens the second URL of a create answer's body on a new connection.
func (p *poll) downstream(c *conn, body string) error {
	lines := strings.Fields(body)
	if len(lines) != 2 {
		return fmt.Errorf("wse create: body %q, want two URLs", body)
	}
	u, err := url.Parse(lines[1])
	if err != nil {
		return fmt.Errorf("wse create: %w", err)
	}
	p.g.close(c)
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Sequence-No: 1\r\n\r\n", u.RequestURI(), p.g.to.host)
	if err := p.g.dial(c, p.g.to.addr, request); err != nil {
		return err
	}
	c.sent = 1
	return nil
}

func (p *poll) gone(c *conn, err error) error { return lost(c, err) }
