package multicast

import (
	"fmt"
	"net"
	"net/netip"
)

// interfaces gives the interfaces to announce and listen on: the one named,
// or the one that owns self, or for a wildcard self every one that is up and
// can multicast.
func interfaces(name string, self netip.Addr) ([]net.Interface, error) {
	if name != "" {
		ifi, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("multicast interface %q: %w", name, err)
		}
		return []net.Interface{*ifi}, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("multicast interfaces: %w", err)
	}
	if self.IsUnspecified() {
		return capable(all)
	}
	return owner(all, self)
}

// capable keeps what is up and multicasts; a machine with nothing but a
// loopback interface uses that.
func capable(all []net.Interface) ([]net.Interface, error) {
	var out, loop []net.Interface
	for _, ifi := range all {
		switch {
		case ifi.Flags&net.FlagUp == 0:
		case ifi.Flags&net.FlagLoopback != 0:
			loop = append(loop, ifi)
		case ifi.Flags&net.FlagMulticast != 0:
			out = append(out, ifi)
		}
	}
	if len(out) == 0 {
		out = loop
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("multicast interfaces: none is up")
	}
	return out, nil
}

// owner finds the interface that has self, preferring an exact address to a
// network that contains it (127.0.0.5 belongs to lo's 127.0.0.1/8).
func owner(all []net.Interface, self netip.Addr) ([]net.Interface, error) {
	var near []net.Interface
	for _, ifi := range all {
		addrs, err := ifi.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			if p.Addr() == self {
				return []net.Interface{ifi}, nil
			}
			if p.Contains(self) {
				near = append(near, ifi)
			}
		}
	}
	if len(near) == 0 {
		return nil, fmt.Errorf("multicast interface: none has the address %s", self)
	}
	return near[:1], nil
}
