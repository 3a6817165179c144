//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/internal/vendorclient"
)

// box puts a middlebox in front of every member of the rig and answers the
// detour for its resolver. Each connection is the box's.
func (r *rig) box(t *testing.T, handle func(client net.Conn, member string)) func(addr string) string {
	t.Helper()
	detour := make(map[string]string)
	for _, m := range r.members {
		addr := m.addr()
		detour[addr] = newServer(t, r.network+".250", func(c net.Conn) {
			defer c.Close()
			handle(c, addr)
		}).addr
	}
	return func(addr string) string {
		if to := detour[addr]; to != "" {
			return to
		}
		return addr
	}
}

// refuseUpgrades is a box that lets HTTP through and answers upgrade requests
// itself, as some proxies in offices do.
func refuseUpgrades(client net.Conn, member string) {
	in := bufio.NewReader(client)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if req.Header.Get("Upgrade") != "" {
			io.WriteString(client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		if !relayOne(client, member, req, false) {
			return
		}
	}
}

// holdAnswers is a box that passes an answer on when it has all of it: a proxy
// that scans what it lets through.
func holdAnswers(client net.Conn, member string) {
	in := bufio.NewReader(client)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if !relayOne(client, member, req, true) {
			return
		}
	}
}

// relayOne passes one request and its answer on, each over a connection of
// its own to the member. It reports whether the client's connection lives on.
func relayOne(client net.Conn, member string, req *http.Request, hold bool) bool {
	c, err := plain(member)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := req.Write(c); err != nil {
		return false
	}
	gone := make(chan struct{})
	defer close(gone)
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if hold {
		all, err := io.ReadAll(resp.Body)
		if err != nil {
			return false
		}
		resp.Body = io.NopCloser(bytes.NewReader(all))
		resp.ContentLength, resp.TransferEncoding, resp.Close = int64(len(all)), nil, false
		resp.Header.Del("Connection")
		return resp.Write(client) == nil
	}
	return resp.Write(client) == nil && !resp.Close
}

// TestVendorFallback lets a box refuse WebSocket: both clients come in by WSE,
// directly and through the balancer.
func TestVendorFallback(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.runCluster(balancedEcho)
	r.formed(r.members...)
	dial := r.resolver(r.box(t, refuseUpgrades))
	for _, kind := range vendorKinds {
		for name, uri := range map[string]string{"direct": r.members[0].uri(), "balanced": r.uri()} {
			for _, noBridge := range []bool{false, true} {
				if kind == vendorclient.Java && noBridge {
					continue
				}
				if noBridge {
					name += ", no bridge"
				}
				t.Run(kind.String()+", "+name, func(t *testing.T) {
					t.Parallel()
					s := newSteps(t)
					c := r.vendor(t, uri, vendorclient.Options{Kind: kind, Trace: s.add, DialContext: dial, NoBridge: noBridge})
					if !c.Emulated() {
						t.Error("native in spite of the box")
					}
					echoes(t, r.ctx, c, sizes()...)
					if e := c.Close(1000, ""); e.Code != 1005 {
						t.Errorf("close: %v", e)
					}
				})
			}
		}
	}
}

// TestVendorProxyDetection lets a box hold answers back: both clients notice,
// after 3 and 5 seconds, and go on by long-polling.
func TestVendorProxyDetection(t *testing.T) {
	t.Parallel()
	heavy(t)
	r := newRig(t, 1)
	r.run(0, svc("echo", "echo", "ws", "/echo", "", ""))
	dial := r.resolver(r.box(t, holdAnswers))
	for _, kind := range vendorKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			c := r.vendor(t, r.members[0].uri(), vendorclient.Options{Kind: kind, NoNative: true, Trace: s.add, DialContext: dial})
			echoes(t, r.ctx, c, vendorclient.Text("one"), vendorclient.Binary([]byte{0, 1, 2}), vendorclient.Text(strings.Repeat("three", 1000)))
			if s.count("proxy detected") != 1 || s.count(".ki=p") < 2 {
				t.Errorf("no long-polls: %s", s.verbs())
			}
			if e := c.Close(1000, ""); e.Code != 1005 {
				t.Errorf("close: %v", e)
			}
		})
	}
}

// TestVendorEmulatedStream moves much over one emulated connection: downstream
// after downstream, every message once and in order.
func TestVendorEmulatedStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.run(0, svc("echo", "echo", "ws", "/echo", "", "")+svc("lively", "echo", "ws", "/lively", "", options("ws.inactivity.timeout", "2s")))
	for _, kind := range vendorKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			c := r.vendor(t, r.members[0].uri(), vendorclient.Options{Kind: kind, NoNative: true, Trace: s.add,
				Timers: vendorclient.Timers{SelfReconnect: 64 << 10}})
			const n, size = 200, 10000
			sent := make(chan error, 1)
			go func() {
				for i := range n {
					if err := c.Send(vendorclient.Binary(bytes.Repeat([]byte{byte(i)}, size))); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			for i := range n {
				m, err := c.Receive(r.ctx)
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				if len(m.Data) != size || m.Data[0] != byte(i) || m.Data[size-1] != byte(i) {
					t.Fatalf("message %d: %d bytes of %d", i, len(m.Data), m.Data[0])
				}
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if got := s.count("self-reconnect"); got < 10 {
				t.Errorf("%d downstreams were replaced, want one for each 64 KiB of %d", got, n*size)
			}
			c.Close(1000, "")
		})
		t.Run(kind.String()+", idle", func(t *testing.T) {
			t.Parallel()
			heavy(t)
			c := r.vendor(t, "ws://"+r.members[0].addr()+"/lively", vendorclient.Options{Kind: kind, NoNative: true, Trace: newSteps(t).add})
			// X-Idle-Timeout is 5 s, the least there is; pings come each second.
			select {
			case <-c.Done():
				_, err := c.Receive(r.ctx)
				t.Fatalf("idle for 6 s: %v", err)
			case <-time.After(6 * time.Second):
			}
			echoes(t, r.ctx, c, vendorclient.Text("alive"))
		})
	}
}

// TestVendorDrain ends a member in order: native clients are told 1001,
// emulated ones see CLOSE and can answer it, though it takes a new connection.
func TestVendorDrain(t *testing.T) {
	t.Parallel()
	for _, kind := range vendorKinds {
		for want, o := range map[int][]vendorclient.Options{
			1001: {{Kind: kind}},
			1005: {{Kind: kind, NoNative: true}, {Kind: kind, NoNative: true, NoKeepAlive: true}},
		} {
			for _, o := range o {
				t.Run(fmt.Sprintf("%v, native %v, keep-alive %v", kind, !o.NoNative, !o.NoKeepAlive), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, 1)
					m := r.run(0, svc("echo", "echo", "ws", "/echo", "", ""))
					o.Trace = newSteps(t).add
					c := r.vendor(t, m.uri(), o)
					echoes(t, r.ctx, c, vendorclient.Text("here"))
					m.terminate()
					if _, err := c.Receive(r.ctx); closedWith(err) != want {
						t.Errorf("got %v, want %d", err, want)
					}
				})
			}
		}
	}
}
