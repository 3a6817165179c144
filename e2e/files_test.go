//go:build linux

package e2e

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestA6FileLimit is drill F23: a member with 256 descriptors, 100 clients on
// it, and 1,000 attempts to connect that hold what they get. With the limit
// that the member computes for itself it never runs out; with one configured
// far too high it does, and has to live with that.
func TestA6FileLimit(t *testing.T) {
	t.Run("own limit", func(t *testing.T) { fileLimit(t, nil) })
	t.Run("no descriptor left", func(t *testing.T) { fileLimit(t, []setting{{"kz:maximum.connections", "5000"}}) })
}

func fileLimit(t *testing.T, gateway []setting) {
	const held, attempts = 100, 1000
	f := newFleet(t, fleetSpec{Members: 2, Shell: "ulimit -n 256;", Gateway: gateway})
	f.start()
	m := f.members[0]
	var clients []*wsConn
	for i := range held {
		c, err := open(from(f.network, i), m.addr(), m.uri())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	echoAll := func(when string) {
		t.Helper()
		for i, c := range clients {
			if err := c.echo(when); err != nil {
				t.Fatalf("client %d of %d %s: %v", i, held, when, err)
			}
		}
	}
	echoAll("before the attack")

	began := time.Now()
	storm := attack(f, m, attempts)
	served, turnedAway := storm.tally()
	full := m.files()
	echoAll("under attack")
	if turnedAway == 0 {
		t.Error("nobody was turned away: the limit was not reached and nothing is shown")
	}
	if served == 0 {
		t.Error("nobody was served: the member gave up accepting altogether")
	}
	eventually(t, 10*time.Second, func() bool { return time.Since(began) > 2*time.Second }, "time")
	echoAll("after two seconds of it")

	storm.leave()
	left := time.Now()
	eventually(t, 20*time.Second, func() bool {
		c, err := open(plain, m.addr(), m.uri())
		if err != nil {
			return false
		}
		defer c.Close()
		return c.echo("after the attack") == nil
	}, "%s does not take clients again", m.name)
	back := time.Since(left)
	echoAll("after the attack")
	f.targets(m.addr(), f.members...)
	for _, o := range f.members {
		if text := o.text(o.began); strings.Contains(text, "has gone down") {
			t.Errorf("%s saw a member go down", o.name)
		}
	}
	t.Logf("F23: 256 descriptors, %d clients, %d attempts: %d served, %d turned away, %d descriptors at the height; 0 of %d connections lost; new clients %.2f s after the attackers left",
		held, attempts, served, turnedAway, full, held, back.Seconds())
}

// An onslaught is connections that hold on to what they get.
type onslaught struct {
	conns  []net.Conn
	failed int
}

// attack makes n connections and holds them; each sends a handshake.
func attack(f *fleet, m *member, n int) *onslaught {
	s := new(onslaught)
	for i := range n {
		c, err := from(f.network, i)(m.addr())
		if err != nil {
			s.failed++
			continue
		}
		_, _ = io.WriteString(c, upgradeRequest(m.addr(), "/echo"))
		s.conns = append(s.conns, c)
	}
	return s
}

// tally reads each connection's first bytes: served are those that were
// answered with 101, turned away all others.
func (s *onslaught) tally() (served, turnedAway int) {
	var mu sync.Mutex
	var reading sync.WaitGroup
	for _, c := range s.conns {
		reading.Go(func() {
			ok := gets101(c)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				served++
			} else {
				turnedAway++
			}
		})
	}
	reading.Wait()
	return served, turnedAway + s.failed
}

func gets101(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var b [12]byte
	_, err := io.ReadFull(c, b[:])
	return err == nil && string(b[:]) == "HTTP/1.1 101"
}

func (s *onslaught) leave() {
	for _, c := range s.conns {
		c.Close()
	}
}

// ended reports whether err is the end of a connection by the peer.
func ended(err error) bool {
	var n net.Error
	return err != nil && !(errors.As(err, &n) && n.Timeout())
}
