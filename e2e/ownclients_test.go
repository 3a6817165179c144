//go:build linux

package e2e

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/client"
	"github.com/kzfast/kzfast/wsproto"
)

// options make our Go client find the balancer's name at all doors.
func (f *fleet) options(inBand bool) client.Options {
	return client.Options{
		InBand: inBand,
		LookupNetIP: func(_ context.Context, host string) ([]netip.Addr, error) {
			var list []netip.Addr
			for _, m := range f.members {
				list = append(list, netip.MustParseAddr(m.ip))
			}
			return list, nil
		},
		DialContext: (&net.Dialer{Timeout: patience}).DialContext,
	}
}

// TestA2GoClient brings our Go client in by 302 and by directive, and over
// kill -9 of its member to another.
func TestA2GoClient(t *testing.T) {
	for _, c := range []struct {
		name   string
		inBand bool
	}{{"302", false}, {"directive", true}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(t, fleetSpec{})
			f.start()
			opened, echoes := make(chan string, 16), make(chan string, 16)
			var cl *client.Client
			cl, err := client.New(f.uri(), f.options(c.inBand), client.Handlers{
				State: func(s client.State) {
					if s.Phase == client.Open {
						opened <- s.Member
						_ = cl.Send(t.Context(), client.Message{Text: true, Data: []byte("hello " + s.Member)})
					}
				},
				Message: func(m client.Message) { echoes <- string(m.Data) },
			})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cl.Run(t.Context()) }()
			next := func() *member {
				t.Helper()
				m := f.byURI(await(t, opened))
				if got := await(t, echoes); m == nil || got != "hello "+m.uri() {
					t.Fatalf("echo %q from %s", got, where(m))
				}
				return m
			}
			first := next()
			killed := time.Now()
			first.kill()
			second := next()
			took := time.Since(killed)
			if second == first {
				t.Errorf("back on %s, which is dead", first.name)
			}
			if err := cl.Close(wsproto.CodeNormal, ""); err != nil {
				t.Error(err)
			}
			if err := await(t, ended); err != nil {
				t.Errorf("Run: %v", err)
			}
			t.Logf("Go client by %s: kill -9 of %s, echo from %s %.2f s later", c.name, first.name, second.name, took.Seconds())
		})
	}
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(2 * patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// TestA2JavaScriptClient does the same with our client for JavaScript in Node.
func TestA2JavaScriptClient(t *testing.T) {
	modules(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("no Node: %v", err)
	}
	script := absolute(t, "node/client.js")
	f := publicFleet(t)
	p := start(t, f.dir, "client-js", nil, node, script, f.uri())
	first := f.echoedBy(p, 0)
	at := p.mark()
	killed := time.Now()
	first.kill()
	second := f.echoedBy(p, at)
	took := time.Since(killed)
	if second == first {
		t.Errorf("back on %s, which is dead", first.name)
	}
	first.start()
	f.formed(f.members...)
	at = p.mark()
	second.terminate()
	if third := f.echoedBy(p, at); third != first {
		t.Errorf("after the drain of %s on %s", second.name, where(third))
	}
	t.Logf("JavaScript client: kill -9 of %s, echo from %s %.2f s later; moved again by a drain", first.name, second.name, took.Seconds())
}

// echoedBy waits for the next echo in the output of client.js and answers who
// it came from.
func (f *fleet) echoedBy(p *process, from int) *member {
	f.t.Helper()
	const mark = "echo hello "
	p.waitFor(mark, from, 2*patience)
	_, rest, _ := strings.Cut(p.text(from), mark)
	uri, _, _ := strings.Cut(rest, "\n")
	m := f.byURI(uri)
	if m == nil {
		f.t.Fatalf("echo from %q", uri)
	}
	return m
}
