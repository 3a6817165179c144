package cluster

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// Options says how to be a member. Name and Bind are needed, the zero value of
// all else works.
type Options struct {
	Name      string         // cluster name: members with other names never join
	Bind      netip.AddrPort // accept address: of this machine, or a wildcard; port 0 takes a free one
	Extra     []netip.Addr   // further accept addresses, on Bind's port
	Advertise netip.AddrPort // what others dial; zero = Bind, for a wildcard the address of the default route

	// Seeds are "host:port" each; a host name is resolved anew in every round
	// (A and AAAA, or SRV when it starts with "_"). One live member suffices.
	Seeds []string

	Multicast netip.AddrPort // group to find members on; zero = none
	Interface string         // its interface; "" = the one that owns Bind
	TTL       int            // its hops; 0 = 32

	// Keys encrypt and authenticate all member traffic: 16, 24 or 32 bytes
	// each, the first one encrypts, all decrypt. None means plaintext, with a
	// warning unless every address is a loopback one.
	Keys [][]byte

	Profile Profile       // how soon silence is death
	Product string        // software version shown to others, cut at 32 bytes
	Admin   uint16        // admin port shown to others, 0 = none
	Settle  time.Duration // longest that Start waits for a first member; 0 = 1.5 s, negative = not at all

	Logger *slog.Logger // nil = none

	// Events is called in order on one goroutine of the cluster. It may call
	// the cluster's methods, except Leave and Shutdown.
	Events func(Event)

	// Transport replaces the sockets in tests; nil = TCP and UDP on Bind.
	Transport memberlist.Transport

	resolver resolver  // tests; nil = the system's
	now      time.Time // tests: process start; zero = now
	instance uint64    // tests; 0 = random
}

const (
	settleDefault   = 1500 * time.Millisecond
	settleMulticast = 600 * time.Millisecond // time for the first queries to be answered
)

// complete checks the options and fills in defaults.
func (o *Options) complete() ([]seed, error) {
	o.Name = strings.TrimSpace(o.Name)
	if o.Name == "" {
		return nil, fmt.Errorf("cluster name is empty")
	}
	if !o.Bind.IsValid() {
		return nil, fmt.Errorf("cluster %q: no accept address", o.Name)
	}
	o.Bind = unmap(o.Bind)
	if o.Advertise.IsValid() {
		o.Advertise = unmap(o.Advertise)
		if a := o.Advertise.Addr(); a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return nil, fmt.Errorf("cluster %q: %s cannot be advertised", o.Name, o.Advertise)
		}
	}
	if err := checkKeys(o.Keys); err != nil {
		return nil, err
	}
	if o.Profile > WAN {
		return nil, fmt.Errorf("cluster %q: profile %d unknown", o.Name, o.Profile)
	}
	seeds, err := parseSeeds(o.Seeds)
	if err != nil {
		return nil, err
	}
	if len(o.Product) > maxProduct {
		o.Product = o.Product[:maxProduct]
	}
	if o.Settle == 0 {
		o.Settle = settleDefault
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.resolver == nil {
		o.resolver = net.DefaultResolver
	}
	if o.now.IsZero() {
		o.now = time.Now()
	}
	return seeds, nil
}

func parseSeeds(list []string) ([]seed, error) {
	seeds := make([]seed, 0, len(list))
	for _, s := range list {
		sd, err := parseSeed(s)
		if err != nil {
			return nil, err
		}
		seeds = append(seeds, sd)
	}
	return seeds, nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// settleAddress decides what is advertised, once the port is known.
func (o *Options) settleAddress(port uint16) error {
	o.Bind = netip.AddrPortFrom(o.Bind.Addr(), port)
	switch {
	case o.Advertise.IsValid() && o.Advertise.Port() == 0:
		o.Advertise = netip.AddrPortFrom(o.Advertise.Addr(), port)
	case o.Advertise.IsValid():
	case o.Bind.Addr().IsUnspecified():
		a, err := routeAddr(o.Bind.Addr(), o.Seeds)
		if err != nil {
			return err
		}
		o.Advertise = netip.AddrPortFrom(a, port)
	default:
		o.Advertise = o.Bind
	}
	if _, ok := parseName(nameOf(o.Advertise)); !ok {
		return fmt.Errorf("cluster %q: %s cannot be advertised", o.Name, o.Advertise)
	}
	return nil
}

// MemberID is the id that a member started with o will have, if its port is
// not 0.
func (o Options) MemberID() (string, error) {
	if _, err := o.complete(); err != nil {
		return "", err
	}
	if err := o.settleAddress(o.Bind.Port()); err != nil {
		return "", err
	}
	return idOf(nameOf(o.Advertise)), nil
}

// own reports whether dialling a would reach ourselves.
func (o *Options) own(a netip.AddrPort) bool {
	if a == o.Advertise || a == o.Bind {
		return true
	}
	if a.Port() != o.Bind.Port() {
		return false
	}
	for _, e := range append(o.Extra[:len(o.Extra):len(o.Extra)], o.Bind.Addr()) {
		if a.Addr() == e || e.IsUnspecified() && isLocal(a.Addr()) {
			return true
		}
	}
	return false
}

// private reports whether nothing but this machine can reach the member.
func (o *Options) private() bool {
	return o.Bind.Addr().IsLoopback() && o.Advertise.Addr().IsLoopback()
}
