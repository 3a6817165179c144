package gateway

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/cluster"
	"github.com/kzfast/kzfast/conf"
)

// clusterOf is a cluster element for a member at ip that knows seeds.
func clusterOf(ip string, port int, more string, seeds ...string) string {
	s := fmt.Sprintf("<cluster><name>members</name><accept>tcp://%s:%d</accept>", ip, port)
	for _, seed := range seeds {
		s += "<connect>tcp://" + seed + "</connect>"
	}
	return s + more + "</cluster>"
}

// balanced is a balancer on ip with an echo service behind it, under path.
func balanced(ip string, port int, path string) string {
	uri := fmt.Sprintf("ws://balancer.example.com:%d/%s", port, path)
	return fmt.Sprintf("<service><name>%[1]s balancer</name><accept>%[2]s</accept><type>balancer</type><accept-options><ws.bind>%[3]s:%[4]d</ws.bind></accept-options></service>"+
		"<service><name>%[1]s</name><accept>ws://%[3]s:%[4]d/%[1]s</accept><balance>%[2]s</balance><type>echo</type></service>", path, uri, ip, port)
}

// startWith runs a gateway that logs to the book until the test ends, edited
// before it is built.
func startWith(t *testing.T, book *logbook, body string, edit func(*Config)) *Gateway {
	t.Helper()
	cfg := load(t, body)
	if edit != nil {
		edit(cfg)
	}
	g, err := New(cfg, Options{Logger: slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", g.memberID(), book)
		}
	})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopGateway(t, g) })
	return g
}

// A service that cannot be offered does not hide the member's others from its
// peers; what is wrong is said once.
func TestOneBadServiceDoesNotHideTheMember(t *testing.T) {
	service := func(cfg *Config, name string) *conf.Service {
		for _, s := range cfg.Services {
			if s.Name == name {
				return s
			}
		}
		t.Fatalf("no service %s", name)
		return nil
	}
	for i, tt := range []struct {
		name string
		edit func(*Config)
		say  string
		both bool // all services are still offered
	}{
		{"path", func(c *Config) { service(c, "bad").Accepts[0].URI.Path = "/é" }, `service \"bad\"`, false},
		{"long path", func(c *Config) { service(c, "bad").Accepts[0].URI.Path = "/" + strings.Repeat("x", 2100) }, `service \"bad\"`, false},
		{"service name", func(c *Config) { service(c, "bad").Name = strings.Repeat("n", 300) }, `service \"nnnn`, false},
		{"member name", func(c *Config) { c.Cluster.MemberName = strings.Repeat("n", 300) }, "kz:name of 300 bytes", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ip, peer := fmt.Sprintf("127.0.41.%d", 2*i+1), fmt.Sprintf("127.0.41.%d", 2*i+2)
			port, gossip := freePort(t, ip), freePort(t, ip)
			other := freePort(t, peer)
			var book, peers logbook
			b := startWith(t, &peers, clusterOf(peer, other, "")+balanced(peer, port, "good"), nil)
			g := startWith(t, &book, clusterOf(ip, gossip, "", hostPort(peer, other))+balanced(ip, port, "good")+balanced(ip, port, "bad"), tt.edit)
			offered := func(path string) bool {
				for _, m := range b.table.Snapshot() {
					for _, target := range m.Targets {
						if target.Member == g.memberID() && strings.HasSuffix(m.Balancer, "/"+path) {
							return true
						}
					}
				}
				return false
			}
			eventually(t, "the good service at the peer", func() bool { return offered("good") })
			if got := offered("bad"); got != tt.both {
				t.Errorf("bad service offered %v, want %v", got, tt.both)
			}
			g.republish()
			if n := strings.Count(book.String(), "level=ERROR"); n != 1 || !strings.Contains(book.String(), tt.say) {
				t.Errorf("%d errors, want one with %s", n, tt.say)
			}
			if strings.Contains(peers.String(), "advert refused") {
				t.Error("the peer refused the advert")
			}
		})
	}
}

// What validates also fits into what the cluster carries.
func TestAdvertsFitIntoRecords(t *testing.T) {
	if balance.MaxAdvertBytes > cluster.MaxAdvert {
		t.Errorf("adverts of %d bytes, the cluster takes %d", balance.MaxAdvertBytes, cluster.MaxAdvert)
	}
}
