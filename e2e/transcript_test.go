//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// transcript is the golden console of cluster-management.md §1.11: member 1
// starts, member 2 starts later and is killed. Each line must appear as it
// stands, in this order; where the original did not say so, other lines may
// stand between. {1} and {2} are the members, {B} and {E1} URIs; a line that
// begins with ~ is a pattern.
const transcript = `
~INFO  kzfast \(\S+\)
~INFO  Configuration file: /\S+/member-1\.xml
INFO  

Members [1] {
	Member [{1}] this
}

INFO  Cluster Member started: IP Address: {ip1}; Port: {port}; id: tcp://{1}
INFO  Finished  HttpBalancerService.init()
INFO  Current cluster members:
INFO        member: tcp://{1}
INFO  Current shared balancer map:
INFO  Cluster member tcp://{1}: service echo bound
INFO  Starting server
INFO  Starting services
INFO    {E1}
~INFO    ws://balancer\.example\.com:\d+/echo @ \S+
INFO  Started services
~INFO  Started server successfully in \d+\.\d{3} secs at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d
INFO  Current cluster members:
INFO        member: tcp://{1}
INFO  Current shared balancer map:
INFO       balance URI: {B}    target list: [{E1}]
INFO  

Members [2] {
	Member [{1}] this
	Member [{2}]
}

INFO  Cluster member tcp://{2} is now online
INFO  Member Added
INFO  Current cluster members:
INFO        member: tcp://{1}
INFO        member: tcp://{2}
INFO  Current shared balancer map:
INFO       balance URI: {B}    target list: [{E1}, {E2}]
INFO  

Members [1] {
	Member [{1}] this
}

INFO  Cluster member tcp://{2} has gone down
INFO  Member Removed
INFO  Current cluster members:
INFO        member: tcp://{1}
INFO  Current shared balancer map:
INFO       balance URI: {B}    target list: [{E1}]
`

func TestGoldenTranscript(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 2, Discovery: multicast})
	one, two := f.members[0], f.members[1]
	one.start()
	two.start()
	f.formed(one, two)
	two.kill()
	one.waitFor("Member Removed\n", 0, 20*time.Second)
	f.formed(one)

	plain := strings.NewReplacer("{1}", where(one), "{2}", where(two), "{ip1}", one.ip, "{port}", itoa(f.gossip),
		"{B}", f.uri(), "{E1}", one.uri(), "{E2}", two.uri())
	got := strings.Split(one.text(0), "\n")
	at := 0
	for _, want := range strings.Split(strings.Trim(plain.Replace(transcript), "\n"), "\n") {
		n := indexLine(got[at:], want)
		if n < 0 {
			t.Fatalf("no line %q behind line %d of\n%s", want, at, one.text(0))
		}
		at += n + 1
	}
	// The banner precedes the news it belongs to, with nothing between.
	banner := fmt.Sprintf("\n\nMembers [2] {\n\tMember [%s] this\n\tMember [%s]\n}\n\nINFO  Cluster member tcp://%s is now online\nINFO  Member Added\nINFO  Current cluster members:\n",
		where(one), where(two), where(two))
	if !strings.Contains(one.text(0), banner) {
		t.Errorf("no %q in\n%s", banner, one.text(0))
	}
}

// indexLine finds a line, or one that matches a pattern.
func indexLine(lines []string, want string) int {
	pattern, isPattern := strings.CutPrefix(want, "~")
	re := regexp.MustCompile("^" + pattern + "$")
	for i, l := range lines {
		if l == want || isPattern && re.MatchString(l) {
			return i
		}
	}
	return -1
}
