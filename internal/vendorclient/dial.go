package vendorclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// errFinal marks failures after which the clients do not fall back to WSE:
// somebody was asked for credentials, or a redirect was against the policy.
var errFinal = errors.New("no fallback")

// maxRedirects ends a loop that the real clients would run for ever.
const maxRedirects = 20

// Dial connects as the vendor's client does: natively, and by WSE when that
// fails. An error is a *[CloseError] 1006.
func Dial(ctx context.Context, uri string, o Options) (*Conn, error) {
	o.fill()
	u, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if o.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.ConnectTimeout)
		defer cancel()
	}
	c, err := o.connect(ctx, u)
	if err != nil {
		return nil, abnormal(err)
	}
	return c, nil
}

func (o *Options) connect(ctx context.Context, u *url.URL) (*Conn, error) {
	if o.NoNative {
		return o.emulate(ctx, u)
	}
	c, err := o.native(ctx, u)
	if err == nil || errors.Is(err, errFinal) || ctx.Err() != nil {
		return c, err
	}
	o.Trace(fmt.Sprintf("native failed: %v", err))
	c, again := o.emulate(ctx, u)
	if again != nil {
		return nil, fmt.Errorf("native: %w; emulated: %w", err, again)
	}
	return c, nil
}

// native connects by WebSocket and follows directives.
func (o *Options) native(ctx context.Context, u *url.URL) (*Conn, error) {
	var cookie string
	if o.Kind == Java {
		var err error
		if u, cookie, err = o.preflight(ctx, u); err != nil {
			return nil, err
		}
	}
	for range maxRedirects {
		u = withLegacyToken(u)
		c, moved, err := o.shake(ctx, u, cookie)
		if err != nil || moved == "" {
			return c, err
		}
		o.Trace("redirect " + moved)
		to, err := parseURI(moved)
		if err != nil {
			return nil, err
		}
		if o.Kind == JavaScript && !o.Policy.allows(u, to) {
			return nil, fmt.Errorf("%w: redirect from %s to %s is against the policy", errFinal, u, to)
		}
		u = to
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

// Reopen dials until it succeeds or ctx ends, with a pause between attempts:
// what an application does in onclose. uri is the one it started from.
func Reopen(ctx context.Context, uri string, o Options, pause time.Duration) (*Conn, error) {
	for {
		c, err := Dial(ctx, uri, o)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
