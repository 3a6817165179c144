package session

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/kzfast/kzfast/wsproto"
)

// A HandedConn is a connection that a loop has given to net/http.
type HandedConn interface {
	net.Conn
	// Refused reports that a head was refused, and a request for
	// [RefusedTarget] put in its place. Safe for any goroutine.
	Refused() bool
	// TakeBack is what a loop is to read first that takes the connection back
	// with a request for target: its head, then rest, which net/http has read
	// behind it, then what has not been read yet. Nobody may be reading.
	TakeBack(target string, head, rest []byte) []byte
}

// A handedConn is a connection that goes on with net/http. What was read
// before is read first, and every further request head passes the parser of
// the loops on its way, whole or not at all, so that nothing is understood in
// two ways. In place of a head that the parser refuses comes a request for
// [RefusedTarget], upon which the connection is to be taken back: the refusal
// is a loop's to say.
type handedConn struct {
	net.Conn
	limits  wsproto.HeadLimits
	in      []byte // not understood yet; at its front an unfinished or refused head
	seen    int    // bytes of in that were not enough for a head
	out     []byte // understood, to be read before anything else
	tail    string // what is read behind out when broken
	req     wsproto.Request
	body    body // of the request under way
	opaque  bool // behind an upgrade: not HTTP any more
	broken  bool // nothing is read behind out and tail
	refused atomic.Bool
}

const (
	// RefusedTarget is what net/http is asked for in place of a refused head.
	RefusedTarget = "/;refused"

	refusedHead = "GET " + RefusedTarget + " HTTP/1.1\r\nHost: refused.invalid\r\n\r\n"
	// poison ends any chunk in a way that net/http answers with 400.
	poison = "\x00\r\n\r\n"

	handedRead = 4 << 10 // what an unfinished head is read with
)

// Refused implements [HandedConn].
func (c *handedConn) Refused() bool { return c.refused.Load() }

// TakeBack implements [HandedConn].
func (c *handedConn) TakeBack(target string, head, rest []byte) []byte {
	all := append(append(head, rest...), c.out...)
	if c.refused.Load() {
		if target == RefusedTarget {
			return c.in
		}
		all = bytes.TrimSuffix(all, []byte(refusedHead[:len(refusedHead)-len(c.tail)]))
	}
	return append(all, c.in...)
}

// Read implements [net.Conn].
func (c *handedConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.out) == 0 && !c.broken {
		if len(c.in) == 0 {
			n, err := c.Conn.Read(p)
			if n == 0 {
				return 0, err
			}
			good := c.examine(p[:n])
			c.in = append([]byte(nil), p[good:n]...)
			if good > 0 {
				return good, nil
			}
			continue
		}
		if c.seen == len(c.in) {
			c.in = slices.Grow(c.in, handedRead)
			n, err := c.Conn.Read(c.in[len(c.in):cap(c.in)])
			if n == 0 {
				return 0, err
			}
			c.in = c.in[:len(c.in)+n]
		}
		good := c.examine(c.in)
		c.out, c.in = c.in[:good], c.in[good:]
	}
	if n := copy(p, c.out); n > 0 {
		c.out = c.out[n:]
		return n, nil
	}
	n := copy(p, c.tail)
	if c.tail = c.tail[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// examine follows the requests in p, whose first c.seen bytes are known not to
// be a whole head. It returns how much of p may be read; behind it stands an
// unfinished head, or what has made c broken.
func (c *handedConn) examine(p []byte) (good int) {
	for good < len(p) && !c.opaque {
		if !c.body.done() {
			_, n, err := c.body.next(p[good:])
			if err != nil {
				c.broken, c.tail = true, poison
				return good
			}
			good += n
			continue
		}
		n, err := c.req.ParseFrom(p[good:], c.seen, c.limits)
		if err != nil {
			c.broken, c.tail = true, refusedHead
			c.refused.Store(true)
			return good
		}
		if n == 0 {
			c.seen = len(p) - good
			return good
		}
		good += n
		c.seen, c.body = 0, bodyOf(&c.req)
		_, upgrade := c.req.Header("Upgrade")
		c.opaque = upgrade || string(c.req.Method) == "CONNECT"
	}
	return len(p)
}

// ReadFrom keeps the socket's sendfile for net/http.
func (c *handedConn) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// SyscallConn implements [syscall.Conn], by which a loop takes the connection
// back.
func (c *handedConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
