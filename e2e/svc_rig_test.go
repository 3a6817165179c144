//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A rig is a fleet whose members a test configures with XML of its own: for
// services and options that the usual fleet has no words for.
type rig struct {
	*fleet
	ctx   context.Context
	names map[string][]string // host name: addresses, beside those of the members
}

// newRig prepares n members that do not run yet.
func newRig(t *testing.T, n int) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	r := &rig{fleet: newFleet(t, fleetSpec{Members: n}), ctx: ctx, names: make(map[string][]string)}
	for _, m := range r.members {
		r.names["balancer.example.com"] = append(r.names["balancer.example.com"], m.ip)
	}
	return r
}

// run starts a member with a configuration: the children of gateway-config.
// {ip}, {port} and {balancer} stand for the member's address, the port of all
// accepts and the balancer's authority.
func (r *rig) run(i int, xml string) *member {
	r.t.Helper()
	m := r.members[i]
	r.launch(m, xml)
	m.waitFor(started, m.began, 15*time.Second)
	return m
}

func (r *rig) launch(m *member, xml string) {
	r.t.Helper()
	file := filepath.Join(r.dir, m.name+".xml")
	text := `<?xml version="1.0"?>` + "\n" + `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">` +
		strings.NewReplacer("{ip}", m.ip, "{port}", itoa(r.port), "{balancer}", r.authority()).Replace(xml) + "</gateway-config>\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	m.began = 0
	if m.process != nil {
		m.began = m.mark()
	}
	m.process = start(r.t, r.dir, m.name, nil, kzfast(r.t), "-config", file)
}

// runCluster starts all members with the same configuration and a cluster
// element, and waits until each hands out all of them.
func (r *rig) runCluster(xml string) {
	r.t.Helper()
	for i, m := range r.members {
		cluster := fmt.Sprintf("<cluster><name>e2e-%d</name><accept>%s</accept>", r.gossip, m.id())
		for _, c := range r.connects(i) {
			cluster += "<connect>" + c + "</connect>"
		}
		r.launch(m, cluster+"<kz:name>"+m.name+"</kz:name></cluster>"+xml)
	}
	for _, m := range r.members {
		m.waitFor(started, m.began, 15*time.Second)
	}
}

// elements renders <name>text</name> pairs.
func elements(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%[1]s>", pairs[i], pairs[i+1])
	}
	return b.String()
}

// svc renders a service with an accept on the member's address. body is what
// stands between accept and type, more what follows the type.
func svc(name, kind, scheme, path, body, more string) string {
	return fmt.Sprintf("<service><name>%s</name><accept>%s://{ip}:{port}%s</accept>%s<type>%s</type>%s</service>\n", name, scheme, path, body, kind, more)
}

func props(pairs ...string) string { return "<properties>" + elements(pairs...) + "</properties>" }
func options(pairs ...string) string {
	return "<accept-options>" + elements(pairs...) + "</accept-options>"
}

// resolver dials by the rig's names; what it does not know is dialled as it
// is. via, when set, is asked for another address to connect to.
func (r *rig) resolver(via func(addr string) string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		list := r.names[host]
		if len(list) == 0 {
			list = []string{host}
		}
		first := rand.N(len(list))
		for i := range list {
			to := net.JoinHostPort(list[(first+i)%len(list)], port)
			if via != nil {
				to = via(to)
			}
			var c net.Conn
			if c, err = new(net.Dialer).DialContext(ctx, "tcp4", to); err == nil {
				return c, nil
			}
		}
		return nil, err
	}
}

// server is a TCP server of the test. Its connections end with the test, and
// it may be stopped and started again on the same address.
type server struct {
	t      *testing.T
	addr   string
	handle func(net.Conn)
	l      net.Listener
	conns  chan net.Conn
}

// newServer serves each connection by handle on a goroutine.
func newServer(t *testing.T, ip string, handle func(net.Conn)) *server {
	t.Helper()
	s := &server{t: t, addr: ip + ":0", handle: handle}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	l, err := net.Listen("tcp4", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.l, s.addr, s.conns = l, l.Addr().String(), make(chan net.Conn, 4096)
	go s.accept(l, s.conns)
}

func (s *server) accept(l net.Listener, conns chan net.Conn) {
	for {
		c, err := l.Accept()
		if err != nil {
			close(conns)
			return
		}
		select {
		case conns <- c:
			go s.handle(c)
		default:
			c.Close()
		}
	}
}

// stop refuses new connections and resets the present ones.
func (s *server) stop() {
	if s.l == nil {
		return
	}
	s.l.Close()
	s.l = nil
	for c := range s.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// cpu is the processor time of the process so far.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		p.t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	return time.Duration(atoi(p.t, fields[11])+atoi(p.t, fields[12])) * 10 * time.Millisecond
}

// peak samples the resident memory until stop is called, which answers the
// highest value seen, in bytes.
func (p *process) peak() (stop func() int64) {
	quit, result := make(chan struct{}), make(chan int64, 1)
	file := filepath.Join("/proc", itoa(p.cmd.Process.Pid), "statm")
	go func() {
		highest := int64(0)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var size, pages int64
			if b, err := os.ReadFile(file); err == nil {
				fmt.Sscan(string(b), &size, &pages)
			}
			highest = max(highest, pages*int64(os.Getpagesize()))
			select {
			case <-quit:
				result <- highest
				return
			case <-tick.C:
			}
		}
	}()
	end := sync.OnceValue(func() int64 {
		close(quit)
		return <-result
	})
	p.t.Cleanup(func() { end() })
	return end
}

// heavy leaves a test out of a short run.
func heavy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("heavy: left out with -short")
	}
}

// deadline is when patience ends.
func deadline() time.Time { return time.Now().Add(patience) }
