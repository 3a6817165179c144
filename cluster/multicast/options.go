package multicast

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

const (
	defaultTTL   = 32
	defaultRetry = 30 * time.Second
)

// Options says what to announce, where, and who is told of others.
type Options struct {
	Group     netip.AddrPort // IPv4 group address and port
	Interface string         // name of the interface to use; "" = the one that owns Local
	Local     netip.Addr     // address that chooses the interface; invalid = Self's; unspecified = all capable ones
	TTL       int            // hops, 1 to 255; 0 = 32

	Cluster   string         // cluster name; only a keyed hash of it travels
	Keys      [][]byte       // gossip keys, the first signs, all verify; none = key made of the name
	Encrypted bool           // gossip is encrypted, told to others
	Self      netip.AddrPort // advertised member address
	Instance  uint64         // this process's instance; datagrams with it are our own

	// Found is called for each new announce or query of another instance, Left
	// for each bye, on a goroutine of the beacon: they must not block. Nil is
	// allowed.
	Found func(Peer)
	Left  func(Peer)

	Logger *slog.Logger // nil = none
}

// A Peer is another member as its own beacon describes it. It may be a
// replay: the address is a place to try, not a member.
type Peer struct {
	Addr      netip.AddrPort
	Instance  uint64
	Encrypted bool
	Draining  bool
}

func (o *Options) complete() error {
	g := o.Group.Addr().Unmap()
	if !g.Is4() || !g.IsMulticast() || o.Group.Port() == 0 {
		return fmt.Errorf("multicast group %q: not an IPv4 group address (224.0.0.0 to 239.255.255.255) with a port", o.Group)
	}
	o.Group = netip.AddrPortFrom(g, o.Group.Port())
	if !o.Self.IsValid() || o.Self.Port() == 0 || o.Self.Addr().IsUnspecified() {
		return fmt.Errorf("multicast group %s: member address %q cannot be announced", o.Group, o.Self)
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.TTL < 1 || o.TTL > 255 {
		return fmt.Errorf("multicast group %s: ttl %d, allowed 1 to 255", o.Group, o.TTL)
	}
	if !o.Local.IsValid() {
		o.Local = o.Self.Addr()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
