package session

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto/origin"
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

// TestHandedConn: good requests pass as they are. One that is bad, or whose head
// comes in parts, goes back with all that follows it, however they are cut.
func TestHandedConn(t *testing.T) {
	good, starts := "", []int{0}
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n\r\n\r\nx",
	} {
		good += request
		starts = append(starts, len(good))
	}
	for _, tt := range []struct{ name, bad string }{
		{"both framings", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
		{"folded line", "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n"},
		{"bare LF", "GET / HTTP/1.1\nHost: h\n\n"},
		{"space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n"},
		{"authority in the target", "GET http://h/ HTTP/1.1\r\n\r\n"},
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
					passed, gaveUp := strings.CutSuffix(string(got), returnHead)
					if gaveUp != c.Returns() || !strings.HasPrefix(good, passed) {
						t.Fatalf("cut at %d, reads of %d: got %q", cut, size, got)
					}
					if !gaveUp {
						if passed != string(in) {
							t.Fatalf("cut at %d, reads of %d: got %q", cut, size, got)
						}
						continue
					}
					all := passed + string(c.TakeBack(ReturnTarget, []byte(returnHead), nil))
					for _, piece := range c.Conn.(*pieces).list {
						all += string(piece)
					}
					if !slices.Contains(starts, len(passed)) || all != string(in) {
						t.Fatalf("cut at %d, reads of %d: %q passes, %q in all", cut, size, passed, all)
					}
				}
			}
		})
	}
}

func TestHandedConnTunnel(t *testing.T) {
	in := "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x00\x01\x02"
	c := &handedConn{Conn: &pieces{list: [][]byte{[]byte("\x00rest")}}, in: []byte(in)}
	if got, _ := io.ReadAll(c); string(got) != in+"\x00rest" {
		t.Fatalf("got %q", got)
	}
}

// What net/http is to answer waits for the answers before it.
func TestHandOverBehindAnswers(t *testing.T) {
	w, _ := newTestWorker()
	var handed HandedConn
	p := &Port{Serve: func(c HandedConn) { handed = c }}
	p.Routes.Store(&Routes{Router: oneRoute{&Route{Path: "/", HTTP: true}}})
	const request = "GET /page HTTP/1.1\r\nHost: localhost:8001\r\n\r\n"
	own, peer := net.Pipe()
	defer own.Close()
	defer peer.Close()
	c := &tape{pending: 10, socket: own}
	c.handler = w.Open(c, p)
	c.data([]byte(request + "GET"))
	for range 3 {
		if handed != nil || c.aborted || !c.paused || c.timeout <= 0 {
			t.Fatalf("handed %v, aborted %v, paused %v, looked at again in %v; want it to wait", handed, c.aborted, c.paused, c.timeout)
		}
		c.timeout = 0
		c.handler.Timeout()
	}
	c.pending = 0
	c.handler.Timeout()
	if handed == nil {
		t.Fatal("not handed over")
	}
	got := make([]byte, 100)
	if n, err := handed.Read(got); err != nil || string(got[:n]) != request {
		t.Errorf("net/http reads %q, %v, want the request", got[:n], err)
	}
	if back := handed.TakeBack("/page", []byte(request), nil); string(back) != request+"GET" {
		t.Errorf("%q goes back, want all that was sent", back)
	}
}

// A client that does not read its answers gets no more of them until it does.
func TestAnswersWaitForTheirReader(t *testing.T) {
	w, _ := newTestWorker()
	c := connect(w, &Route{Path: "/echo", Service: new(echoService), Origins: &origin.Policy{Accept: "http://localhost:8001"}})
	const request = "POST /echo/;api/get-cookies HTTP/1.1\r\nHost: localhost:8001\r\nContent-Length: 0\r\n\r\n"
	answers := func() int { return strings.Count(string(c.take()), "HTTP/1.1 200 OK") }
	c.over = true
	c.data([]byte(strings.Repeat(request, 3) + request[:20]))
	if n := answers(); n != 1 || !c.paused || c.timeout != 0 {
		t.Fatalf("%d answers, paused %v, timeout %v, want 1 and to wait", n, c.paused, c.timeout)
	}
	c.over = false
	c.handler.Drained()
	if n := answers(); n != 2 || c.paused {
		t.Fatalf("%d answers, paused %v, want the 2 others", n, c.paused)
	}
	c.data([]byte(request[20:]))
	if n := answers(); n != 1 {
		t.Errorf("%d answers to the request that came in two parts", n)
	}
	c.handler.Drained()
	c.over = true
	c.data([]byte(request))
	c.over, c.timeout = false, 0
	c.handler.Drained()
	if n := answers(); n != 1 || c.paused || c.timeout <= 0 {
		t.Errorf("%d answers, paused %v, timeout %v, want 1 and an idle connection", n, c.paused, c.timeout)
	}
}
