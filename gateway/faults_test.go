package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/kzfast/kzfast/conf"
)

// A start that fails names the rule, as the check of a configuration does.
func TestStartFaultsNameTheirRule(t *testing.T) {
	const ip = "127.0.0.38"
	port := freePort(t, ip)
	l, err := net.Listen("tcp", hostPort(ip, port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for rule, body := range map[string]string{
		"B-4":  echoAt("echo", fmt.Sprintf("ws://%s:%d/", ip, port), ""),
		"C-14": fmt.Sprintf("<cluster><name>taken</name><accept>tcp://%s:%d</accept></cluster>", ip, port) + echoAt("echo", fmt.Sprintf("ws://%s:%d/", ip, freePort(t, ip)), ""),
	} {
		cfg := load(t, body)
		g, err := New(cfg, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = g.Start(t.Context())
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("%s: got %v, want %v", rule, err, syscall.EADDRINUSE)
		}
		if !strings.HasPrefix(err.Error(), cfg.File+":1:") || !strings.Contains(err.Error(), ": ["+rule+"] error: ") {
			t.Errorf("%s: got %q", rule, err)
		}
	}
}

func TestOpenFaultOfAForeignAddress(t *testing.T) {
	pos := conf.Pos{File: "m.xml", Line: 3, Col: 1}
	k := &socket{
		addr: netip.MustParseAddrPort("192.0.2.1:80"), owner: &conf.Service{Name: "echo"},
		accept: &conf.Accept{Pos: pos, URI: conf.URI{Scheme: "wss", Host: "h", Port: 80, Path: "/"}},
	}
	got := openFault(k, syscall.EADDRNOTAVAIL).Error()
	if !strings.HasPrefix(got, "m.xml:3:1: [B-4] error: service \"echo\": cannot open 192.0.2.1:80 for wss://") ||
		!strings.HasSuffix(got, "; 192.0.2.1 is not an address of this host: set wss.bind") {
		t.Errorf("got %q", got)
	}
	if got, want := clusterFault(pos, syscall.EADDRNOTAVAIL).Error(), "m.xml:3:1: [C-7] error: "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q first", got, want)
	}
}
