//go:build linux

package e2e

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// exitFailed is the exit status of a gateway that could not start.
const exitFailed = 255

// TestSecondProcessIsRefused starts a second process on addresses that are
// already served: each kind of listener refuses it, with the address in the
// message, and the first process does not notice.
func TestSecondProcessIsRefused(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1})
	f.start()
	m := f.members[0]
	c := newCrowd(t, f, 5)
	for _, v := range []struct {
		name, addr string
		change     func(c *config)
	}{
		{"cluster accept", strings.TrimPrefix(m.id(), "tcp://"), func(*config) {}},
		{"service accept", m.addr(), func(c *config) { c.Cluster = nil }},
	} {
		t.Run(v.name, func(t *testing.T) {
			second := newFleet(t, fleetSpec{Members: 1})
			s := second.members[0]
			s.conf = m.conf
			v.change(&s.conf)
			s.launch()
			if code := s.exit(patience); code != exitFailed {
				t.Errorf("exit status %d, want %d", code, exitFailed)
			}
			text := s.text(0)
			if !strings.Contains(text, "already in use") || !strings.Contains(text, "another process") || !strings.Contains(text, v.addr) {
				t.Errorf("no clear message about %s:\n%s", v.addr, text)
			}
			if !strings.HasSuffix(text, "Gateway failed to launch\n") || strings.Contains(text, started) {
				t.Errorf("the last word is not that it failed:\n%s", text)
			}
		})
	}
	c.speak()
	c.settle(patience, "clients of the first process")
	if n := len(c.since(time.Time{}).ends); n > 0 {
		t.Errorf("%d clients of the first process lost their connection", n)
	}
}

// TestSharedAddressIsServedByBoth is the other side: with the option on both
// sides two processes serve one address, and either may die.
func TestSharedAddressIsServedByBoth(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 2, Shared: true, Discovery: multicast})
	f.start()
	c := newCrowd(t, f, 40)
	c.speak()
	for _, m := range f.members {
		m.kill()
		c.settle(30*time.Second, "clients after the end of "+m.name)
		m.start()
		f.formed(f.members...)
	}
}

var faultLine = regexp.MustCompile(`^\S+/member-1\.xml:\d+:\d+: \[[A-Z]+-\d+\] error: .+[a-z]`)

// TestConfigurationWithErrors shows that all faults are told, each with its
// place, that the status is 255, and that nothing is bound: every address of
// the configuration is taken by the test, which the process never learns.
func TestConfigurationWithErrors(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1})
	m := f.members[0]
	touched := make(chan string, 10)
	for _, addr := range []string{m.addr(), strings.TrimPrefix(m.id(), "tcp://")} {
		hold(t, addr, touched)
	}

	m.launch()
	if code := m.exit(patience); code != exitFailed {
		t.Fatalf("a good configuration on taken addresses: exit status %d, want %d", code, exitFailed)
	}
	if !strings.Contains(m.text(0), "already in use") {
		t.Fatalf("the process did not meet our listeners, so this test shows nothing:\n%s", m.text(0))
	}

	good := m.conf
	for _, c := range []struct {
		name   string
		change func(c *config)
		faults []string
	}{
		{"three faults", func(c *config) {
			c.Services[1].Type = "ecko"
			c.Services[0].Properties = []setting{{"kz:balancer.mode", "sideways"}}
			c.Gateway = []setting{{"kz:loops", "many"}}
		}, []string{"ecko", "sideways", "many"}},
		{"accept address is not local", func(c *config) {
			elsewhere := *c.Cluster
			elsewhere.Accept = "tcp://203.0.113.7:5942"
			c.Cluster = &elsewhere
		}, []string{"203.0.113.7"}},
		{"balancer without members", func(c *config) { c.Services = c.Services[:1] }, []string{"Detected orphaned balancer accept URI: " + f.uri()}},
		{"balance URI without balancer", func(c *config) { c.Services = c.Services[1:] }, []string{"does not point to a balancer service's accept URI"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.conf = good
			m.conf.Services = append([]serviceElement(nil), good.Services...)
			c.change(&m.conf)
			m.launch()
			if code := m.exit(patience); code != exitFailed {
				t.Errorf("exit status %d, want %d", code, exitFailed)
			}
			text := m.text(m.began)
			if strings.Contains(text, "already in use") || strings.Contains(text, "Cluster Member started") {
				t.Errorf("it tried to bind:\n%s", text)
			}
			for _, want := range c.faults {
				if !faulty(text, want) {
					t.Errorf("no fault with place and reason about %q:\n%s", want, text)
				}
			}
			if !strings.HasSuffix(text, "Gateway failed to launch\n") {
				t.Errorf("the last word is not that it failed:\n%s", text)
			}
		})
	}
	select {
	case who := <-touched:
		t.Errorf("a process connected to %s", who)
	default:
	}
}

func faulty(text, about string) bool {
	for line := range strings.Lines(text) {
		if faultLine.MatchString(line) && strings.Contains(line, about) {
			return true
		}
	}
	return false
}

// hold listens on addr and tells of anybody who connects.
func hold(t *testing.T, addr string, touched chan<- string) {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			touched <- addr
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
}
