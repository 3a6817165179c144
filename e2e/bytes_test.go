//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// exampleConfig serves the URIs of the examples of protocol.md §4.5 on one
// loopback address: those of (a), three of (b), and for (c) a balancer whose
// only member has lost its back end.
func exampleConfig(f *fleet, dead string) config {
	at := func(i int) []setting { return []setting{{"ws.bind", fmt.Sprintf("%s.%d:%d", f.network, i, f.port)}} }
	pair := func(name, public, member string) []serviceElement {
		return []serviceElement{
			{Name: name + " balancer", Type: "balancer", Accepts: []string{public}, AcceptOptions: at(1),
				Properties: []setting{{"kz:balancer.affinity", "none"}, {"kz:balancer.mode", "redirect"}}},
			{Name: name, Type: "echo", Accepts: []string{member}, Balances: []string{public}, AcceptOptions: at(1)},
		}
	}
	c := config{Gateway: []setting{{"kz:balance.port-mapping", "allowed"}}}
	c.Services = append(c.Services, pair("a", "ws://balancer.example.com:8081/echo", "ws://node1.example.com:8081/echo")...)
	c.Services = append(c.Services, pair("b1", "ws://localhost:8001/echo", "ws://localhost:8001/echo1")...)
	c.Services = append(c.Services, pair("b2", "ws://balancer.example.com:8001/echo", "ws://node1.example.com:8001/echo")...)
	none := pair("c", "ws://balancer.example.com:8001/none", "ws://node1.example.com:8001/none")
	none[1].Type, none[1].Connects = "proxy", []string{"tcp://" + dead}
	none[1].Properties = []setting{{"maximum.recovery.interval", "1"}}
	c.Services = append(c.Services, none...)
	return c
}

var dateLine = regexp.MustCompile(`(?m)^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r$`)

// TestA2ExactBytes compares what the balancer sends with the examples of
// protocol.md §4.5 byte by byte; only the date is set aside.
func TestA2ExactBytes(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1})
	m := f.members[0]
	m.conf = exampleConfig(f, fmt.Sprintf("%s.9:%d", f.network, f.gossip))
	m.start()
	m.waitFor("service proxy unbound", 0, patience)

	const switching = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n"
	for _, c := range []struct {
		name, host, target, head, frames string
	}{
		{"a", "balancer.example.com:8081", "/echo", "HTTP/1.1 302 Found\r\nDate: <date>\r\n" +
			"location: http://node1.example.com:8081/echo\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n", ""},
		{"b", "localhost:8001", "/echo?.kl=Y", switching,
			"82 23 EF 83 BF 52" + hexOf("ws://localhost:8001/echo1?.kl=Y") + "88 02 03 E8"},
		{"b, 38 bytes", "balancer.example.com:8001", "/echo?.kl=Y", switching,
			"82 2A EF 83 BF 52" + hexOf("ws://node1.example.com:8001/echo?.kl=Y") + "88 02 03 E8"},
		{"b, 46 bytes", "balancer.example.com:8001", "/echo?.kl=Y&topic=a", switching,
			"82 32 EF 83 BF 52" + hexOf("ws://node1.example.com:8001/echo?.kl=Y&topic=a") + "88 02 03 E8"},
		{"c", "balancer.example.com:8001", "/none?.kl=Y", switching, "82 04 EF 83 BF 52 88 02 03 E8"},
		{"none for a plain client", "balancer.example.com:8001", "/none", "HTTP/1.1 503 Service Unavailable\r\n" +
			"Content-Type: text/html\r\nDate: <date>\r\nRetry-After: 1\r\nServer: Kaazing Gateway\r\nContent-Length: 71\r\n",
			hexOf("<html><head></head><body><h1>503 Service Unavailable</h1></body></html>")},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, rest := rawAnswer(t, m.addr(), upgradeRequest(c.host, c.target))
			head = dateLine.ReplaceAllString(head, "Date: <date>\r")
			if strings.HasPrefix(c.head, switching) {
				head = head[:min(len(head), len(switching))]
			}
			if head != c.head {
				t.Errorf("head\n got %q\nwant %q", head, c.head)
			}
			if want := unhex(t, c.frames); string(rest) != string(want) {
				t.Errorf("behind the head\n got % X\nwant % X", rest, want)
			}
		})
	}
}

// TestA2CookieLine shows where the affinity cookie stands in the 302.
func TestA2CookieLine(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1})
	f.start()
	m := f.members[0]
	head, _ := rawAnswer(t, m.addr(), upgradeRequest(f.authority(), "/echo"))
	head = dateLine.ReplaceAllString(head, "Date: <date>\r")
	cookie := regexp.MustCompile(`gwha-[\w-]{8}=1\.[0-9a-f]{2}\.[0-9a-f]{8}\.[\w-]{12}\.[\w-]{22}; Path=/echo; Max-Age=86400; HttpOnly\r`)
	head = cookie.ReplaceAllString(head, "<cookie>\r")
	want := "HTTP/1.1 302 Found\r\nDate: <date>\r\nlocation: " + strings.Replace(m.uri(), "ws:", "http:", 1) +
		"\r\nServer: Kaazing Gateway\r\nSet-Cookie: <cookie>\r\nContent-Length: 0\r\n"
	if head != want {
		t.Errorf("head\n got %q\nwant %q", head, want)
	}
}

// rawAnswer sends a request and reads until the server closes: the lines of
// the head without the empty one, and what follows it.
func rawAnswer(t *testing.T, addr, request string) (head string, rest []byte) {
	t.Helper()
	c, err := plain(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	var all []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if i := strings.Index(string(all), "\r\n\r\n"); i >= 0 && strings.HasSuffix(string(all[i+4:]), "\x88\x02\x03\xe8") {
			_, _ = c.Write(frame(opClose, []byte{0x03, 0xf3})) // 1011, as one of the vendor's scripts does
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
	}
	head, after, ok := strings.Cut(string(all), "\r\n\r\n")
	if !ok {
		t.Fatalf("no head in %q", all)
	}
	return head + "\r\n", []byte(after)
}

func hexOf(s string) string { return hex.EncodeToString([]byte(s)) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
