package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// A socket is an address the members are going to open.
type socket struct {
	network string // tcp or udp
	addr    netip.AddrPort
	host    string // as a person knows it
}

func (s socket) String() string {
	return fmt.Sprintf("%s port %d on %s", s.network, s.addr.Port(), s.host)
}

// sockets lists what the members open, the public address first.
func sockets(ctx context.Context) ([]socket, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", publicHost)
	if err != nil {
		return nil, fmt.Errorf("%s has no address: %w; add the line '127.0.0.1 localhost' to /etc/hosts", publicHost, err)
	}
	var list []socket
	for _, ip := range ips {
		list = append(list, socket{"tcp", netip.AddrPortFrom(ip.Unmap(), publicPort), publicHost})
	}
	for i := range places {
		p := &places[i]
		gossip := netip.AddrPortFrom(p.Host, p.Gossip)
		list = append(list,
			socket{"tcp", p.address(), p.Host.String()},
			socket{"tcp", gossip, p.Host.String()},
			socket{"udp", gossip, p.Host.String()})
	}
	return list, nil
}

// checkPorts opens and closes every socket the members need. The error names
// each that is not free, who has it when that can be seen, and what to do.
func checkPorts(ctx context.Context) error {
	list, err := sockets(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range list {
		if err := tryBind(ctx, s); err != nil {
			errs = append(errs, explain(s, err))
		}
	}
	return errors.Join(errs...)
}

func tryBind(ctx context.Context, s socket) error {
	var lc net.ListenConfig
	if s.network == "udp" {
		c, err := lc.ListenPacket(ctx, s.network, s.addr.String())
		if err == nil {
			err = c.Close()
		}
		return err
	}
	l, err := lc.Listen(ctx, s.network, s.addr.String())
	if err == nil {
		err = l.Close()
	}
	return err
}

func explain(s socket, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		who := owner(s)
		if who == "" {
			who = fmt.Sprintf("another process; find it with: ss -lnp 'sport = :%d'", s.addr.Port())
		}
		return fmt.Errorf("%w: %s is taken by %s; end that process (another demo?) and try again", ErrPort, s, who)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this machine has no address %s; on macOS and BSD add it: sudo ifconfig lo0 alias %s", ErrPort, s.host, s.host)
	}
	return fmt.Errorf("%w: %s: %w", ErrPort, s, err)
}
