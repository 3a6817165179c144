//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestHostileRequests sends the shapes by which requests are smuggled past
// parsers that disagree (protocol.md §1.1), as the first request of a
// connection, behind a good one, and behind one that looks like an upgrade.
// Each is answered once, the connection ends where it must, and the back end
// of an http.proxy hears nothing of it.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	var reached atomic.Int32
	back := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		if req.URL.Path != "/good" {
			reached.Add(1)
		}
		io.WriteString(w, "ok")
	})}
	l, err := net.Listen("tcp4", r.network+".240:0")
	if err != nil {
		t.Fatal(err)
	}
	go back.Serve(l)
	t.Cleanup(func() { back.Close() })
	m := r.run(0, svc("p", "http.proxy", "http", "/p/", "<connect>http://"+l.Addr().String()+"/</connect>", "")+svc("echo", "echo", "ws", "/echo", "", ""))
	host := "Host: " + m.addr() + "\r\n"
	const smuggled = "GET /p/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	long := strings.Repeat("a", 9000)
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"length and chunks", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"chunks and length", "POST /p/x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"two lengths", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + smuggled, 400},
		{"two equal lengths", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		{"list of lengths", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: 0, 0\r\n\r\n" + smuggled, 400},
		{"signed length", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: +0\r\n\r\n" + smuggled, 400},
		{"negative length", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n" + smuggled, 400},
		{"huge length", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n" + smuggled, 400},
		{"coding with a cloak", "POST /p/x HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, 0},
		{"two codings", "POST /p/x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, 0},
		{"vertical tab before coding", "POST /p/x HTTP/1.1\r\n" + host + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		{"folded line", "GET /p/x HTTP/1.1\r\n" + host + "X-A: b\r\n c\r\n\r\n", 400},
		{"folded length", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length:\r\n 0\r\n\r\n" + smuggled, 400},
		{"bare LF", "GET /p/x HTTP/1.1\nHost: " + m.addr() + "\n\n", 400},
		{"one bare LF", "GET /p/x HTTP/1.1\r\n" + host + "X-A: b\nX-B: c\r\n\r\n", 400},
		{"bare CR", "GET /p/x HTTP/1.1\r\n" + host + "X-A: b\rX-B: c\r\n\r\n", 400},
		{"NUL", "GET /p/x HTTP/1.1\r\n" + host + "X-A: b\x00c\r\n\r\n", 400},
		{"space before colon", "POST /p/x HTTP/1.1\r\n" + host + "Content-Length : 0\r\n\r\n" + smuggled, 400},
		{"blank before the first header", "GET /p/x HTTP/1.1\r\n Host: " + m.addr() + "\r\n\r\n", 400},
		{"no colon", "GET /p/x HTTP/1.1\r\n" + host + "nonsense\r\n\r\n", 400},
		{"absolute form of another host", "GET http://elsewhere:80/p/x HTTP/1.1\r\n" + host + "\r\n", 400},
		{"user in the URI", "GET http://me@" + m.addr() + "/p/x HTTP/1.1\r\n" + host + "\r\n", 400},
		{"no host", "GET /p/x HTTP/1.1\r\n\r\n", 400},
		{"empty host", "GET /p/x HTTP/1.1\r\nHost: \r\n\r\n", 400},
		{"two hosts", "GET /p/x HTTP/1.1\r\n" + host + host + "\r\n", 400},
		{"space in the URI", "GET /p/x y HTTP/1.1\r\n" + host + "\r\n", 400},
		{"no URI", "GET HTTP/1.1\r\n" + host + "\r\n", 400},
		{"garbled version", "GET /p/x HTTQ/1.1\r\n" + host + "\r\n", 400},
		{"encoded slash", "GET /p/..%2f..%2fx HTTP/1.1\r\n" + host + "\r\n", 400},
		{"dots", "GET /p/../../x HTTP/1.1\r\n" + host + "\r\n", 400},
		{"HTTP/2.0", "GET /p/x HTTP/2.0\r\n" + host + "\r\n", 505},
		{"unknown method", "DIVIDE /p/x HTTP/1.1\r\n" + host + "\r\n", 501},
		{"long URI", "GET /p/" + long + " HTTP/1.1\r\n" + host + "\r\n", 414},
		{"long head", "GET /p/x HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat(long, 8) + "\r\n\r\n", 431},
		{"many headers", "GET /p/x HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 300) + "\r\n", 431},
		{"chunk size with a sign", "POST /p/good HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n" + smuggled, 0},
		{"chunk that ends in LF", "POST /p/good HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n" + smuggled, 0},
		{"chunk of 2^64", "POST /p/good HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nhello\r\n0\r\n\r\n" + smuggled, 0},
	} {
		for _, before := range []struct {
			name, text string
			n          int
		}{
			{"first", "", 0},
			{"second", "GET /p/good HTTP/1.1\r\n" + host + "\r\n", 1},
			{"behind an upgrade", "GET /p/good HTTP/1.1\r\n" + host + "Connection: upgrade\r\nUpgrade: foo\r\n\r\n", 1},
		} {
			t.Run(c.name+", "+before.name, func(t *testing.T) {
				answers, ended := answersTo(t, m, before.text+c.request, before.n)
				if len(answers) < before.n || before.n == 1 && answers[0] != 200 {
					t.Fatalf("answers %v to the good request", answers)
				}
				rest := answers[before.n:]
				// Behind the first request the parser of the loops stands in
				// front of net/http and can only make it refuse.
				want := []int{c.status}
				if before.n > 0 {
					want = append(want, 400)
				}
				switch {
				case len(rest) > 1:
					t.Errorf("answers %v: what was behind the bad request was understood as a request", rest)
				case c.status == 0 && (len(rest) == 0 || rest[0]/100 == 4 || rest[0]/100 == 5):
				case len(rest) == 0 && strings.HasPrefix(before.name, "behind") && ended:
				case len(rest) != 1 || !slices.Contains(want, rest[0]):
					t.Errorf("answers %v, want one of %v", rest, want)
				case c.status == 400 && !ended:
					t.Error("the connection lives on")
				}
			})
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("%d of the requests reached the back end", n)
	}
}

// answersTo sends bytes, waits for the first n answers in between, and reads
// answers until the connection ends or nothing comes any more.
func answersTo(t *testing.T, m *member, request string, n int) (statuses []int, ended bool) {
	t.Helper()
	c, err := plain(m.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(deadline())
	in := bufio.NewReader(c)
	good, bad := "", request
	if n > 0 {
		good, bad, _ = strings.Cut(request, "\r\n\r\n")
		io.WriteString(c, good+"\r\n\r\n")
	}
	read := func() bool {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return false
		}
		_, err = io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
		return err == nil
	}
	for range n {
		if !read() {
			return statuses, true
		}
	}
	go io.WriteString(c, bad)
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	for read() {
		if len(statuses) > n+1 {
			break
		}
		// A connection that is to end ends at once; one that lives on is not
		// waited for.
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	}
	_, err = in.ReadByte()
	var late net.Error
	return statuses, err != nil && !(errors.As(err, &late) && late.Timeout())
}

// TestHostileInner sends what must not stand in an inner request (protocol.md
// §3.4).
func TestHostileInner(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	m := r.run(0, svc("echo", "echo", "ws", "/echo", "", "")+svc("other", "echo", "ws", "/other", "", ""))
	request := func(lines string) string { return "GET /echo HTTP/1.1\r\n" + lines + "\r\n" }
	type attempt struct {
		name   string
		frames []byte
		status int // of the inner answer; 0 for none
		code   int
	}
	whole := func(s string) []byte { return frame(2, []byte(s)) }
	list := []attempt{
		{"another path", whole("GET /other HTTP/1.1\r\n\r\n"), 400, 1000},
		{"POST", whole("POST /echo HTTP/1.1\r\n\r\n"), 400, 1000},
		{"HTTP/1.0", whole("GET /echo HTTP/1.0\r\n\r\n"), 400, 1000},
		{"garbage", whole("\x00\x01\x02\x03\r\n\r\n"), 0, 1002},
		{"folded line", whole("GET /echo HTTP/1.1\r\nX-A: b\r\n c\r\n\r\n"), 400, 1000},
		{"bare LF", whole("GET /echo HTTP/1.1\n\n"), 400, 1000},
		{"unmasked", []byte("\x82\x16GET /echo HTTP/1.1\r\n\r\n"), 0, 1002},
		{"reserved bit", append([]byte{0xc2}, whole(request(""))[1:]...), 0, 1002},
		{"70 KiB", whole(request("X: " + strings.Repeat("a", 70<<10) + "\r\n")), 0, 1009},
		{"70 KiB in many messages", append(whole("GET /echo HTTP/1.1\r\nX: "), bytes.Repeat(whole(strings.Repeat("a", 1000)), 70)...), 400, 1000},
	}
	for _, name := range []string{"Accept-Charset", "Accept-Encoding", "Content-Length", "Content-Transfer-Encoding", "Date", "Expect", "Keep-Alive",
		"Referer", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Via", "Proxy-Authorization", "Sec-WebSocket-Key", "Sec-Fetch-Mode", "sEC-anything"} {
		list = append(list, attempt{name, whole(request(name + ": 1\r\n")), 400, 1000})
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			ws, reply, err := knock(plain, m.addr(), "ws://"+m.addr()+"/echo?.kl=Y", "Sec-WebSocket-Protocol: x-kaazing-handshake")
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			if _, p, err := ws.rawFrame(); reply.status != 101 || err != nil || string(p) != "\xef\x83\xbfN" {
				t.Fatalf("status %d, directive %q, %v", reply.status, p, err)
			}
			go ws.Write(c.frames)
			status, code := 0, 0
			for code == 0 {
				first, p, err := ws.rawFrame()
				if err != nil {
					t.Fatalf("after inner %d: %v", status, err)
				}
				switch {
				case first == 0x88 && len(p) >= 2:
					code = int(p[0])<<8 | int(p[1])
				case status == 0 && bytes.HasPrefix(p, []byte("HTTP/1.1 ")):
					fmt.Sscan(string(p[9:12]), &status)
				}
			}
			if status != c.status || code != c.code {
				t.Errorf("inner %d, close %d; want %d, %d", status, code, c.status, c.code)
			}
		})
	}
	t.Run("headers that are tolerated", func(t *testing.T) {
		ws, _, err := knock(plain, m.addr(), "ws://"+m.addr()+"/echo", "Sec-WebSocket-Protocol: x-kaazing-handshake")
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		ws.Write(whole(request("Host: " + m.addr() + "\r\nConnection: Upgrade\r\nX-Other: 1\r\nSec-WebSocket-Protocol: \r\n")))
		if _, p, err := ws.rawFrame(); err != nil || !bytes.HasPrefix(p, []byte("HTTP/1.1 101 ")) {
			t.Errorf("got %.60q, %v", p, err)
		}
	})
}
