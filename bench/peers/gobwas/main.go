// Command gobwas is a peer: gobwas/ws with a goroutine and a bufio.Reader per
// connection and one write per message.
//
//	gobwas -addr 127.0.0.1:21080 [-mode broadcast [-source 127.0.0.1:21092]]
package main

import (
	"bufio"
	"flag"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	mode := flag.String("mode", "echo", "echo or broadcast")
	source := flag.String("source", "", "broadcast: back end whose reads become messages")
	flag.Parse()
	h := &hub{echo: *mode == "echo", all: map[net.Conn]bool{}}
	if *source != "" {
		go h.dial(*source)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go h.serve(c)
	}
}

type hub struct {
	echo bool
	mu   sync.Mutex
	all  map[net.Conn]bool
}

func (h *hub) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	if _, err := ws.Upgrade(struct {
		io.Reader
		io.Writer
	}{r, c}); err != nil {
		return
	}
	if !h.echo {
		h.mu.Lock()
		h.all[c] = true
		h.mu.Unlock()
		defer func() { h.mu.Lock(); delete(h.all, c); h.mu.Unlock() }()
	}
	var buf []byte
	for {
		head, err := ws.ReadHeader(r)
		if err != nil || head.Length > 1<<20 {
			return
		}
		n := int(head.Length)
		if cap(buf) < n+ws.MaxHeaderSize {
			buf = make([]byte, n+ws.MaxHeaderSize)
		}
		payload := buf[ws.MaxHeaderSize : ws.MaxHeaderSize+n]
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		ws.Cipher(payload, head.Mask, 0)
		switch head.OpCode {
		case ws.OpClose:
			_ = ws.WriteFrame(c, ws.NewCloseFrame(payload))
			return
		case ws.OpPing:
			_ = ws.WriteFrame(c, ws.NewPongFrame(payload))
			continue
		case ws.OpPong:
			continue
		}
		head.Masked = false
		if err := h.answer(c, head, buf, n); err != nil {
			return
		}
	}
}

// answer writes the header just before the payload, which stands in buf behind
// the room for the longest header.
func (h *hub) answer(c net.Conn, head ws.Header, buf []byte, n int) error {
	at := ws.MaxHeaderSize - ws.HeaderSize(head)
	w := writer{buf[at:at]}
	if err := ws.WriteHeader(&w, head); err != nil {
		return err
	}
	frame := buf[at : ws.MaxHeaderSize+n]
	if h.echo {
		_, err := c.Write(frame)
		return err
	}
	h.send(frame)
	return nil
}

type writer struct{ b []byte }

func (w *writer) Write(p []byte) (int, error) { w.b = append(w.b, p...); return len(p), nil }

func (h *hub) send(frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		_, _ = c.Write(frame)
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
			h.send(ws.MustCompileFrame(ws.NewBinaryFrame(buf[:n])))
		}
		c.Close()
	}
}
