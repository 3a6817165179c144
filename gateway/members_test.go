package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/cluster"
)

// messages are the messages of a book from byte from on, one each.
func (l *logbook) messages(from int) (list []string) {
	for _, line := range strings.Split(l.String()[from:], "\n") {
		_, msg, ok := strings.Cut(line, "msg=")
		if !ok {
			continue
		}
		if quoted, found := strings.CutPrefix(msg, `"`); found {
			msg, _, _ = strings.Cut(strings.ReplaceAll(quoted, `\"`, `'`), `"`)
		}
		list = append(list, msg)
	}
	return list
}

// absent gives the first of want that does not follow the others in got.
func absent(got []string, want ...string) string {
	for _, w := range want {
		i := slices.Index(got, w)
		if i < 0 {
			return w
		}
		got = got[i+1:]
	}
	return ""
}

// banner is the message of the member list; the first member is this one.
func banner(ids ...string) string {
	s := fmt.Sprintf(`\n\nMembers [%d] {\n`, len(ids))
	for i, id := range ids {
		s += `\tMember [` + strings.TrimPrefix(id, "tcp://") + "]"
		if i == 0 {
			s += " this"
		}
		s += `\n`
	}
	return s + `}\n`
}

// Who is in the first banner does not come online after it, and what is
// printed about an event shows the members of that event, not of a later one.
func TestBannersFollowTheEvents(t *testing.T) {
	const ip = "127.0.0.42"
	var book logbook
	g := startWith(t, &book, clusterOf(ip, freePort(t, ip), "")+balanced(ip, freePort(t, ip), "echo"), nil)
	self := g.cluster.Self()
	member := func(n byte, instance uint64) cluster.Member {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 5942)
		return cluster.Member{ID: "tcp://" + addr.String(), Addr: addr, Instance: instance}
	}
	a, b, again := member(1, 1), member(2, 2), member(2, 3)
	m := &membership{g: g, lives: make(map[string]uint64)}
	at := len(book.String())
	m.greet([]cluster.Member{self, a, b})
	m.onEvent(cluster.Event{Kind: cluster.Online, Member: a, Members: []cluster.Member{self, a}})
	advert := &balance.Advert{State: balance.Up, Entries: []balance.Entry{{
		Balance: "ws://balancer.example.com:1/b", Service: "echo", Targets: []string{"ws://a:1/b"}}}}
	m.onEvent(cluster.Event{Kind: cluster.Changed, Member: a, Advert: advert.Append(nil)})
	m.onEvent(cluster.Event{Kind: cluster.Online, Member: b, Members: []cluster.Member{a, b, self}})
	eventually(t, "dump of the first advert", func() bool {
		return absent(book.messages(at), banner(self.ID, a.ID, b.ID), "Current cluster members:", "      member: "+self.ID,
			"      member: "+a.ID, "      member: "+b.ID, "     balance URI: ws://balancer.example.com:1/b    target list: [ws://a:1/b]") == ""
	})
	if text := book.String()[at:]; strings.Contains(text, "is now online") || strings.Count(text, "Members [") != 1 {
		t.Errorf("members of the first banner came online:\n%s", text)
	}

	at = len(book.String())
	m.onEvent(cluster.Event{Kind: cluster.Gone, Member: b, Members: []cluster.Member{self, a}})
	m.onEvent(cluster.Event{Kind: cluster.Online, Member: again, Members: []cluster.Member{self, a, again}})
	m.onEvent(cluster.Event{Kind: cluster.Gone, Member: a, Left: true, Members: []cluster.Member{self, again}})
	uri := "     balance URI: ws://balancer.example.com:1/b    target list: [ws://a:1/b]"
	own := slices.DeleteFunc(book.messages(0), func(s string) bool { return !strings.HasPrefix(s, "     balance URI: ws://balancer.example.com") })[0]
	want := []string{
		banner(self.ID, a.ID), "Cluster member " + b.ID + " has gone down", "Cluster member " + b.ID + " is down",
		"Cleaning up balancer cluster state for member " + b.ID, "Firing member removed for: " + b.ID, "Member Removed",
		"Current cluster members:", "      member: " + self.ID, "      member: " + a.ID, "Current shared balancer map:", uri, own,

		banner(self.ID, a.ID, b.ID), "Cluster member " + b.ID + " is now online", "Cluster member " + b.ID + " restarted",
		"Firing member added for : " + b.ID, "Member Added",
		"Current cluster members:", "      member: " + self.ID, "      member: " + a.ID, "      member: " + b.ID, "Current shared balancer map:", uri, own,

		banner(self.ID, b.ID), "Cluster member " + a.ID + " has gone down", "Cluster member " + a.ID + " has left", "Cluster member " + a.ID + " is down",
		"Cleaning up balancer cluster state for member " + a.ID,
		"Removed balanced URIs for cluster member " + a.ID + ", new global list: []",
		"Firing member removed for: " + a.ID, "Member Removed",
		"Current cluster members:", "      member: " + self.ID, "      member: " + b.ID, "Current shared balancer map:", own,
	}
	if got := book.messages(at); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A member that joins two others names them in its first banner and does not
// report their coming.
func TestJoinerKnowsWhoWasThere(t *testing.T) {
	var ips, uris []string
	port := freePort(t, "127.0.0.43")
	for i := range 3 {
		ips = append(ips, fmt.Sprintf("127.0.43.%d", i+1))
		uris = append(uris, fmt.Sprintf("ws://%s:%d/echo", ips[i], port))
	}
	gossip := freePort(t, ips[0])
	books := make([]*logbook, 4)
	member := func(life, i int) *Gateway {
		books[life] = new(logbook)
		// The last one knows the second only.
		seed := hostPort(ips[max(0, i-1)], gossip)
		if i == 0 {
			return startWith(t, books[life], clusterOf(ips[i], gossip, "")+balanced(ips[i], port, "echo"), nil)
		}
		return startWith(t, books[life], clusterOf(ips[i], gossip, "", seed)+balanced(ips[i], port, "echo"), nil)
	}
	full := fmt.Sprintf("     balance URI: ws://balancer.example.com:%d/echo    target list: [%s]", port, strings.Join(uris, ", "))
	dumped := func(book *logbook, line string) func() bool {
		return func() bool { return slices.Contains(book.messages(0), line) }
	}
	first := member(0, 0)
	member(1, 1)
	eventually(t, "two members", func() bool { return len(first.cluster.Members()) == 2 })
	third := member(2, 2)
	for _, book := range books[:3] {
		eventually(t, "all targets at all", dumped(book, full))
	}
	id := third.memberID()
	stopGateway(t, third)
	eventually(t, "the end at the first", dumped(books[0], "Cluster member "+id+" has left"))
	member(3, 2)
	eventually(t, "all targets at the one restarted", dumped(books[3], full))
	for _, book := range books[2:] {
		text := book.String()
		n := strings.Count(text, "Members [")
		if strings.Contains(text, "is now online") || n != 1 || !strings.Contains(text, "Members [3]") {
			t.Errorf("the joiner reports comings or %d banners, want Members [3] once:\n%s", n, text)
		}
	}
	eventually(t, "the restart at the first", dumped(books[0], "Cluster member "+id+" restarted"))
	added := fmt.Sprintf("Added balance URIs [%s], new global list is [%s]", uris[0], uris[0])
	if !dumped(books[0], added)() {
		t.Errorf("no %q", added)
	}
	stopGateway(t, first)
}

// What a member withdraws is told to support staff.
func TestWithdrawnTargetsAreToldOf(t *testing.T) {
	const ip = "127.0.0.44"
	port := freePort(t, ip)
	var book logbook
	g := startWith(t, &book, balanced(ip, port, "echo"), nil)
	g.publish(balance.Draining)
	want := []string{
		fmt.Sprintf("Added balance URIs [ws://%s:%d/echo], new global list is [ws://%[1]s:%[2]d/echo]", ip, port),
		fmt.Sprintf("Removed balance URIs [ws://%s:%d/echo], new global list is []", ip, port),
	}
	if s := absent(book.messages(0), want...); s != "" {
		t.Errorf("no %q", s)
	}
}

// A member that came, went and came again before the first banner is told of
// in it only.
func TestFirstBannerAbsorbsRestarts(t *testing.T) {
	const ip = "127.0.0.46"
	var book logbook
	g := startWith(t, &book, clusterOf(ip, freePort(t, ip), ""), nil)
	self := g.cluster.Self()
	first, second := cluster.Member{ID: "tcp://10.0.0.1:1", Instance: 1}, cluster.Member{ID: "tcp://10.0.0.1:1", Instance: 2}
	m := &membership{g: g, lives: make(map[string]uint64)}
	m.greet([]cluster.Member{self, second})
	at := len(book.String())
	raised := self
	raised.Epoch++ // a later epoch is no other life
	m.onEvent(cluster.Event{Kind: cluster.Online, Member: first, Members: []cluster.Member{self, first}})
	m.onEvent(cluster.Event{Kind: cluster.Gone, Member: first, Members: []cluster.Member{self}})
	m.onEvent(cluster.Event{Kind: cluster.Online, Member: second, Members: []cluster.Member{second, raised}})
	if text := book.String()[at:]; text != "" {
		t.Errorf("told again:\n%s", text)
	}
	m.onEvent(cluster.Event{Kind: cluster.Gone, Member: second, Members: []cluster.Member{raised}})
	if !slices.Contains(book.messages(at), "Cluster member "+second.ID+" has gone down") {
		t.Errorf("not told of what came later:\n%s", book.String()[at:])
	}
}
