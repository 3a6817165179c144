// Command gws is a peer: lxzan/gws with its own server and Broadcaster.
//
//	gws -addr 127.0.0.1:21080 [-mode broadcast [-source 127.0.0.1:21092]]
package main

import (
	"flag"
	"log"
	"net"
	"sync"
	"time"

	"github.com/lxzan/gws"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	mode := flag.String("mode", "echo", "echo or broadcast")
	source := flag.String("source", "", "broadcast: back end whose reads become messages")
	flag.Parse()
	h := &hub{echo: *mode == "echo", all: map[*gws.Conn]bool{}}
	if *source != "" {
		go h.dial(*source)
	}
	s := gws.NewServer(h, &gws.ServerOption{ReadMaxPayloadSize: 1 << 20, WriteMaxPayloadSize: 1 << 20})
	log.Fatal(s.Run(*addr))
}

type hub struct {
	gws.BuiltinEventHandler
	echo bool
	mu   sync.Mutex
	all  map[*gws.Conn]bool
}

func (h *hub) OnOpen(c *gws.Conn) {
	if h.echo {
		return
	}
	h.mu.Lock()
	h.all[c] = true
	h.mu.Unlock()
}

func (h *hub) OnClose(c *gws.Conn, _ error) {
	if h.echo {
		return
	}
	// OnClose may run inside a write made under the lock.
	go func() { h.mu.Lock(); delete(h.all, c); h.mu.Unlock() }()
}

func (h *hub) OnPing(c *gws.Conn, p []byte) { _ = c.WritePong(p) }

func (h *hub) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	if h.echo {
		_ = c.WriteMessage(m.Opcode, m.Bytes())
		return
	}
	h.send(m.Opcode, m.Bytes())
}

// send hands the frame to each connection's write queue, as gws recommends.
func (h *hub) send(op gws.Opcode, p []byte) {
	b := gws.NewBroadcaster(op, append([]byte{}, p...))
	defer b.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		_ = b.Broadcast(c)
	}
}

func (h *hub) dial(addr string) {
	buf := make([]byte, 64<<10)
	for ; ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		for {
			n, err := c.Read(buf)
			if err != nil {
				break
			}
			h.send(gws.OpcodeBinary, buf[:n])
		}
		c.Close()
	}
}
