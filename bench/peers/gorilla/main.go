// Command gorilla is a peer: gorilla/websocket on net/http, in the manner of its
// own examples.
//
//	gorilla -addr 127.0.0.1:21080 [-mode broadcast [-source 127.0.0.1:21092]]
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	mode := flag.String("mode", "echo", "echo or broadcast")
	source := flag.String("source", "", "broadcast: back end whose reads become messages")
	flag.Parse()
	h := &hub{all: map[*websocket.Conn]bool{}}
	if *source != "" {
		go h.dial(*source)
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		if *mode == "echo" {
			echo(c)
		} else {
			h.serve(c)
		}
	})))
}

func echo(c *websocket.Conn) {
	for {
		op, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(op, p) != nil {
			return
		}
	}
}

type hub struct {
	mu  sync.Mutex
	all map[*websocket.Conn]bool
}

func (h *hub) serve(c *websocket.Conn) {
	h.mu.Lock()
	h.all[c] = true
	h.mu.Unlock()
	defer func() { h.mu.Lock(); delete(h.all, c); h.mu.Unlock() }()
	for {
		op, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		h.send(op, p)
	}
}

func (h *hub) send(op int, p []byte) {
	m, err := websocket.NewPreparedMessage(op, p)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		_ = c.WritePreparedMessage(m)
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
			h.send(websocket.BinaryMessage, buf[:n])
		}
		c.Close()
	}
}
