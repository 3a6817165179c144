// Command nbio is a peer: lesismal/nbio, non-blocking, its handlers run in the
// poller instead of in its default pool of goroutines.
//
//	nbio -addr 127.0.0.1:21080 [-mode broadcast [-source 127.0.0.1:21092]]
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	mode := flag.String("mode", "echo", "echo or broadcast")
	source := flag.String("source", "", "broadcast: back end whose reads become messages")
	flag.Parse()
	logging.SetLevel(logging.LevelNone)
	h := &hub{all: map[*websocket.Conn]bool{}}
	if *source != "" {
		go h.dial(*source)
	}
	up := websocket.NewUpgrader()
	up.KeepaliveTime = 0
	up.CheckOrigin = func(*http.Request) bool { return true }
	if *mode == "echo" {
		up.OnMessage(func(c *websocket.Conn, op websocket.MessageType, p []byte) { _ = c.WriteMessage(op, p) })
	} else {
		up.OnOpen(h.open)
		up.OnClose(h.close)
		up.OnMessage(func(_ *websocket.Conn, op websocket.MessageType, p []byte) { h.send(op, p) })
	}
	e := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{*addr},
		NPoller:                 runtime.GOMAXPROCS(0),
		ReleaseWebsocketPayload: true,
		ServerExecutor:          func(f func()) { f() },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = up.Upgrade(w, r, nil)
		}),
	})
	if err := e.Start(); err != nil {
		log.Fatal(err)
	}
	select {}
}

type hub struct {
	mu  sync.Mutex
	all map[*websocket.Conn]bool
}

func (h *hub) open(c *websocket.Conn) {
	h.mu.Lock()
	h.all[c] = true
	h.mu.Unlock()
}

// close may be called inside a write made under the lock.
func (h *hub) close(c *websocket.Conn, _ error) {
	go func() { h.mu.Lock(); delete(h.all, c); h.mu.Unlock() }()
}

func (h *hub) send(op websocket.MessageType, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		_ = c.WriteMessage(op, p)
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
