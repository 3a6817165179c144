package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	maxResolved    = 64 // addresses one seed may stand for
	resolveTimeout = 2 * time.Second
)

// A seed is one configured place to find members.
type seed struct {
	text string
	host string
	port uint16
	addr netip.Addr // set when host is a literal
}

// parseSeed splits "host:port". A host that starts with "_" is an SRV name.
func parseSeed(s string) (seed, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return seed{}, fmt.Errorf("cluster seed %q: host:port expected", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 && !strings.HasPrefix(host, "_") {
		return seed{}, fmt.Errorf("cluster seed %q: port %q, allowed 1 to 65535", s, port)
	}
	out := seed{text: s, host: host, port: uint16(n)}
	if a, err := netip.ParseAddr(host); err == nil {
		out.addr = a.Unmap()
	}
	return out, nil
}

// A resolver is the part of net.Resolver that seeds need.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// resolve gives the addresses a seed stands for at this moment.
func (s seed) resolve(ctx context.Context, r resolver) ([]netip.AddrPort, error) {
	if s.addr.IsValid() {
		return []netip.AddrPort{netip.AddrPortFrom(s.addr, s.port)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	if !strings.HasPrefix(s.host, "_") {
		return lookup(ctx, r, s.host, s.port)
	}
	_, srvs, err := r.LookupSRV(ctx, "", "", s.host)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, srv := range srvs {
		addrs, lerr := lookup(ctx, r, srv.Target, srv.Port)
		if lerr != nil {
			err = lerr
		}
		if out = append(out, addrs...); len(out) >= maxResolved {
			return out[:maxResolved], nil
		}
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

func lookup(ctx context.Context, r resolver, host string, port uint16) ([]netip.AddrPort, error) {
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) > maxResolved {
		addrs = addrs[:maxResolved]
	}
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a.Unmap(), port)
	}
	return out, nil
}
