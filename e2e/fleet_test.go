//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A fleetSpec says what the members of a test look like. The zero value of
// each field is the usual choice.
type fleetSpec struct {
	Members   int       // 0 is 3
	Discovery discovery // mesh
	Shared    bool      // one balancer address for all members, by SO_REUSEPORT
	Balancer  []setting // properties of the balancer service
	Echo      []setting // accept-options of the echo service
	Cluster   []setting // kz settings of the cluster element
	Gateway   []setting // kz:gateway
	Env       []string  // environment of every member
	Extra     func(m *member) []serviceElement
	Lab       *lab   // run each member in a namespace of its own
	Shell     string // run members by sh -c with this in front, such as "ulimit -n 256;"
}

// A discovery is how the members find one another.
type discovery int

const (
	mesh      discovery = iota // unicast, each lists all others
	chain                      // unicast, each lists only its predecessor, the first only the last
	multicast                  // a group on lo
)

// A fleet is the members of one test and the network they live in. Clients
// reach them through one balancer URI.
type fleet struct {
	t       *testing.T
	spec    fleetSpec
	dir     string
	network string // first three bytes of the members' addresses, as in 127.64.3
	port    int    // of every accept
	gossip  int    // of every cluster accept
	group   string // multicast group and port
	members []*member
}

// A member is one process of a fleet; it may be started again.
type member struct {
	*process
	f     *fleet
	name  string
	ip    string
	conf  config
	began int // offset of the latest start in the log
}

var networks atomic.Int32

// newFleet prepares members that do not run yet.
func newFleet(t *testing.T, spec fleetSpec) *fleet {
	t.Helper()
	if spec.Members == 0 {
		spec.Members = 3
	}
	f := &fleet{t: t, spec: spec}
	f.dir = testFolder(t)
	f.network = freeNetwork(t)
	if spec.Lab != nil {
		f.network = spec.Lab.network
	}
	f.port, f.gossip = f.freePort(), f.freePort()
	f.group = fmt.Sprintf("224.2.%d.%d:%d", 3+rand.N(200), 1+rand.N(250), f.freePort())
	for i := range spec.Members {
		f.members = append(f.members, &member{f: f, name: fmt.Sprintf("member-%d", i+1), ip: fmt.Sprintf("%s.%d", f.network, i+1)})
	}
	for i, m := range f.members {
		m.conf = f.configOf(i)
	}
	t.Cleanup(f.report)
	return f
}

// testFolder is a folder for the files of a test.
func testFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, strings.ReplaceAll(t.Name(), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// freeNetwork is a loopback network that no other test of this machine uses.
func freeNetwork(t *testing.T) string {
	t.Helper()
	n := (os.Getpid()*64 + int(networks.Add(1))) % (180 * 250)
	return fmt.Sprintf("127.%d.%d", 64+n/250, 1+n%250)
}

// freePort is a port below those that the kernel gives to clients, and free on
// every address of the fleet.
func (f *fleet) freePort() int {
	f.t.Helper()
	for range 1000 {
		port := 12000 + rand.N(20000)
		if port == f.port || port == f.gossip {
			continue
		}
		if l, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	f.t.Fatal("no free port")
	return 0
}

// authority is the host and port of the balancer URI. It is a name when the
// members have balancer addresses of their own: what DNS with several A
// records is elsewhere.
func (f *fleet) authority() string {
	if f.spec.Shared {
		return fmt.Sprintf("%s.100:%d", f.network, f.port)
	}
	return fmt.Sprintf("balancer.example.com:%d", f.port)
}

func (f *fleet) uri() string { return "ws://" + f.authority() + "/echo" }

// doors are the addresses at which clients find a balancer.
func (f *fleet) doors() []string {
	if f.spec.Shared {
		return []string{f.authority()}
	}
	var list []string
	for _, m := range f.members {
		list = append(list, m.addr())
	}
	return list
}

func (m *member) addr() string { return fmt.Sprintf("%s:%d", m.ip, m.f.port) }
func (m *member) uri() string  { return "ws://" + m.addr() + "/echo" }
func (m *member) id() string   { return fmt.Sprintf("tcp://%s:%d", m.ip, m.f.gossip) }

func (f *fleet) configOf(i int) config {
	m := f.members[i]
	c := config{
		Cluster: &clusterElement{Name: "e2e-" + itoa(f.gossip), Accept: m.id(), Connects: f.connects(i)},
		Gateway: f.spec.Gateway,
	}
	c.Cluster.Settings = append([]setting{{"kz:name", m.name}}, f.spec.Cluster...)
	balancer := serviceElement{Name: "echo balancer", Type: "balancer", Accepts: []string{f.uri()}, Properties: f.spec.Balancer}
	if f.spec.Shared {
		balancer.AcceptOptions = []setting{{"kz:tcp.reuse.port", "enabled"}}
	} else {
		balancer.AcceptOptions = []setting{{"ws.bind", m.addr()}}
	}
	echo := serviceElement{Name: "echo", Type: "echo", Accepts: []string{m.uri()}, Balances: []string{f.uri()}, AcceptOptions: f.spec.Echo}
	c.Services = []serviceElement{balancer, echo}
	if f.spec.Extra != nil {
		c.Services = append(c.Services, f.spec.Extra(m)...)
	}
	return c
}

func (f *fleet) connects(i int) []string {
	n := len(f.members)
	switch f.spec.Discovery {
	case multicast:
		return []string{"udp://" + f.group}
	case chain:
		return []string{f.members[(i+n-1)%n].id()}
	}
	var list []string
	for _, m := range f.members {
		if m != f.members[i] {
			list = append(list, m.id())
		}
	}
	return list
}

// start starts every member and waits until the cluster has formed and each
// member knows where all others can be reached.
func (f *fleet) start() {
	f.t.Helper()
	for _, m := range f.members {
		m.start()
	}
	f.formed(f.members...)
}

// started is the line that ends a start.
const started = "Started server successfully"

// start starts the member, or starts it again, and waits until it serves.
func (m *member) start() {
	m.f.t.Helper()
	m.launch()
	m.waitFor(started, m.began, 15*time.Second)
}

// launch starts the member and does not wait.
func (m *member) launch() {
	m.f.t.Helper()
	file := filepath.Join(m.f.dir, m.name+".xml")
	m.conf.write(m.f.t, file)
	m.began = 0
	if m.process != nil {
		m.began = m.mark()
	}
	argv := []string{kzfast(m.f.t), "-config", file}
	if m.f.spec.Shell != "" {
		argv = []string{"/bin/sh", "-c", m.f.spec.Shell + ` exec "$0" "$@"`, argv[0], argv[1], argv[2]}
	}
	if l := m.f.spec.Lab; l != nil {
		argv = append([]string{"ip", "netns", "exec", l.namespace(slices.Index(m.f.members, m))}, argv...)
	}
	m.process = start(m.f.t, m.f.dir, m.name, m.f.spec.Env, argv...)
}

// formed waits until each of the members hands out exactly these members.
func (f *fleet) formed(members ...*member) {
	f.t.Helper()
	var want []string
	for _, m := range members {
		want = append(want, m.uri())
	}
	slices.Sort(want)
	line := "balance URI: " + f.uri() + "    target list: [" + strings.Join(want, ", ") + "]"
	for _, m := range members {
		eventually(f.t, 20*time.Second, func() bool {
			text := m.text(m.began)
			at := strings.LastIndex(text, "balance URI: ")
			return at >= 0 && strings.HasPrefix(text[at:], line)
		}, "%s does not report %q", m.name, line)
	}
}

// terminate asks the member to end in order and checks that it does.
func (m *member) terminate() {
	m.f.t.Helper()
	m.signal(syscall.SIGTERM)
	if code := m.exit(30 * time.Second); code != 0 {
		m.f.t.Errorf("%s: exit status %d after SIGTERM, want 0", m.name, code)
	}
}

// but lists the members other than m.
func (f *fleet) but(m *member) []*member {
	return slices.DeleteFunc(slices.Clone(f.members), func(o *member) bool { return o == m })
}

// byURI finds a member by an accept URI in its ws or http form; nil for others.
func (f *fleet) byURI(uri string) *member {
	_, rest, _ := strings.Cut(uri, "://")
	for _, m := range f.members {
		if rest == m.addr()+"/echo" {
			return m
		}
	}
	return nil
}

// report looks for the traces of our own faults in the logs, and prints and
// keeps them when the test has failed.
func (f *fleet) report() {
	for _, m := range f.members {
		if m.process == nil {
			continue
		}
		for _, trace := range []string{"panic", "fatal error:", "DATA RACE"} {
			if strings.Contains(m.text(0), trace) {
				f.t.Errorf("%s: %q in the log", m.name, trace)
			}
		}
	}
	if !f.t.Failed() {
		return
	}
	keep := filepath.Join(os.TempDir(), "kzfast-e2e.failed", strings.ReplaceAll(f.t.Name(), "/", "-"))
	os.RemoveAll(keep)
	if err := os.MkdirAll(filepath.Dir(keep), 0o700); err == nil && os.Rename(f.dir, keep) == nil {
		f.t.Logf("logs and configurations are kept in %s", keep)
	}
	for _, m := range f.members {
		if m.process != nil {
			m.file = filepath.Join(keep, m.name+".log")
			f.t.Logf("last lines of %s:\n%s", m.name, m.tail(30))
		}
	}
}
