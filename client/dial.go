package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// Dial connects to uri (ws, wss, or http and https in their place), follows
// redirects to the member that answers, and returns the open connection. ctx
// bounds the attempt only. The errors are those of this package, such as
// [*StatusError] and [ErrNoMember], or the network's.
func Dial(ctx context.Context, uri string, o Options) (*Conn, error) {
	d, err := newDialer(uri, o)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return d.dial(ctx)
}

// A dialer makes attempts for one original URI.
type dialer struct {
	o      Options
	origin *url.URL
}

func newDialer(uri string, o Options) (*dialer, error) {
	u, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	d := &dialer{o, u}
	// What cannot be sent is told now, not at every attempt.
	h, err := d.handshake(u)
	if err == nil {
		_, err = h.Append(nil)
	}
	return d, err
}

func (d *dialer) dial(ctx context.Context) (*Conn, error) {
	seen := make(map[string]bool)
	at := d.origin
	for hops := 0; ; hops++ {
		name := bare(at)
		if seen[name] {
			return nil, fmt.Errorf("dial %s: %w at %s", bare(d.origin), ErrLoop, name)
		}
		seen[name] = true
		if hops > d.o.MaxRedirects {
			return nil, fmt.Errorf("dial %s: %w, limit %d", bare(d.origin), ErrTooManyRedirects, d.o.MaxRedirects)
		}
		c, next, err := d.hop(ctx, at)
		if c != nil {
			return c, nil
		}
		if err == nil {
			at, err = redirected(at, next)
		}
		if err != nil {
			return nil, fmt.Errorf("dial %s: %w", name, err)
		}
	}
}

// hop connects to one host: an open connection, the URI it points to, or an error.
func (d *dialer) hop(ctx context.Context, u *url.URL) (c *Conn, next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.HandshakeTimeout)
	defer cancel()
	raw, err := d.connect(ctx, u)
	if err != nil {
		return nil, "", err
	}
	cut := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	c, next, err = d.upgrade(ctx, raw, u)
	if !cut() && err == nil {
		err = ctx.Err()
	}
	if err != nil || next != "" {
		raw.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, next, err
	}
	raw.SetDeadline(time.Time{})
	c.start()
	return c, "", nil
}

func (d *dialer) upgrade(ctx context.Context, raw net.Conn, u *url.URL) (c *Conn, next string, err error) {
	if d.o.InBand {
		u = withToken(u)
	}
	a, rest, err := d.shake(raw, u)
	if err != nil {
		return nil, "", err
	}
	if next = a.location(); next != "" {
		return nil, next, nil
	}
	if a.status != http.StatusSwitchingProtocols {
		return nil, "", a.refusal(time.Now())
	}
	c = newConn(raw, rest, &d.o)
	c.uri, c.header = bare(u), a.header
	if d.o.InBand {
		next, err = c.directive(ctx)
	}
	return c, next, err
}

// directive reads the first message of an InBand connection: a redirect, or
// nothing when the conversation begins here. What is no directive is kept for
// the application.
func (c *Conn) directive(ctx context.Context) (next string, err error) {
	c.raw.SetReadDeadline(time.Now().Add(c.o.DirectiveTimeout))
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	for {
		op, data, err := c.in.next()
		var slow net.Error
		switch {
		case errors.As(err, &slow) && slow.Timeout() && ctx.Err() == nil:
			return "", nil
		case err != nil:
			return "", err
		case op == wsproto.OpPing:
			c.pong(data)
		case op == wsproto.OpClose:
			code, reason, _ := wsproto.ParseClose(data)
			return "", &CloseError{Code: code, Reason: string(reason), Remote: true}
		case op == wsproto.OpPong:
		default:
			return c.obey(op, data)
		}
	}
}

func (c *Conn) obey(op wsproto.Opcode, data []byte) (next string, err error) {
	const mark = "\uf0ff"
	switch text := string(data[:min(len(data), len(mark)+1)]); {
	case text == mark+"N" && len(data) == len(text):
		return "", nil
	case text == mark+"R" && len(data) == len(text):
		return "", ErrNoMember
	case text == mark+"R":
		// The balancer has said its last word; it may not wait for ours.
		c.sendClose(wsproto.CodeNormal, "")
		return string(data[len(text):]), nil
	}
	c.first = &Message{Text: op == wsproto.OpText, Data: data}
	return "", nil
}

// connect opens TCP, and TLS for wss, to the first address that answers, from
// a random one on. The name is looked up anew each time.
func (d *dialer) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	addrs, err := d.lookup(ctx, u.Hostname())
	if err != nil {
		return nil, err
	}
	first := int(d.o.Rand() * float64(len(addrs)))
	var errs []error
	for i := range addrs {
		a := addrs[(first+i)%len(addrs)]
		c, err := d.one(ctx, net.JoinHostPort(a.String(), port), len(addrs)-i)
		if err == nil && u.Scheme == "wss" {
			c, err = d.secure(ctx, c, u.Hostname())
		}
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (d *dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := d.o.LookupNetIP(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("lookup %s: no address", host)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// one leaves the addresses that follow their share of the time.
func (d *dialer) one(ctx context.Context, address string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	return d.o.DialContext(ctx, "tcp", address)
}

func (d *dialer) secure(ctx context.Context, c net.Conn, host string) (net.Conn, error) {
	cfg := d.o.TLS.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = nil // HTTP/2 has no place for this handshake
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}
