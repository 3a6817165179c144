//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/kzfast/kzfast/engine"
)

// shout answers every line in capitals and stops reading while its peer is slow.
type shout struct{ c *engine.Conn }

func (s shout) Data(p []byte) {
	for i, b := range p {
		if 'a' <= b && b <= 'z' {
			p[i] = b - 'a' + 'A'
		}
	}
	s.c.Send(p)
	s.c.SetTimeout(time.Minute)
	if s.c.Over() {
		s.c.Pause()
	}
}

func (s shout) Drained()     { s.c.Resume() }
func (s shout) EOF()         { s.c.Close() }
func (s shout) Timeout()     { s.c.Close() }
func (s shout) Closed(error) {}

func Example() {
	e, err := engine.New(engine.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	defer e.Stop(context.Background())
	ln, err := e.Listen(netip.MustParseAddrPort("127.0.0.1:0"), engine.ListenOptions{
		Open: func(c *engine.Conn) engine.Handler { return shout{c} },
	})
	if err != nil {
		panic(err)
	}

	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		panic(err)
	}
	defer client.Close()
	fmt.Fprint(client, "hello")
	answer := make([]byte, 5)
	if _, err := io.ReadFull(client, answer); err != nil {
		panic(err)
	}
	fmt.Println(string(answer))
	// Output: HELLO
}
