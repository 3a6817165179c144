package demo

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, s := range []socket{
		{"tcp", l.Addr().(*net.TCPAddr).AddrPort(), "127.0.0.1"},
		{"udp", u.LocalAddr().(*net.UDPAddr).AddrPort(), "127.0.0.1"},
	} {
		err := tryBind(t.Context(), s)
		if err == nil {
			t.Errorf("%s: free, want taken", s)
			continue
		}
		err = explain(s, err)
		if !errors.Is(err, ErrPort) || !strings.Contains(err.Error(), s.String()+" is taken by ") {
			t.Errorf("%s: got %q", s, err)
		}
		if runtime.GOOS == "linux" && !strings.Contains(err.Error(), "(pid "+strconv.Itoa(os.Getpid())+")") {
			t.Errorf("%s: does not name this process: %q", s, err)
		}
	}
}

func TestFreePort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := socket{"tcp", l.Addr().(*net.TCPAddr).AddrPort(), "127.0.0.1"}
	l.Close()
	if err := tryBind(t.Context(), s); err != nil {
		t.Errorf("%s: %v, want free", s, err)
	}
}
