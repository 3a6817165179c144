// Command gnet-tuned is a peer: gnet with frames parsed, unmasked and answered in
// gnet's own buffer, one write per read, nothing allocated per message. It
// is what gnet.Run can do without going around its Write.
//
//	gnet-tuned -addr 127.0.0.1:21080
package main

import (
	"bytes"
	"encoding/binary"
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

// open marks a connection after its handshake; the context of one before is nil.
var open = new(int)

func (*server) OnTraffic(c gnet.Conn) gnet.Action {
	p, _ := c.Peek(-1)
	if c.Context() == nil {
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 {
			return gnet.None
		}
		if _, err := ws.Upgrade(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(p[:end+4]), c}); err != nil {
			return gnet.Close
		}
		c.SetContext(open)
		_, _ = c.Discard(end + 4)
		p = p[end+4:]
	}
	used, out, ok := answer(c, p)
	if len(out) > 0 {
		if _, err := c.Write(out); err != nil {
			return gnet.Close
		}
	}
	_, _ = c.Discard(used)
	if !ok {
		return gnet.Close
	}
	return gnet.None
}

// answer turns the whole frames of p into their echoes, in p. The first
// payload stays where it is, the following move down by the masks before them.
func answer(c gnet.Conn, p []byte) (used int, out []byte, ok bool) {
	from, to := -1, 0
	for {
		b := p[used:]
		n, head := header(b)
		if n == 0 || len(b)-head < n-1 {
			break
		}
		n--
		payload := b[head : head+n]
		var mask [4]byte
		copy(mask[:], b[head-4:])
		first := b[0]
		ws.Cipher(payload, mask, 0)
		used += head + n
		if first&8 != 0 {
			if first&0x0f == byte(ws.OpClose) {
				_ = ws.WriteFrame(c, ws.NewCloseFrame(payload))
				return used, nil, false
			}
			continue
		}
		if from < 0 {
			to = used - n
			from = to - (head - 4)
		} else {
			to += head - 4
		}
		put(p[to-(head-4):to], first, n)
		to += copy(p[to:], payload)
	}
	if from < 0 {
		return used, nil, true
	}
	return used, p[from:to], true
}

// header returns the payload's length plus one, and the header's length with
// the mask; 0 when b ends inside the header.
func header(b []byte) (n, head int) {
	if len(b) < 6 {
		return 0, 0
	}
	switch l := int(b[1] & 0x7f); l {
	case 126:
		n, head = int(binary.BigEndian.Uint16(b[2:]))+1, 8
	case 127:
		if len(b) < 14 {
			return 0, 0
		}
		n, head = int(binary.BigEndian.Uint64(b[2:]))+1, 14
	default:
		n, head = l+1, 6
	}
	if len(b) < head {
		return 0, 0
	}
	return n, head
}

func put(b []byte, first byte, n int) {
	b[0] = first
	switch len(b) {
	case 2:
		b[1] = byte(n)
	case 4:
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(n))
	}
}
