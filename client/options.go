package client

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"time"
)

// Options configure [Dial] and [New]. The zero value works.
type Options struct {
	// Header is added to every handshake request, on every host a redirect
	// leads to. The fields of the handshake itself are refused here, as are
	// values that would end a line.
	Header http.Header
	// Origin is sent as the header of that name unless empty.
	Origin string
	// Subprotocols are offered in this order of preference.
	Subprotocols []string
	// TLS is used for wss; nil means the system's roots. ServerName is filled in.
	TLS *tls.Config
	// Jar keeps cookies; nil means a jar of its own per Dial or Client.
	Jar http.CookieJar
	// InBand adds ".kl=Y" to the query, so that the balancer answers with a
	// directive inside the socket as it does for browsers, instead of a 302.
	InBand bool
	// MaxRedirects bounds the redirects followed in one attempt, both kinds
	// together; 0 means 5, negative none.
	MaxRedirects int
	// HandshakeTimeout bounds the connection to one host, from the name lookup
	// to its answer; 0 means 10 s.
	HandshakeTimeout time.Duration
	// DirectiveTimeout is how long an InBand client waits for a directive
	// before it takes the server for one that sends none; 0 means 3 s.
	DirectiveTimeout time.Duration
	// Ping is the interval of our pings; when nothing at all arrives in two of
	// them the connection is lost. 0 means 25 s, negative never.
	Ping time.Duration
	// CloseTimeout bounds the closing handshake; 0 means 5 s.
	CloseTimeout time.Duration
	// MaxMessage is the longest message received, in bytes; 0 means 16 MiB,
	// negative no limit. A longer one fails the connection with 1009.
	MaxMessage int64
	// Retry shapes the waits of a [Client]; Dial ignores it.
	Retry Retry

	// LookupNetIP resolves a host name; nil means the system's resolver.
	LookupNetIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// DialContext connects to "ip:port"; nil means plain TCP.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Rand returns a uniform number in [0, 1); nil means math/rand/v2. It is
	// called from one goroutine at a time.
	Rand func() float64
}

// withDefaults returns a copy of o in which nothing is left open.
func (o Options) withDefaults() (Options, error) {
	if o.Jar == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return o, err
		}
		o.Jar = jar
	}
	if o.MaxRedirects == 0 {
		o.MaxRedirects = 5
	}
	o.MaxRedirects = max(o.MaxRedirects, 0)
	orDuration(&o.HandshakeTimeout, 10*time.Second)
	orDuration(&o.DirectiveTimeout, 3*time.Second)
	orDuration(&o.Ping, 25*time.Second)
	orDuration(&o.CloseTimeout, 5*time.Second)
	if o.MaxMessage == 0 {
		o.MaxMessage = 16 << 20
	}
	if o.LookupNetIP == nil {
		o.LookupNetIP = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.DialContext == nil {
		o.DialContext = new(net.Dialer).DialContext
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	o.Retry = o.Retry.withDefaults()
	return o, nil
}

func orDuration(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}
