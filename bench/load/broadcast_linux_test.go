package load

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/kzfast/kzfast/bench/wire"
)

// A fanOut server sends what it reads from the first client, or from its own
// back end connection, to all clients.
type fanOut struct {
	mu   sync.Mutex
	all  []net.Conn
	bend func(subscriber int, b []byte) []byte
}

func (f *fanOut) send(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.all {
		_, _ = c.Write(f.bend(i, b))
	}
}

func (f *fanOut) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	f.mu.Lock()
	fmt.Fprintf(c, "HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: %s\r\n\r\n", wire.Accept(req.Header.Get("Sec-WebSocket-Key")))
	f.all = append(f.all, c)
	f.mu.Unlock()
	for {
		op, payload, err := readFrame(r)
		if err != nil {
			return
		}
		f.send(append(wire.AppendHeader(nil, op, len(payload), nil), payload...))
	}
}

func TestBroadcast(t *testing.T) {
	same := func(_ int, b []byte) []byte { return b }
	lie := func(i int, b []byte) []byte {
		if i != 3 {
			return b
		}
		c := append([]byte{}, b...)
		c[len(c)-1] ^= 1
		return c
	}
	for _, c := range []struct {
		name, publish, want string
		bend                func(int, []byte) []byte
	}{
		{"ws", "ws", "", same},
		{"ws lie", "ws", "subscriber", lie},
		{"tcp", "127.0.0.1:0", "", same},
		{"tcp lie", "127.0.0.1:0", "subscriber", lie},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fanOut{bend: c.bend}
			o := short(Broadcast, listen(t, f.serve))
			o.Publish, o.Burst = c.publish, 8
			if c.publish != "ws" {
				o.Publish = freePort(t)
				stop := make(chan struct{})
				var back sync.WaitGroup
				back.Go(func() { f.source(o.Publish, stop) })
				defer back.Wait()
				defer close(stop)
			}
			r, err := Run(o)
			check(t, r, err, c.want)
		})
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// source dials the publisher until it listens, then passes its reads on.
func (f *fanOut) source(addr string, stop chan struct{}) {
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			defer c.Close()
			b := make([]byte, 64<<10)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				f.send(append(wire.AppendHeader(nil, wire.OpBinary, n, nil), b[:n]...))
			}
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}
