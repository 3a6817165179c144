package session

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// A pieces is a net.Conn that is read in the given pieces.
type pieces struct {
	net.Conn
	list [][]byte
}

func (c *pieces) Read(p []byte) (int, error) {
	if len(c.list) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.list[0])
	if c.list[0] = c.list[0][n:]; len(c.list[0]) == 0 {
		c.list = c.list[1:]
	}
	return n, nil
}

// TestHandedConn: good requests pass as they are, a bad one and what follows
// it do not, however they are cut.
func TestHandedConn(t *testing.T) {
	const good = "GET / HTTP/1.1\r\nHost: h\r\n\r\nPOST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n\r\n\r\nx"
	for _, tt := range []struct{ name, bad string }{
		{"both framings", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
		{"folded line", "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n"},
		{"bare LF", "GET / HTTP/1.1\nHost: h\n\n"},
		{"space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n"},
		{"other authority", "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"nothing bad", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(good + tt.bad)
			for cut := 1; cut < len(in); cut++ {
				for _, size := range []int{1, 4, 4096} {
					c := &handedConn{Conn: &pieces{list: [][]byte{bytes.Clone(in[:cut]), bytes.Clone(in[cut:])}}}
					var got []byte
					buf := make([]byte, size)
					for {
						n, err := c.Read(buf)
						got = append(got, buf[:n]...)
						if err != nil {
							break
						}
					}
					rest, ok := strings.CutPrefix(string(got), good)
					if tt.bad == "" {
						if !ok || rest != "" {
							t.Fatalf("cut at %d, reads of %d: got %q", cut, size, got)
						}
						continue
					}
					passed, ok2 := strings.CutSuffix(rest, poison)
					if !ok || !ok2 || !strings.HasPrefix(tt.bad, passed) || strings.Contains(passed, "\r\n\r\n") || strings.Contains(passed, "smuggled") {
						t.Fatalf("cut at %d, reads of %d: got %q", cut, size, got)
					}
				}
			}
		})
	}
}

func TestHandedConnTunnel(t *testing.T) {
	in := "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x00\x01\x02"
	c := &handedConn{Conn: &pieces{list: [][]byte{[]byte("\x00rest")}}, prefix: []byte(in)}
	if got, _ := io.ReadAll(c); string(got) != in+"\x00rest" {
		t.Fatalf("got %q", got)
	}
}
