// Command gnet-naive is a peer: gnet and gobwas/ws put together in the obvious
// way. Input is copied to a buffer per connection, frames are read and written
// with gobwas's own readers and writers.
//
//	gnet-naive -addr 127.0.0.1:21080
package main

import (
	"bytes"
	"flag"
	"io"
	"log"
	"runtime"

	"github.com/gobwas/ws"
	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	flag.Parse()
	log.Fatal(gnet.Run(&server{}, "tcp://"+*addr, gnet.WithNumEventLoop(runtime.GOMAXPROCS(0)), gnet.WithReuseAddr(true),
		gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithLogLevel(logging.ErrorLevel)))
}

type server struct{ gnet.BuiltinEventEngine }

type state struct {
	in   bytes.Buffer
	open bool
}

func (*server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	c.SetContext(&state{})
	return nil, gnet.None
}

func (*server) OnTraffic(c gnet.Conn) gnet.Action {
	s := c.Context().(*state)
	p, _ := c.Next(-1)
	s.in.Write(p)
	if !s.open {
		if !bytes.Contains(s.in.Bytes(), []byte("\r\n\r\n")) {
			return gnet.None
		}
		if _, err := ws.Upgrade(struct {
			io.Reader
			io.Writer
		}{&s.in, c}); err != nil {
			return gnet.Close
		}
		s.open = true
	}
	for {
		r := bytes.NewReader(s.in.Bytes())
		head, err := ws.ReadHeader(r)
		if err != nil || int64(r.Len()) < head.Length {
			return gnet.None
		}
		payload := make([]byte, head.Length)
		_, _ = io.ReadFull(r, payload)
		s.in.Next(s.in.Len() - r.Len())
		ws.Cipher(payload, head.Mask, 0)
		switch head.OpCode {
		case ws.OpClose:
			_ = ws.WriteFrame(c, ws.NewCloseFrame(payload))
			return gnet.Close
		case ws.OpPing:
			head.OpCode = ws.OpPong
		}
		if err := ws.WriteFrame(c, ws.NewFrame(head.OpCode, head.Fin, payload)); err != nil {
			return gnet.Close
		}
	}
}
