package session

import (
	"io"
	"net"
)

// A prefixConn is a connection some of whose bytes were read before it was
// handed over; they are read first.
type prefixConn struct {
	net.Conn
	prefix []byte
}

// Read implements [net.Conn].
func (c *prefixConn) Read(p []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(p, c.prefix)
		if c.prefix = c.prefix[n:]; len(c.prefix) == 0 {
			c.prefix = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// ReadFrom keeps the socket's sendfile for net/http.
func (c *prefixConn) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}
