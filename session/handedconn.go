package session

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/kzfast/kzfast/wsproto"
)

// A handedConn is a connection that goes on with net/http. What was read
// before is read first, and every further request head passes the parser of
// the loops on its way, so that nothing is understood in two ways: a head that
// the parser refuses is replaced by one that net/http refuses.
type handedConn struct {
	net.Conn
	limits wsproto.HeadLimits
	prefix []byte // to be read before anything else
	req    wsproto.Request
	head   []byte // an unfinished head
	body   body   // of the request under way
	opaque bool   // behind an upgrade: not HTTP any more
	broken bool   // nothing is read behind prefix
}

// Unread are the bytes read before the hand-over that nobody has read since. Who
// takes the connection back puts them in front.
func (c *handedConn) Unread() []byte { return c.prefix }

// poison ends any head or chunk in a way that net/http answers with 400.
const poison = "\x00\r\n\r\n"

// Read implements [net.Conn].
func (c *handedConn) Read(p []byte) (n int, err error) {
	if c.broken {
		if n = copy(p, c.prefix); n == 0 && len(p) > 0 {
			err = io.EOF
		}
		c.prefix = c.prefix[n:]
		return n, err
	}
	if len(c.prefix) > 0 {
		n = copy(p, c.prefix)
		if c.prefix = c.prefix[n:]; len(c.prefix) == 0 {
			c.prefix = nil
		}
	} else if n, err = c.Conn.Read(p); n == 0 {
		return n, err
	}
	if !c.opaque {
		good := c.examine(p[:n])
		if c.broken {
			c.prefix = []byte(poison)
			return good + c.poisoned(p[good:]), nil
		}
	}
	return n, err
}

func (c *handedConn) poisoned(p []byte) int {
	n := copy(p, c.prefix)
	c.prefix = c.prefix[n:]
	return n
}

// examine follows the requests in p. It returns how much of p may be read;
// what is behind that has made c broken.
func (c *handedConn) examine(p []byte) int {
	at := 0
	for at < len(p) && !c.opaque {
		if !c.body.done() {
			_, n, err := c.body.next(p[at:])
			if err != nil {
				c.broken = true
				return at
			}
			at += n
			continue
		}
		seen := len(c.head)
		c.head = append(c.head, p[at:]...)
		n, err := c.req.ParseFrom(c.head, seen, c.limits)
		if err != nil {
			c.broken = true
			return at
		}
		if n == 0 {
			return len(p)
		}
		at += n - seen
		c.body = bodyOf(&c.req)
		_, upgrade := c.req.Header("Upgrade")
		c.opaque = upgrade || string(c.req.Method) == "CONNECT"
		c.head = nil
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
