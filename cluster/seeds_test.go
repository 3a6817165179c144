package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
)

// A fakeDNS answers from maps.
type fakeDNS struct {
	hosts map[string][]netip.Addr
	srvs  map[string][]*net.SRV
}

func (d *fakeDNS) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := d.hosts[host]; ok {
		return a, nil
	}
	return nil, fmt.Errorf("no such host %s", host)
}

func (d *fakeDNS) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service+proto != "" {
		return "", nil, errors.New("the whole name was expected")
	}
	return name, d.srvs[name], nil
}

func TestResolveSeeds(t *testing.T) {
	many := make([]netip.Addr, 100)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})
	}
	dns := &fakeDNS{
		hosts: map[string][]netip.Addr{
			"two.test":  {netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.2")},
			"many.test": many,
		},
		srvs: map[string][]*net.SRV{"_gw._tcp.test": {{Target: "two.test", Port: 7}, {Target: "gone.test", Port: 8}}},
	}
	tests := []struct {
		seed, want string
		count      int
	}{
		{"127.0.0.1:5942", "[127.0.0.1:5942]", 1},
		{"[2001:db8::1]:1", "[[2001:db8::1]:1]", 1},
		{"two.test:5", "[10.0.0.1:5 10.0.0.2:5]", 2},
		{"_gw._tcp.test:0", "[10.0.0.1:7 10.0.0.2:7]", 2},
		{"many.test:1", "", maxResolved},
	}
	for _, tt := range tests {
		s, err := parseSeed(tt.seed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.resolve(context.Background(), dns)
		if err != nil || len(got) != tt.count || tt.want != "" && fmt.Sprint(got) != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.seed, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "host", "host:", ":1", "host:0", "host:65536", "host:-1", "host:http"} {
		if s, err := parseSeed(bad); err == nil {
			t.Errorf("seed %q accepted as %+v", bad, s)
		}
	}
	s, _ := parseSeed("nowhere.test:1")
	if _, err := s.resolve(context.Background(), dns); err == nil {
		t.Error("unknown name resolved")
	}
}

// slowDNS answers when its caller gives up.
type slowDNS struct{}

func (slowDNS) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (slowDNS) LookupSRV(ctx context.Context, _, _, _ string) (string, []*net.SRV, error) {
	<-ctx.Done()
	return "", nil, ctx.Err()
}
