package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

func TestAdvertised(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"192.0.2.7", "192.0.2.7:5942"}, {"192.0.2.7:6000", "192.0.2.7:6000"},
		{"2001:db8::7", "[2001:db8::7]:5942"}, {"[2001:db8::7]", "[2001:db8::7]:5942"}, {"[2001:db8::7]:6000", "[2001:db8::7]:6000"},
		{"localhost", "127.0.0.1:5942"}, {"localhost:6000", "127.0.0.1:6000"},
	} {
		got, err := advertised(c.text, 5942)
		if err != nil || got.String() != c.want {
			t.Errorf("advertised(%q) = %v, %v; want %s", c.text, got, err, c.want)
		}
	}
	if got, err := advertised("192.0.2.7:70000", 5942); err == nil {
		t.Errorf("port 70000 gives %v", got)
	}
}

func TestAddressesInOrder(t *testing.T) {
	a := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	got := inOrder([]netip.Addr{a("2001:db8::1"), a("::ffff:192.0.2.1"), a("192.0.2.2"), a("192.0.2.1"), a("2001:db8::1")})
	if want := []netip.Addr{a("192.0.2.1"), a("192.0.2.2"), a("2001:db8::1")}; !slices.Equal(got, want) {
		t.Errorf("inOrder = %v, want %v", got, want)
	}
}

// A name is known before the first client asks for it.
func TestNamesArePrimed(t *testing.T) {
	var c nameCache
	defer c.wait()
	c.prime("localhost")
	if len(c.all("localhost")) == 0 {
		t.Error("localhost is unknown after prime")
	}
	c.prime("nowhere.invalid")
	c.prime("nowhere.invalid")
	if n := len(c.all("nowhere.invalid")); n != 0 {
		t.Errorf("nowhere.invalid has %d addresses", n)
	}
}

// A guessable affinity key is complained of once, unless all members are on
// this machine.
func TestDerivedKeyIsComplainedOf(t *testing.T) {
	const services = `<service><name>b</name><accept>ws://public.example.com:8001/echo</accept><type>balancer</type><accept-options><tcp.bind>127.0.0.1:8001</tcp.bind></accept-options></service>
<service><name>b2</name><accept>ws://public.example.com:8001/echo2</accept><type>balancer</type><accept-options><tcp.bind>127.0.0.1:8001</tcp.bind></accept-options></service>
<service><name>e</name><accept>ws://127.0.0.1:8001/echo</accept><balance>ws://public.example.com:8001/echo</balance><type>echo</type></service>
<service><name>e2</name><accept>ws://127.0.0.1:8001/echo2</accept><balance>ws://public.example.com:8001/echo2</balance><type>echo</type></service>`
	for _, c := range []struct {
		name, cluster string
		want          int
	}{
		{"standalone", "", 0},
		{"one machine", "<cluster><name>c</name><accept>tcp://127.0.0.1:5942</accept><connect>udp://224.2.2.44:44444</connect></cluster>", 0},
		{"remote member", "<cluster><name>c</name><accept>tcp://127.0.0.1:5942</accept><connect>tcp://192.0.2.1:5942</connect></cluster>", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logbook
			g, err := New(load(t, c.cluster+services), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			stopGateway(t, g)
			if n := strings.Count(log.String(), "kz:affinity.key-file"); n != c.want {
				t.Errorf("%d complaints, want %d:\n%s", n, c.want, log.String())
			}
		})
	}
}

// kz:balancer.secure decides whether clients are taken for TLS clients.
func TestBalancerSecure(t *testing.T) {
	for _, c := range []struct {
		setting    string
		port, want bool
	}{
		{"auto", false, false}, {"auto", true, true}, {"true", false, true}, {"false", true, false},
	} {
		table := balance.New(balance.Options{SelfID: standaloneID})
		table.Set(standaloneID, &balance.Advert{State: balance.Up, Entries: []balance.Entry{
			{Balance: "ws://b:80/", Service: "s", Type: "echo", Targets: []string{"ws://plain:80/", "wss://tls:443/"}, Weight: 1},
		}})
		b := &balancer{g: &Gateway{table: table, log: slog.New(slog.DiscardHandler)}, uri: "ws://b:80/", class: balance.WS, mode: "redirect", secure: c.setting}
		var r wsproto.Request
		if _, err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: b\r\n\r\n"), wsproto.HeadLimits{}); err != nil {
			t.Fatal(err)
		}
		var a session.Answer
		b.Balance(&session.Query{Request: &r, Secure: c.port}, &a)
		if got := strings.Contains(string(a.Location), "tls"); got != c.want {
			t.Errorf("secure %s on a port with TLS %v: sent to %s", c.setting, c.port, a.Location)
		}
	}
}

// A paced writer ends with its request.
func TestPacedWriterEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	b := bucket{ctx: ctx, rate: 1, at: time.Now().Add(time.Hour)}
	cancel()
	n, err := b.write([]byte("x"), func(p []byte) (int, error) { return len(p), nil })
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("write = %d, %v; want 0, %v", n, err, context.Canceled)
	}
}

// More loops than services are made for are not started.
func TestLoopsAreBounded(t *testing.T) {
	for n, want := range map[int]int{1: 1, 256: 256, 5000: 256} {
		if got := numLoops(n); got != want {
			t.Errorf("numLoops(%d) = %d, want %d", n, got, want)
		}
	}
	if numLoops(0) < 1 {
		t.Error("no loops")
	}
}

// Every accept of every served service type is reachable where it says.
func TestAddrs(t *testing.T) {
	const ip = "127.0.0.65"
	port, raw := freePort(t, ip), freePort(t, ip)
	g := start(t, echoAt("a", "ws://"+hostPort(ip, port)+"/", "")+echoAt("b", fmt.Sprintf("udp://%s", hostPort(ip, raw)), ""))
	if got, want := g.Addrs(), []string{hostPort(ip, port), hostPort(ip, raw)}; !slices.Equal(got, want) {
		t.Errorf("Addrs = %v, want %v", got, want)
	}
}
