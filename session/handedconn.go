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
	// Returns reports that a head came which is a loop's to judge, and that
	// net/http is asked for [ReturnTarget] in its place. Safe for any goroutine.
	Returns() bool
	// TakeBack is what a loop is to read first that takes the connection back
	// with a request for target: its head, then rest, which net/http has read
	// behind it, then what has not been read yet. Nobody may be reading.
	TakeBack(target string, head, rest []byte) []byte
}

// A handedConn is a connection that goes on with net/http. What was read
// before is read first, and every further request head passes the parser of
// the loops on its way, whole or not at all, so that nothing is understood in
// two ways. In place of a head that the parser refuses, or that is slow to
// come, stands a request for [ReturnTarget], upon which the connection is to be
// taken back: refusals and deadlines are the loops'.
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
	returns atomic.Bool
}

const (
	// ReturnTarget is what net/http is asked for in place of a head that a loop
	// is to judge.
	ReturnTarget = "/;return"

	returnHead = "GET " + ReturnTarget + " HTTP/1.1\r\nHost: return.invalid\r\n\r\n"
	// poison ends any chunk in a way that net/http answers with 400.
	poison = "\x00\r\n\r\n"

	handedRead = 4 << 10 // bytes of a read into in
)

// Returns implements [HandedConn].
func (c *handedConn) Returns() bool { return c.returns.Load() }

// TakeBack implements [HandedConn].
func (c *handedConn) TakeBack(target string, head, rest []byte) []byte {
	all := append(append(head, rest...), c.out...)
	if c.returns.Load() {
		if target == ReturnTarget {
			return c.in
		}
		all = bytes.TrimSuffix(all, []byte(returnHead[:len(returnHead)-len(c.tail)]))
	}
	return append(all, c.in...)
}

// Read implements [net.Conn].
func (c *handedConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.out) == 0 && !c.broken {
		if len(c.in) == 0 && (len(p) >= handedRead || c.opaque || !c.body.done()) {
			n, err := c.Conn.Read(p)
			if n == 0 {
				return 0, err
			}
			good := c.examine(p[:n])
			c.in = append([]byte(nil), p[good:n]...)
			c.judge(n < len(p))
			if good > 0 {
				return good, nil
			}
			continue
		}
		short := true
		if c.seen == len(c.in) {
			c.in = slices.Grow(c.in, handedRead)
			room := c.in[len(c.in):cap(c.in)]
			n, err := c.Conn.Read(room)
			if n == 0 {
				return 0, err
			}
			c.in = c.in[:len(c.in)+n]
			short = n < len(room)
		}
		good := c.examine(c.in)
		c.out, c.in = c.in[:good], c.in[good:]
		c.judge(short)
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
		if err != nil || n > 0 && hostless(&c.req) {
			c.giveUp()
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

// judge gives up a head that is unfinished after a read that took all there was.
func (c *handedConn) judge(short bool) {
	if short && len(c.in) > 0 && !c.broken {
		c.giveUp()
	}
}

// giveUp asks for the connection to be taken back.
func (c *handedConn) giveUp() {
	c.broken, c.tail = true, returnHead
	c.returns.Store(true)
}

// hostless reports that a request names its authority in the target alone. The
// loops accept that, net/http does not.
func hostless(r *wsproto.Request) bool {
	_, named := r.Header("Host")
	return !named && len(r.Authority) > 0
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
