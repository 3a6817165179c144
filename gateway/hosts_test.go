package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/kzfast/kzfast/session"
)

func echoAt(name, accept, options string) string {
	return fmt.Sprintf("<service><name>%s</name><accept>%s</accept><type>echo</type><accept-options>%s</accept-options></service>", name, accept, options)
}

// A request finds its service by Host and path (spec/config.md §6.3).
func TestVirtualHosts(t *testing.T) {
	const ip = "127.0.0.21"
	port := freePort(t, ip)
	addr := hostPort(ip, port)
	bind := fmt.Sprintf("<tcp.bind>%s</tcp.bind>", addr)
	start(t, echoAt("a", fmt.Sprintf("ws://a.example.com:%d/echo", port), bind)+
		echoAt("b", fmt.Sprintf("ws://b.example.com:%d/deep/echo", port), bind)+
		echoAt("c", "ws://c.example.com/echo", bind))
	for _, c := range []struct {
		name, host, target string
		status             int
	}{
		{"own host", "a.example.com:" + fmt.Sprint(port), "/echo", 101},
		{"any case", "A.Example.COM:" + fmt.Sprint(port), "/echo", 101},
		{"query", "a.example.com:" + fmt.Sprint(port), "/echo?x=1", 101},
		{"trailing slash", "a.example.com:" + fmt.Sprint(port), "/echo/", 101},
		{"other host", "b.example.com:" + fmt.Sprint(port), "/deep/echo", 101},
		{"default port left out", "c.example.com", "/echo", 101},
		{"default port written", "c.example.com:80", "/echo", 101},
		{"path of another host", "b.example.com:" + fmt.Sprint(port), "/echo", 404},
		{"below the path", "a.example.com:" + fmt.Sprint(port), "/echo/more", 404},
		{"longer name", "a.example.com:" + fmt.Sprint(port), "/echoes", 404},
		{"case of the path", "a.example.com:" + fmt.Sprint(port), "/Echo", 404},
		{"unknown host", "d.example.com:" + fmt.Sprint(port), "/echo", 404},
		{"address for name", addr, "/echo", 404},
		{"port missing", "a.example.com", "/echo", 404},
		{"no host", "", "/echo", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := get(t, addr, c.target, c.host, upgrade...).StatusCode; got != c.status {
				t.Errorf("%s of %q: status %d, want %d", c.target, c.host, got, c.status)
			}
		})
	}
}

// Accepts on all addresses of a port and on one of them share it: a
// connection to the one reaches both, a connection to another only the first.
func TestWildcardAndSpecificBind(t *testing.T) {
	const one, other = "127.0.0.22", "127.0.0.23"
	for _, order := range []string{"wildcard first", "specific first"} {
		t.Run(order, func(t *testing.T) {
			port := freePort(t, "0.0.0.0")
			all := echoAt("all", fmt.Sprintf("ws://all.example.com:%d/", port), fmt.Sprintf("<tcp.bind>%d</tcp.bind>", port))
			single := echoAt("single", fmt.Sprintf("ws://single.example.com:%d/", port), fmt.Sprintf("<tcp.bind>%s:%d</tcp.bind>", one, port))
			services := all + single
			if order == "specific first" {
				services = single + all
			}
			g := start(t, services)
			if n := len(g.Addrs()); n != 1 {
				t.Errorf("%d listeners %v, want 1", n, g.Addrs())
			}
			for _, c := range []struct {
				ip, host string
				status   int
			}{
				{one, "all", 101}, {one, "single", 101}, {other, "all", 101}, {other, "single", 404},
			} {
				r := get(t, fmt.Sprintf("%s:%d", c.ip, port), "/", fmt.Sprintf("%s.example.com:%d", c.host, port), upgrade...)
				if r.StatusCode != c.status {
					t.Errorf("%s at %s: status %d, want %d", c.host, c.ip, r.StatusCode, c.status)
				}
			}
		})
	}
}

// Two services on one socket are told apart by path, and both echo.
func TestServicesShareASocket(t *testing.T) {
	const ip = "127.0.0.24"
	port := freePort(t, ip)
	uri := func(path string) string { return fmt.Sprintf("ws://%s:%d%s", ip, port, path) }
	g := start(t, echoAt("a", uri("/a"), "")+echoAt("b", uri("/a/b"), "<ws.maximum.message.size>16</ws.maximum.message.size>"))
	if len(g.Addrs()) != 1 {
		t.Fatalf("listeners %v, want one", g.Addrs())
	}
	a, b := mustEcho(t, ip, uri("/a")), mustEcho(t, ip, uri("/a/b"))
	long := strings.Repeat("x", 100)
	echoes(t, a, long)
	write(t, b, long)
	if code := closed(t, b); code != 1009 {
		t.Errorf("the second service has the options of the first: close code %d, want 1009", code)
	}
}

// One address written in two ways cannot be shared where conf, which compares
// names, did not see it.
func TestRawSocketIsNotShared(t *testing.T) {
	port := freePort(t, "127.0.0.1")
	for _, c := range []struct{ name, first, second string }{
		{"two raw", fmt.Sprintf("tcp://localhost:%d", port), fmt.Sprintf("tcp://127.0.0.1:%d", port)},
		{"raw and ws", fmt.Sprintf("tcp://localhost:%d", port), fmt.Sprintf("ws://127.0.0.1:%d/", port)},
		{"ws and raw", fmt.Sprintf("ws://localhost:%d/", port), fmt.Sprintf("tcp://127.0.0.1:%d", port)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(load(t, echoAt("a", c.first, "")+echoAt("b", c.second, "")), Options{})
			if err == nil || !strings.Contains(err.Error(), "use different ports") {
				t.Errorf("New: %v, want a remedy", err)
			}
		})
	}
}

// A second gateway on a taken address is refused with a clear error, and
// nothing of it stays.
func TestAddressTaken(t *testing.T) {
	const ip = "127.0.0.25"
	taken, free := freePort(t, ip), freePort(t, ip)
	start(t, echoAt("first", fmt.Sprintf("ws://%s:%d/", ip, taken), ""))
	g, err := New(load(t, echoAt("free", fmt.Sprintf("ws://%s:%d/", ip, free), "")+echoAt("late", fmt.Sprintf("ws://%s:%d/", ip, taken), "")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = g.Start(context.Background())
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("Start: %v, want %v", err, syscall.EADDRINUSE)
	}
	for _, part := range []string{`service "late"`, hostPort(ip, taken), "already served"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %q", err, part)
		}
	}
	l, err := net.Listen("tcp", hostPort(ip, free))
	if err != nil {
		t.Fatalf("the refused gateway has kept a listener: %v", err)
	}
	l.Close()
}

// The checks of high availability reach who starts a gateway, with file and
// line, and in the predecessor's words.
func TestBalanceFaultsReachTheUser(t *testing.T) {
	const service = `
<service><name>echo</name><accept>ws://127.0.0.1:8001/echo</accept><balance>ws://public.example.com:%d/echo</balance><type>echo</type></service>`
	const balancer = `
<service><name>balancer</name><accept>ws://public.example.com:8001/echo</accept><type>balancer</type><accept-options><tcp.bind>127.0.0.1:8001</tcp.bind></accept-options></service>`
	for _, c := range []struct{ name, body, rule, text string }{
		{"no balancer", fmt.Sprintf(service, 8001), "H-1", "does not point to a balancer service's accept URI"},
		{"orphan", balancer, "H-2", "Detected orphaned balancer accept URI"},
		{"port differs", strings.Replace(fmt.Sprintf(service, 8001), "127.0.0.1:8001", "127.0.0.1:8002", 1) + balancer, "H-3", "in all but hostname"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := writeConfig(t, c.body)
			cfg, faults := Load(file, LoadOptions{})
			if cfg != nil {
				t.Fatal("the configuration was accepted")
			}
			text := faults.String()
			if !strings.Contains(text, "["+c.rule+"]") || !strings.Contains(text, c.text) || !strings.Contains(text, file+":2") {
				t.Errorf("faults:\n%s\nwant %s, %q and the place", text, c.rule, c.text)
			}
		})
	}
}

// TestUpgradesFindTheirWay holds the rules of ADR 0010.
func TestUpgradesFindTheirWay(t *testing.T) {
	ws, deep, http := &session.Route{Name: "ws"}, &session.Route{Name: "deep"}, &session.Route{Name: "http", HTTP: true}
	at := []byte("h:80")
	r := newRoutes()
	r.add("h:80", binding{"/", session.KindWebSocket, ws}, false)
	r.add("h:80", binding{"/app/", session.KindHTTP, http}, false)
	r.add("h:80", binding{"/app/live", session.KindWebSocket, deep}, false)
	for path, want := range map[string]*session.Route{
		"/": ws, "/x": ws, "/app": ws, "/app/": http, "/app/ws": http, "/app/live": deep, "/app/live/": deep, "/app/live/x": deep,
	} {
		if got, _ := r.Route(at, []byte(path), session.KindWebSocket); got != want {
			t.Errorf("%s goes to %v, want %s", path, got, want.Name)
		}
	}
	if got, rest := r.Route(at, []byte("/app/x"), session.KindHTTP); got != http || string(rest) != "x" {
		t.Errorf("plain HTTP goes to %v, %q", got, rest)
	}
}
