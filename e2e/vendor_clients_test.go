//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kzfast/kzfast/internal/vendorclient"
)

var vendorKinds = []vendorclient.Kind{vendorclient.JavaScript, vendorclient.Java}

// steps collects what a vendor client did, and logs it when the test fails.
type steps struct {
	mu   sync.Mutex
	list []string
}

func newSteps(t *testing.T) *steps {
	s := new(steps)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("steps of the client:\n  %s", strings.Join(s.all(), "\n  "))
		}
	})
	return s
}

func (s *steps) add(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, step)
}

func (s *steps) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

func (s *steps) count(part string) (n int) {
	for _, l := range s.all() {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

// verbs are the first two words of each step, without URIs.
func (s *steps) verbs() string {
	var b []string
	for _, l := range s.all() {
		words := strings.Fields(l)
		if len(words) > 1 && !strings.Contains(words[1], "/") {
			words = words[:2]
		} else {
			words = words[:1]
		}
		b = append(b, strings.Join(words, " "))
	}
	return strings.Join(b, ", ")
}

func (r *rig) vendor(t *testing.T, uri string, o vendorclient.Options) *vendorclient.Conn {
	t.Helper()
	if o.DialContext == nil {
		o.DialContext = r.resolver(nil)
	}
	c, err := vendorclient.Dial(r.ctx, uri, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c
}

// echoes sends messages and wants each back as it was.
func echoes(t *testing.T, ctx context.Context, c *vendorclient.Conn, messages ...vendorclient.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, m := range messages {
		if err := c.Send(m); err != nil {
			t.Fatalf("send %d bytes: %v", len(m.Data), err)
		}
		got, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("echo of %d bytes: %v", len(m.Data), err)
		}
		if got.Text != m.Text || !bytes.Equal(got.Data, m.Data) {
			t.Fatalf("echo: got %.40q (text %v, %d bytes), want %.40q (text %v, %d bytes)",
				got.Data, got.Text, len(got.Data), m.Data, m.Text, len(m.Data))
		}
	}
}

// sizes are messages at the edges of the length encodings of RFC 6455 and WSE.
func sizes() (list []vendorclient.Message) {
	for _, n := range []int{0, 1, 125, 126, 127, 128, 16383, 16384, 65535, 65536, 131072} {
		p := bytes.Repeat([]byte{'a', 0, '\n', 0x7f, 0xff, 0x80, 'z'}, n/7+1)[:n]
		list = append(list, vendorclient.Binary(p), vendorclient.Text(strings.Repeat("x", n)))
	}
	return append(list, vendorclient.Text("ABC€"), vendorclient.Text("a\x00\n\r\x7f"), vendorclient.Text("\x01\x01\x01\x02"),
		vendorclient.Text("\x01\x01\x01\x02\x09\x00"), vendorclient.Binary([]byte("\x01\x01\x01\x02\x09\x00")))
}

func closedWith(err error) int {
	var e *vendorclient.CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// TestVendorDirect lets both clients speak to a member's own URI.
func TestVendorDirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.run(0, svc("echo", "echo", "ws", "/echo", "", "")+
		svc("lively", "echo", "ws", "/lively", "", options("ws.inactivity.timeout", "2s")))
	uri := "ws://" + r.members[0].addr()
	for _, kind := range vendorKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			c := r.vendor(t, uri+"/echo", vendorclient.Options{Kind: kind, Trace: s.add})
			echoes(t, r.ctx, c, sizes()...)
			if c.Emulated() {
				t.Error("fell back to WSE")
			}
			want := "native, 101, directive N, inner 101, directive N, open"
			if kind == vendorclient.Java {
				want = "preflight, preflight 200, " + want
			}
			if got := s.verbs(); got != want {
				t.Errorf("steps\n got %s\nwant %s", got, want)
			}
			if e := c.Close(4321, "that's it"); e.Code != 4321 || e.Reason != "that's it" {
				t.Errorf("close: got %v, want the code and reason sent", e)
			}
		})
		t.Run(kind.String()+", too big", func(t *testing.T) {
			t.Parallel()
			c := r.vendor(t, uri+"/echo", vendorclient.Options{Kind: kind})
			if err := c.Send(vendorclient.Binary(make([]byte, 131073))); err != nil {
				t.Logf("send: %v", err)
			}
			if _, err := c.Receive(r.ctx); closedWith(err) != 1009 {
				t.Errorf("131073 bytes: got %v, want close 1009", err)
			}
		})
		t.Run(kind.String()+", promised life", func(t *testing.T) {
			t.Parallel()
			heavy(t)
			s := newSteps(t)
			c := r.vendor(t, uri+"/lively", vendorclient.Options{Kind: kind, Trace: s.add})
			want := []string{"x-kaazing-idle-timeout; timeout=2000"}
			if kind == vendorclient.JavaScript {
				want = append(want, "x-kaazing-ping-pong; 01010102")
			}
			if got := c.Extensions(); !slices.Equal(got, want) {
				t.Errorf("extensions %q, want %q", got, want)
			}
			// The client fails when nothing comes for 2 s, the server when
			// nothing comes back; five seconds of silence show both.
			ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
			defer cancel()
			if m, err := c.Receive(ctx); err != context.DeadlineExceeded {
				t.Errorf("idle: got %q, %v", m.Data, err)
			}
			echoes(t, r.ctx, c, vendorclient.Text("alive"))
			if kind == vendorclient.JavaScript && s.count("emulated ping") < 2 {
				t.Errorf("%d emulated pings in 5 s, want one a second", s.count("emulated ping"))
			}
		})
	}
}

// balancedEcho is an echo service behind a balancer, on each of the members.
const balancedEcho = `<service><name>echo balancer</name><accept>ws://{balancer}/echo</accept><type>balancer</type>
	<accept-options><ws.bind>{ip}:{port}</ws.bind></accept-options></service>
<service><name>echo</name><accept>ws://{ip}:{port}/echo</accept><balance>ws://{balancer}/echo</balance><type>echo</type></service>
`

// TestVendorBalanced sends both clients through the balancer of two members,
// with and without the cookies of a browser.
func TestVendorBalanced(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.runCluster(balancedEcho)
	r.formed(r.members...)
	steer := map[vendorclient.Kind]string{
		vendorclient.JavaScript: "native, 101, directive N, inner 101, redirect, native, 101, directive N, inner 101, directive N, open",
		vendorclient.Java:       "preflight, preflight 302, redirect, native, 101, directive N, inner 101, directive N, open",
	}
	for _, kind := range vendorKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			seen := make(map[string]int)
			for range 24 {
				s := newSteps(t)
				c := r.vendor(t, r.uri(), vendorclient.Options{Kind: kind, Trace: s.add})
				echoes(t, r.ctx, c, vendorclient.Text("through"))
				if got := s.verbs(); got != steer[kind] {
					t.Fatalf("steps\n got %s\nwant %s", got, steer[kind])
				}
				seen[c.URL()]++
				c.Close(1000, "")
			}
			for _, m := range r.members {
				if seen[m.uri()+"?.kl=Y"] == 0 {
					t.Errorf("no client of 24 reached %s: %v", m.uri(), seen)
				}
			}
		})
	}
	t.Run("affinity", func(t *testing.T) {
		t.Parallel()
		for range 4 {
			jar, _ := cookiejar.New(nil)
			first := ""
			for range 4 {
				c := r.vendor(t, r.uri(), vendorclient.Options{Jar: jar})
				if first == "" {
					first = c.URL()
				}
				if c.URL() != first {
					t.Fatalf("a browser with the cookie of %s reached %s", first, c.URL())
				}
				c.Close(1000, "")
			}
		}
	})
	t.Run("emulated", func(t *testing.T) {
		for _, kind := range vendorKinds {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				seen := make(map[string]int)
				for range 16 {
					s := newSteps(t)
					c := r.vendor(t, r.uri(), vendorclient.Options{Kind: kind, NoNative: true, Trace: s.add})
					echoes(t, r.ctx, c, vendorclient.Text("through"))
					seen[c.URL()]++
					if s.count("create 302") != 1 || s.count("create 201") != 1 {
						t.Fatalf("steps %s", s.verbs())
					}
					c.Close(1000, "")
				}
				if len(seen) != 2 {
					t.Errorf("16 clients reached %v", seen)
				}
			})
		}
	})
}

// writeUsers puts a user file beside the members' configurations.
func (r *rig) writeUsers() {
	r.t.Helper()
	const users = `<?xml version="1.0" encoding="UTF-8"?>
<jaas-config xmlns="http://xmlns.kaazing.com/jaas-config/centurion">
  <user><name>joe</name><password>welcome</password><role-name>AUTHORIZED</role-name></user>
  <user><name>ann</name><password>secret</password></user>
  <role><name>AUTHORIZED</name><description>may use the service</description></role>
</jaas-config>
`
	if err := os.WriteFile(filepath.Join(r.dir, "jaas-config.xml"), []byte(users), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// realm is a realm of the users of writeUsers.
func realm(scheme string) string {
	return `<security><realm><name>demo</name><description>Kaazing WebSocket Gateway Demo</description><authentication>
	<http-challenge-scheme>` + scheme + `</http-challenge-scheme><login-modules><login-module><type>file</type><success>required</success>
	<options><file>jaas-config.xml</file></options></login-module></login-modules></authentication></realm></security>
`
}

const protected = `<realm-name>demo</realm-name><authorization-constraint><require-role>AUTHORIZED</require-role></authorization-constraint>`

// TestVendorChallenge shows who gets past an Application Basic realm, and how
// those fare who do not.
func TestVendorChallenge(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.writeUsers()
	r.runCluster(strings.Replace(balancedEcho, "<type>echo</type>", "<type>echo</type>"+protected, 1) + realm("Application Basic"))
	r.formed(r.members...)
	var asked vendorclient.Challenge
	joe := vendorclient.Basic("joe", "welcome")
	for _, kind := range vendorKinds {
		for _, native := range []bool{true, false} {
			name := fmt.Sprintf("%v, native %v", kind, native)
			t.Run(name, func(t *testing.T) {
				s := newSteps(t)
				o := vendorclient.Options{Kind: kind, NoNative: !native, Trace: s.add, Challenge: func(c vendorclient.Challenge) (string, bool) {
					asked = c
					return joe(c)
				}}
				c := r.vendor(t, r.uri(), o)
				echoes(t, r.ctx, c, vendorclient.Text("welcome"))
				if c.Emulated() == native {
					t.Errorf("emulated: %v", c.Emulated())
				}
				if asked.Scheme != "Basic" || asked.Params != `realm="Kaazing WebSocket Gateway Demo"` {
					t.Errorf("challenge %+v", asked)
				}
				c.Close(1000, "")
			})
			for who, handler := range map[string]func(vendorclient.Challenge) (string, bool){
				"nobody": nil, "wrong password": vendorclient.Basic("joe", "Welcome"), "without the role": vendorclient.Basic("ann", "secret"),
			} {
				t.Run(name+", "+who, func(t *testing.T) {
					s := newSteps(t)
					o := vendorclient.Options{Kind: kind, NoNative: !native, Trace: s.add, Challenge: handler, DialContext: r.resolver(nil)}
					c, err := vendorclient.Dial(r.ctx, r.uri(), o)
					if err == nil {
						c.Abort()
						t.Fatal("got in")
					}
					if closedWith(err) != 1006 {
						t.Errorf("got %v, want 1006", err)
					}
					if native && s.count("create") > 0 {
						t.Error("fell back to WSE after authentication had begun")
					}
				})
			}
		}
	}
	t.Run("plain client", func(t *testing.T) {
		m := r.members[0]
		reply, err := ask(plain, m.addr(), m.uri())
		if err != nil || reply.status != 403 {
			t.Errorf("got %v, %v; want 403, for a browser could never answer the challenge", reply, err)
		}
	})
}

// TestVendorReconnect kills the member of a client: the client is told 1006
// and the application, which opens the URI it began with, is served by the
// other member.
func TestVendorReconnect(t *testing.T) {
	t.Parallel()
	for _, kind := range vendorKinds {
		for _, native := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, native %v", kind, native), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 2)
				r.runCluster(balancedEcho)
				r.formed(r.members...)
				jar, _ := cookiejar.New(nil)
				o := vendorclient.Options{Kind: kind, NoNative: !native, Jar: jar, Trace: newSteps(t).add}
				if kind == vendorclient.Java {
					o.Jar = nil
				}
				c := r.vendor(t, r.uri(), o)
				echoes(t, r.ctx, c, vendorclient.Text("before"))
				victim := r.byURI(strings.TrimSuffix(c.URL(), "?.kl=Y"))
				if victim == nil {
					t.Fatalf("connected to %s", c.URL())
				}
				began := time.Now()
				victim.kill()
				ctx, cancel := context.WithTimeout(r.ctx, patience)
				defer cancel()
				if _, err := c.Receive(ctx); closedWith(err) != 1006 {
					t.Fatalf("after kill -9: got %v, want 1006", err)
				}
				o.DialContext = r.resolver(nil)
				again, err := vendorclient.Reopen(ctx, r.uri(), o, 50*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(again.Abort)
				echoes(t, r.ctx, again, vendorclient.Text("after"))
				t.Logf("served again %.2f s after the kill", time.Since(began).Seconds())
				if got := strings.TrimSuffix(again.URL(), "?.kl=Y"); got == victim.uri() {
					t.Errorf("reconnected to the dead member")
				}
			})
		}
	}
}
