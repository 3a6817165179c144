//go:build linux

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
)

func acceptOf(key string) string { return string(wsproto.AppendAccept(nil, []byte(key))) }

// rawFrame reads one frame as it is on the wire, unmasked: for servers of the
// test and for clients that want fragments one by one.
func (c *wsConn) rawFrame() (first byte, payload []byte, err error) {
	var h [14]byte
	if _, err := io.ReadFull(c.in, h[:2]); err != nil {
		return 0, nil, err
	}
	first, n, masked := h[0], uint64(h[1]&0x7f), h[1]&0x80 != 0
	ext := map[uint64]int{126: 2, 127: 8}[n]
	if _, err := io.ReadFull(c.in, h[:ext]); err != nil {
		return 0, nil, err
	}
	switch ext {
	case 2:
		n = uint64(binary.BigEndian.Uint16(h[:]))
	case 8:
		n = binary.BigEndian.Uint64(h[:])
	}
	var mask [4]byte
	if masked {
		if _, err := io.ReadFull(c.in, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.in, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return first, payload, err
}

// reply sends a frame as a server does.
func (c *wsConn) reply(first byte, payload []byte) {
	b := wsproto.AppendHeader(nil, wsproto.Opcode(first&0x0f), first&0x80 != 0, false, int64(len(payload)))
	c.Write(append(b, payload...))
}

// fragment sends one frame with the first byte as given.
func (c *wsConn) fragment(first byte, payload []byte) {
	b := frame(first&0x0f, payload)
	b[0] = first
	c.Write(b)
}

// TestSvcProxyWebSocket joins WebSocket clients with a WebSocket back end:
// what frames look like, which subprotocol is spoken and how both ends end.
func TestSvcProxyWebSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	asked := make(chan *http.Request, 32)
	ended := make(chan string, 32)
	back := wsBackend(t, r.network+".240", func(req *http.Request, c *wsConn) {
		asked <- req
		for {
			first, p, err := c.rawFrame()
			switch {
			case err != nil:
				ended <- err.Error()
				return
			case first == 0x88:
				ended <- fmt.Sprintf("%x", p)
				c.reply(0x88, p)
				return
			case bytes.HasPrefix(p, []byte("close ")):
				c.reply(0x88, append([]byte{0x0f, 0xa1}, p[6:]...)) // 4001
			case string(p) == "vanish":
				return
			default:
				c.reply(first, p)
			}
		}
	})
	m := r.run(0, proxyTo("/p", "ws://"+back.addr+"/there?x=1"))

	t.Run("frames", func(t *testing.T) {
		c := m.connect(t, "/p")
		req := <-asked
		if req.RequestURI != "/there?x=1" || req.Host != back.addr || req.Header.Get("Sec-WebSocket-Protocol") != "" {
			t.Errorf("back end was asked for %s at %s, protocol %q", req.RequestURI, req.Host, req.Header.Get("Sec-WebSocket-Protocol"))
		}
		text := "\xe2\x82\xac" // € split over fragments
		for _, f := range []struct {
			first   byte
			payload string
		}{
			{0x81, "hello"}, {0x82, "\x00\xff"}, {0x81, ""},
			{0x01, text[:1]}, {0x00, text[1:2]}, {0x80, text[2:]},
			{0x02, strings.Repeat("x", 70000)}, {0x80, ""},
		} {
			c.fragment(f.first, []byte(f.payload))
			first, p, err := c.rawFrame()
			if err != nil || first != f.first || string(p) != f.payload {
				t.Fatalf("sent %02x with %d bytes, got %02x with %d: %v", f.first, len(f.payload), first, len(p), err)
			}
		}
		c.send(opPing, []byte("mine"))
		if first, p, err := c.rawFrame(); first != 0x8a || string(p) != "mine" {
			t.Errorf("ping: %02x %q %v", first, p, err)
		}
		c.send(opClose, append([]byte{0x0f, 0xa0}, "client's"...))
		if code, err := c.ends(); code != 4000 {
			t.Errorf("close %d, %v", code, err)
		}
		if got := <-ended; got != fmt.Sprintf("0fa0%x", "client's") {
			t.Errorf("back end was told %s, want 4000 and the reason", got)
		}
	})
	t.Run("subprotocol", func(t *testing.T) {
		c, reply, err := knock(plain, m.addr(), "ws://"+m.addr()+"/p", "Sec-WebSocket-Protocol: chat.v1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := reply.header.Get("Sec-WebSocket-Protocol"); reply.status != 101 || got != "chat.v1" {
			t.Errorf("status %d, subprotocol %q, want 101 and chat.v1", reply.status, got)
		}
		if got := (<-asked).Header.Get("Sec-WebSocket-Protocol"); got != "chat.v1" {
			t.Errorf("the back end was offered %q, want chat.v1", got)
		}
		if err := c.echo("spoken"); err != nil {
			t.Error(err)
		}
		c.Close()
		<-ended
	})
	t.Run("back end closes", func(t *testing.T) {
		c := m.connect(t, "/p")
		<-asked
		c.send(opText, []byte("close it's over"))
		_ = c.SetReadDeadline(deadline())
		first, p, err := c.rawFrame()
		if err != nil || first != 0x88 || string(p) != "\x0f\xa1it's over" {
			t.Errorf("got %02x %q %v, want the back end's 4001 and reason", first, p, err)
		}
		<-ended
	})
	t.Run("back end vanishes", func(t *testing.T) {
		c := m.connect(t, "/p")
		<-asked
		c.send(opText, []byte("vanish"))
		if code, err := c.ends(); code != 1000 && code != 1011 && code != 1014 {
			t.Errorf("close %d, %v; want 1000", code, err)
		}
	})
	t.Run("client vanishes", func(t *testing.T) {
		c := m.connect(t, "/p")
		<-asked
		c.Close()
		if got := <-ended; got != "03e8" {
			t.Errorf("back end was told %s, want 1000", got)
		}
	})
}
