package conf

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// fakeHost is a host with two interfaces and a few names.
type fakeHost struct{ names map[string]string }

func (f fakeHost) LookupHost(host string) ([]netip.Addr, error) {
	text, ok := f.names[host]
	if !ok {
		return nil, errors.New("no such host")
	}
	var out []netip.Addr
	for _, s := range strings.Fields(text) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func (f fakeHost) Interfaces() ([]Interface, error) {
	return []Interface{
		{Name: "lo", Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}},
		{Name: "eth0", Addrs: []netip.Addr{netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.7")}},
	}, nil
}

func testHost() fakeHost {
	return fakeHost{map[string]string{
		"n1.example.com":  "10.0.0.1",
		"pub.example.com": "10.0.0.1 10.0.0.2",
		"localhost":       "::1 127.0.0.1",
		"group":           "224.2.2.44",
		"mixed":           "224.2.2.44 10.0.0.1",
		"group6":          "ff15::77",
		"members":         "10.0.0.1 10.0.0.2",
		"two":             "10.0.0.9 10.0.0.1 10.0.0.9",
		"v6":              "2001:db8::9 10.0.0.1",
	}}
}

func document(body string) string {
	return `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">` + body + `</gateway-config>`
}

func mustParse(t *testing.T, name, body string) *Config {
	t.Helper()
	c, ds := Parse(name, []byte(document(body)), Options{})
	if ds.Failed() {
		t.Fatalf("%s is refused:\n%s", name, ds)
	}
	return c
}

func ruleList(ds Diagnostics) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Rule+" "+d.Severity.String())
	}
	return strings.Join(out, ", ")
}

func echoAt(accept, options string) string {
	return `<service><name>echo</name><accept>` + accept + `</accept><type>echo</type><accept-options>` + options + `</accept-options></service>`
}

func clusterOf(accept, connect string) string {
	return `<cluster><name>c</name><accept>` + accept + `</accept><connect>` + connect + `</connect></cluster>`
}

func TestCheckHost(t *testing.T) {
	balancer := `<service><name>bal</name><accept>ws://pub.example.com:80/</accept><type>balancer</type></service>
	  <service><name>e</name><accept>ws://n1.example.com:80/</accept><balance>ws://pub.example.com:80/</balance><type>echo</type></service>`
	for name, c := range map[string]struct{ body, want, text string }{
		"local name":         {echoAt("ws://n1.example.com:80/", ""), "", ""},
		"loopback name":      {echoAt("ws://localhost:80/", ""), "", ""},
		"other loopback":     {echoAt("ws://127.0.0.44:80/", ""), "", ""},
		"public name, bound": {echoAt("ws://nowhere.example.com:80/", "<ws.bind>10.0.0.1:80</ws.bind>"), "", ""},
		"unknown name":       {echoAt("ws://nowhere.example.com:80/", ""), "B-6 error", "bind the accept to a local address with ws.bind"},
		"not local":          {echoAt("ws://192.0.2.1:80/", ""), "B-4 error", "set ws.bind to one of"},
		"bind not local":     {echoAt("ws://n1.example.com:80/", "<tcp.bind>192.0.2.1:80</tcp.bind>"), "B-4 error", "set tcp.bind"},
		"one v6 not local":   {echoAt("ws://v6:80/", ""), "B-4 warning", "is skipped"},
		"bind unknown name":  {echoAt("ws://h:80/", "<ws.bind>nowhere:80</ws.bind>"), "O-2 error", "cannot resolve nowhere"},
		"bind first only":    {echoAt("ws://h:80/", "<ws.bind>members:80</ws.bind>"), "", ""},
		"bind interface":     {echoAt("ws://h:80/", "<ws.bind>@ETH0:80</ws.bind>"), "", ""},
		"bind no interface":  {echoAt("ws://h:80/", "<ws.bind>@eth9:80</ws.bind>"), "O-2 error", "this host has: lo, eth0"},
		"accept interface":   {echoAt("tcp://@eth0:80", ""), "", ""},
		"accept no iface":    {echoAt("tcp://@eth9:80", ""), "B-5 error", "this host has: lo, eth0"},
		"port only":          {echoAt("ws://h:80/", "<ws.bind>80</ws.bind>"), "", ""},
		"udp group":          {echoAt("udp://group:80", ""), "", ""},
		"balancer":           {balancer, "H-8 warning, H-9 warning", "10.0.0.2 is not on this host; bind the accept to a local address with ws.bind"},
		"cluster local":      {clusterOf("tcp://10.0.0.7:1", "tcp://members:1"), "", ""},
		"cluster wildcard":   {clusterOf("tcp://0.0.0.0:1", "tcp://members:1"), "", ""},
		"cluster interface":  {clusterOf("tcp://@eth0:1", "tcp://members:1"), "", ""},
		"cluster no iface":   {clusterOf("tcp://@eth9:1", "tcp://members:1"), "B-5 error", "eth9"},
		"cluster elsewhere":  {clusterOf("tcp://10.0.0.2:1", "tcp://members:1"), "C-7 error", "local addresses: 127.0.0.1"},
		"cluster unknown":    {clusterOf("tcp://nowhere:1", "tcp://nobody:1"), "C-11 error, C-11 error", "cannot resolve"},
		"group name":         {clusterOf("tcp://10.0.0.1:1", "udp://group:1"), "", ""},
		"seed name":          {clusterOf("tcp://10.0.0.1:1", "udp://members:1"), "", ""},
		"v6 group name":      {clusterOf("tcp://10.0.0.1:1", "udp://group6:1"), "C-12 error", "resolves to ff15::77"},
		"mixed name":         {clusterOf("tcp://10.0.0.1:1", "udp://mixed:1"), "C-12 error", "multicast and unicast"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, ds := Parse("m.xml", []byte(document(c.body)), Options{})
			if cfg == nil {
				t.Fatal(ds)
			}
			ds = append(ds, cfg.CheckHost(testHost())...)
			if got := ruleList(ds); got != c.want {
				t.Errorf("got %q, want %q\n%s", got, c.want, ds)
			}
			if !strings.Contains(ds.String(), c.text) {
				t.Errorf("got\n%s\nwant %q in it", ds, c.text)
			}
		})
	}
}

// counted counts the questions to a host.
type counted struct {
	fakeHost
	asked map[string]int
}

func (c counted) LookupHost(name string) ([]netip.Addr, error) {
	c.asked[name]++
	return c.fakeHost.LookupHost(name)
}

func TestCheckHostAsksOnce(t *testing.T) {
	c := counted{testHost(), make(map[string]int)}
	cfg := mustParse(t, "m.xml", echoAt("ws://nowhere:80/a</accept><accept>ws://nowhere:81/b</accept><accept>ws://nowhere:82/", ""))
	if ds := cfg.CheckHost(c); ruleList(ds) != "B-6 error, B-6 error, B-6 error" || c.asked["nowhere"] != 1 {
		t.Errorf("got %v after %d questions, want three B-6 after one", ds, c.asked["nowhere"])
	}
}

func TestOnThisHost(t *testing.T) {
	ds := Diagnostics{{Rule: "B-6", Severity: Error, Text: "x"}, {Rule: "H-9", Severity: Warning, Text: "y"}}
	if got := ruleList(ds.OnThisHost(Warning)); got != "B-6 warning, H-9 warning" {
		t.Errorf("at most warnings: got %s", got)
	}
	got := ds.OnThisHost(Error)
	if ruleList(got) != "B-6 error, H-9 warning" || got[0].Text != "on this host: x" {
		t.Errorf("at most errors: got %s", got)
	}
	if ds[0].Text != "x" {
		t.Error("OnThisHost changed its receiver")
	}
}

func TestResolveOrder(t *testing.T) {
	r := testHost()
	for _, c := range []struct {
		bind Bind
		want string
	}{
		{Bind{Host: "two", Port: 80}, "[10.0.0.9:80 10.0.0.1:80]"},
		{Bind{Host: "localhost", Port: 80}, "[127.0.0.1:80 [::1]:80]"},
		{Bind{Host: "two", Port: 80, Option: "ws.bind"}, "[10.0.0.9:80]"},
		{Bind{Port: 80, Option: "ws.bind"}, "[0.0.0.0:80]"},
		{Bind{Iface: "eth0", Port: 80, Option: "ws.bind"}, "[10.0.0.1:80 10.0.0.7:80 [fe80::1%eth0]:80]"},
		{Bind{Host: "::1", Port: 80}, "[[::1]:80]"},
	} {
		got, err := c.bind.Resolve(r)
		if s := strings.TrimSpace(strings.ReplaceAll(sprint(got), "  ", " ")); err != nil || s != c.want {
			t.Errorf("%v.Resolve = %s, %v; want %s", c.bind, s, err, c.want)
		}
	}
	u, err := ParseURI("tcp://two:7")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := u.Resolve(r); err != nil || len(got) != 2 {
		t.Errorf("%v.Resolve = %v, %v; want both addresses", u, got, err)
	}
}
