package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// bindError says why the accept address could not be had, naming it.
func bindError(addr netip.AddrPort, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cluster accept tcp://%s: address in use by another process: %w", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("cluster accept tcp://%s: not an address of this machine, which has %s: %w", addr, localAddrs(), err)
	}
	return fmt.Errorf("cluster accept tcp://%s: %w", addr, err)
}

// localAddrs lists the machine's addresses as "lo 127.0.0.1/8, eth0 …".
func localAddrs() string {
	ifis, err := net.Interfaces()
	if err != nil {
		return "unknown addresses (" + err.Error() + ")"
	}
	var out []string
	for _, ifi := range ifis {
		addrs, err := ifi.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			out = append(out, ifi.Name+" "+a.String())
		}
	}
	if len(out) == 0 {
		return "no addresses"
	}
	return strings.Join(out, ", ")
}

// isLocal reports whether a is an address of this machine.
func isLocal(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, l := range addrs {
		if p, err := netip.ParsePrefix(l.String()); err == nil && p.Addr() == a {
			return true
		}
	}
	return false
}

// routeAddr is the source address of the way towards towards, or of the
// default route: what a wildcard accept advertises. No packet is sent.
func routeAddr(bind netip.Addr, towards []string) (netip.Addr, error) {
	probe := "192.0.2.1:9"
	network := "udp4"
	if bind.Is6() {
		network = "udp"
	}
	for _, t := range append(towards[:len(towards):len(towards)], probe) {
		if ap, err := netip.ParseAddrPort(t); err != nil || ap.Port() == 0 {
			continue
		}
		c, err := net.Dial(network, t)
		if err != nil {
			continue
		}
		a := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		c.Close()
		if a.IsValid() && !a.IsUnspecified() {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("cluster accept %s: no address to advertise could be found; set an explicit one (this machine has %s)", bind, localAddrs())
}
