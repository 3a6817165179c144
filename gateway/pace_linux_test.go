package gateway

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel is told how fast a connection may be written to.
func TestConversationsArePaced(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	g, err := New(load(t, echoAt("slow", "ws://127.0.0.1:8001/", "<tcp.maximum.outbound.rate>300kB/s</tcp.maximum.outbound.rate>")+
		echoAt("unlimited", "ws://127.0.0.1:8001/b", "<tcp.maximum.outbound.rate>4294967295</tcp.maximum.outbound.rate>")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer stopGateway(t, g)
	tune := func(name string) func(int) error { return g.byConf[g.cfg.Service(name)].routes[0].Options.Tune }
	if err := tune("slow")(fd); err != nil {
		t.Fatal(err)
	}
	if got, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE); err != nil || got != 300000 {
		t.Errorf("pacing rate %d, %v; want 300000", got, err)
	}
	if tune("unlimited") != nil {
		t.Error("a rate that is none is set")
	}
}
