package conf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/conf"
)

// balanced is a member with services × balances, each service with accepts.
func balanced(services, balances, accepts, pad int) string {
	var b strings.Builder
	b.WriteString(`<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway"><cluster><name>c</name>
	  <accept>tcp://10.0.0.1:1</accept><connect>tcp://10.0.0.2:1</connect></cluster>`)
	path := "/" + strings.Repeat("x", pad)
	b.WriteString("<service><name>bal</name>")
	for i := range balances {
		fmt.Fprintf(&b, "<accept>ws://b%d:80%s</accept>", i, path)
	}
	b.WriteString("<type>balancer</type></service>")
	for i := range services {
		fmt.Fprintf(&b, "<service><name>s%d</name>", i)
		for j := range accepts {
			fmt.Fprintf(&b, "<accept>ws://n%d-%d:80%s</accept>", i, j, path)
		}
		for j := range balances {
			fmt.Fprintf(&b, "<balance>ws://b%d:80%s</balance>", j, path)
		}
		b.WriteString("<type>echo</type></service>")
	}
	b.WriteString("</gateway-config>")
	return b.String()
}

// advertOf is what a gateway of this version tells of a configuration at most.
func advertOf(c *conf.Config) *balance.Advert {
	a := &balance.Advert{State: balance.Draining, Name: c.Cluster.MemberName, Version: strings.Repeat("v", balance.MaxNameBytes), Conns: 1<<32 - 1, Capacity: 1<<32 - 1}
	for _, s := range c.Services {
		for _, u := range s.Balances {
			e := balance.Entry{Balance: u.String(), Service: s.Name, Type: s.Type, Weight: 65535, Conns: 1<<32 - 1}
			for _, t := range s.Accepts {
				e.Targets = append(e.Targets, t.URI.String())
			}
			a.Entries = append(a.Entries, e)
		}
	}
	return a
}

// What loads has an advert that other members take, up to the very bounds.
func TestAdvertBounds(t *testing.T) {
	authority := len("ws://n0-0:80/")
	for _, c := range []struct {
		name                              string
		services, balances, accepts, long int
		refused                           string
	}{
		{"entries", 32, balance.MaxEntries / 32, 1, 0, ""},
		{"an entry more", balance.MaxEntries + 1, 1, 1, 0, "at most 1024 balance URIs"},
		{"targets", 1, 1, balance.MaxTargets, 0, ""},
		{"a target more", 1, 1, balance.MaxTargets + 1, 0, "at most 64"},
		{"uri", 1, 1, 1, balance.MaxURIBytes - authority, ""},
		{"a byte more", 1, 1, 1, balance.MaxURIBytes - authority + 1, "has 2049 bytes"},
		{"bytes", 2, 1, 60, 2000, ""},
		{"too many bytes", 3, 1, 60, 2000, "below 262144 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, ds := conf.Parse("m.xml", []byte(balanced(c.services, c.balances, c.accepts, c.long)), conf.Options{})
			if c.refused != "" {
				if cfg != nil || !strings.Contains(ds.String(), "[KZ-17] error: service ") || !strings.Contains(ds.String(), c.refused) {
					t.Errorf("got %v; want KZ-17 with %q", ds, c.refused)
				}
				return
			}
			if cfg == nil {
				t.Fatal(ds)
			}
			if err := advertOf(cfg).Validate(); err != nil {
				t.Errorf("it loads, but its advert does not validate: %v", err)
			}
		})
	}
}

func TestAdvertNames(t *testing.T) {
	for name, ok := range map[string]bool{
		strings.Repeat("x", balance.MaxNameBytes):    true,
		strings.Repeat("x", balance.MaxNameBytes+1):  false,
		strings.Repeat("é", balance.MaxNameBytes/2):  true,
		strings.Repeat("é", balance.MaxNameBytes-10): false,
		"a\tb": false,
	} {
		text := strings.NewReplacer("<name>s0</name>", "<name>"+name+"</name>", "</connect></cluster>",
			"</connect><kz:name xmlns:kz='urn:kzfast:config:1'>"+name+"</kz:name></cluster>").Replace(balanced(1, 1, 1, 0))
		cfg, ds := conf.Parse("m.xml", []byte(text), conf.Options{})
		if got := (&balance.Advert{Name: name}).Validate() == nil; got != ok {
			t.Errorf("package balance takes the name %q: %v, want %v", name, got, ok)
		}
		if (cfg != nil) != ok || strings.Count(ds.String(), "[KZ-17]") != map[bool]int{false: 2}[ok] {
			t.Errorf("name %q: got %v, want it to load: %v", name, ds, ok)
		}
	}
}
