package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/kzfast/kzfast/bench/wire"
)

// A liar is a blocking WebSocket server that echoes, after bend has had its
// way with the answer to message n of each connection.
type liar struct {
	bend   func(n int, answer []byte) []byte
	accept func(string) string
}

func (l liar) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		l.accept(req.Header.Get("Sec-WebSocket-Key")))
	for n := 0; ; n++ {
		op, payload, err := readFrame(r)
		if err != nil {
			return
		}
		answer := append(wire.AppendHeader(nil, op, len(payload), nil), payload...)
		if op != wire.OpClose {
			answer = l.bend(n, answer)
		}
		if _, err := c.Write(answer); err != nil || op == wire.OpClose {
			return
		}
	}
}

func readFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		b = append(b, c)
		h, n := wire.ParseHeader(b)
		if n == 0 {
			continue
		}
		payload = make([]byte, h.Len)
		_, err = io.ReadFull(r, payload)
		wire.Mask(payload, h.Mask, 0)
		return h.Op, payload, err
	}
}

// listen serves each connection with serve until the test ends, and waits for
// all of them.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}
