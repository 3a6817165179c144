package gateway

import (
	"fmt"
	"strings"
	"testing"
)

// Two members started from one copied file are complained of on both sides,
// once, and clients still come back to the member whose cookie they have
// (reliability.md F07).
func TestCopiedMemberName(t *testing.T) {
	ips := []string{"127.0.45.1", "127.0.45.2"}
	port, gossip := freePort(t, ips[0]), freePort(t, ips[1])
	var books [2]logbook
	var gs [2]*Gateway
	for i, ip := range ips {
		gs[i] = startWith(t, &books[i], clusterOf(ip, gossip, "<kz:name>copied</kz:name>", hostPort(ips[0], gossip))+balanced(ip, port, "echo"), nil)
	}
	for i := range gs {
		eventually(t, "complaint", func() bool { return strings.Contains(books[i].String(), "member name taken twice") })
	}
	front := fmt.Sprintf("balancer.example.com:%d", port)
	redirect := func(i int, cookie string) (location, set string) {
		lines := upgrade
		if cookie != "" {
			lines = with(upgrade, "Cookie: "+cookie)
		}
		r := get(t, hostPort(ips[i], port), "/echo", front, lines...)
		set, _, _ = strings.Cut(r.Header.Get("Set-Cookie"), ";")
		return r.Header.Get("Location"), set
	}
	for n := range 100 {
		first, cookie := redirect(n%2, "")
		again, _ := redirect((n+1)%2, cookie)
		if first == "" || cookie == "" || first != again {
			t.Fatalf("try %d: %q with cookie %q, then %q", n, first, cookie, again)
		}
	}
	for i := range books {
		if n := strings.Count(books[i].String(), "level=ERROR"); n != 1 {
			t.Errorf("side %d: %d errors, want 1", i, n)
		}
	}
}
