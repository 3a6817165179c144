//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kzfast/kzfast/internal/vendorclient"
)

// proxyTo is a proxy service on path with a back end.
func proxyTo(path, connect string, properties ...string) string {
	body := "<connect>" + connect + "</connect>"
	more := ""
	if len(properties) > 0 {
		more = props(properties...)
	}
	return svc("proxy "+path, "proxy", "ws", path, body, more)
}

func tcpEcho(c net.Conn) {
	defer c.Close()
	io.Copy(c, c)
}

// TestSvcProxyEcho sends messages of all sizes to a TCP echo.
func TestSvcProxyEcho(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	back := newServer(t, r.network+".240", tcpEcho)
	m := r.run(0, proxyTo("/immediate", "tcp://"+back.addr)+
		proxyTo("/prepared", "tcp://"+back.addr, "prepared.connection.count", "2")+
		proxyTo("/deferred", "tcp://"+back.addr, "connect.strategy", "deferred")+
		proxyTo("/second", "tcp://"+r.network+".241:1</connect><connect>tcp://"+back.addr))
	for _, path := range []string{"/immediate", "/prepared", "/deferred", "/second"} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			for range 4 {
				c := m.connect(t, path)
				for i, n := range []int{1, 125, 126, 65535, 65536, 131072, 0, 3} {
					p := bytes.Repeat([]byte{byte(i), 0xff}, n)[:n]
					if err := c.send(byte(1+i%2), bytes.ToValidUTF8(p, []byte("?"))); err != nil {
						t.Fatal(err)
					}
					var want, got tally
					want.add(bytes.ToValidUTF8(p, []byte("?")))
					got, rest, err := c.take(want.n)
					if err != nil || got != want || len(rest) > 0 {
						t.Fatalf("%d bytes: got %+v and %d more, want %+v: %v", n, got, len(rest), want, err)
					}
				}
				if err := c.send(opClose, []byte{0x03, 0xe8}); err != nil {
					t.Fatal(err)
				}
				if code, err := c.ends(); code != 1000 {
					t.Errorf("close: %d, %v", code, err)
				}
			}
		})
	}
}

// A room is a chat server of lines: whatever one says all hear.
type room struct {
	mu  sync.Mutex
	all []net.Conn
}

func (o *room) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	if !in.Scan() {
		return
	}
	name := in.Text()
	o.mu.Lock()
	o.all = append(o.all, c)
	o.mu.Unlock()
	fmt.Fprintf(c, "welcome %s\n", name)
	for in.Scan() {
		if in.Text() == "/quit" {
			break
		}
		o.mu.Lock()
		for _, to := range o.all {
			fmt.Fprintf(to, "%s: %s\n", name, in.Text())
		}
		o.mu.Unlock()
	}
	o.mu.Lock()
	o.all = slices.DeleteFunc(o.all, func(x net.Conn) bool { return x == c })
	o.mu.Unlock()
}

// TestSvcProxyChat holds a chat of ten over a line-based server: everybody
// hears every line, in one order.
func TestSvcProxyChat(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	var o room
	back := newServer(t, r.network+".240", o.serve)
	m := r.run(0, proxyTo("/chat", "tcp://"+back.addr))
	const people, lines = 10, 20
	var rest [people][]byte
	var all [people]*wsConn
	for i := range all {
		all[i] = m.connect(t, "/chat")
		all[i].send(opText, fmt.Appendf(nil, "p%d\n", i))
		want := fmt.Sprintf("welcome p%d\n", i)
		y, more, err := all[i].take(int64(len(want)))
		if err != nil {
			t.Fatalf("%+v: %v", y, err)
		}
		rest[i] = more
	}
	for i, c := range all {
		go func() {
			for n := range lines {
				// One line in two messages, and two lines in one.
				c.send(opText, fmt.Appendf(nil, "line %d", n))
				c.send(opText, []byte(" of mine\n"))
			}
			if i == 0 {
				c.send(opText, []byte("/quit\n"))
			}
		}()
	}
	var heard [people]string
	for i, c := range all[1:] {
		var b bytes.Buffer
		b.Write(rest[i+1])
		for bytes.Count(b.Bytes(), []byte{'\n'}) < people*lines {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			p, err := c.next()
			if err != nil {
				t.Fatalf("p%d: %v", i+1, err)
			}
			b.Write(p)
		}
		heard[i+1] = b.String()
	}
	for i := range heard[1:] {
		if heard[i+1] != heard[1] {
			t.Fatalf("p%d heard another conversation than p1", i+1)
		}
	}
	if got := strings.Count(heard[1], ": line 7 of mine\n"); got != people {
		t.Errorf("line 7 was heard %d times, want %d", got, people)
	}
	if code, err := all[0].ends(); code != 1000 {
		t.Errorf("after /quit: close %d, %v; want 1000 for the back end's FIN", code, err)
	}
}

// TestSvcProxyRedis speaks RESP to a Redis server over WebSocket.
func TestSvcProxyRedis(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (apt-get install redis-server): the proxy before Redis is not shown here")
	}
	r := newRig(t, 1)
	ip, port := r.network+".240", itoa(r.freePort())
	redis := start(t, r.dir, "redis", nil, path, "--bind", ip, "--port", port, "--save", "", "--appendonly", "no", "--daemonize", "no", "--protected-mode", "no")
	redis.waitFor("eady to accept connections", 0, patience)
	m := r.run(0, proxyTo("/redis", "tcp://"+ip+":"+port))

	c := newRESP(t, m)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	for _, x := range []struct {
		command []string
		want    string
	}{
		{[]string{"PING"}, "+PONG"},
		{[]string{"SET", "k", "v"}, "+OK"},
		{[]string{"GET", "k"}, "$v"},
		{[]string{"GET", "none"}, "$nil"},
		{[]string{"SET", "big", big}, "+OK"},
		{[]string{"STRLEN", "big"}, ":1048576"},
		{[]string{"GET", "big"}, "$" + big},
		{[]string{"NOSUCH"}, "-ERR unknown command"},
	} {
		if got := c.do(x.command...); !strings.HasPrefix(got, x.want) || len(x.want) > 100 && got != x.want {
			t.Fatalf("%.40q: got %.60q, want %.60q", x.command, got, x.want)
		}
	}
	var pipeline []byte
	for i := range 1000 {
		pipeline = appendRESP(pipeline, "RPUSH", "list", itoa(i))
	}
	c.write(pipeline)
	for i := range 1000 {
		if got := c.read(); got != ":"+itoa(i+1) {
			t.Fatalf("pipelined RPUSH %d: %q", i, got)
		}
	}
	sub := newRESP(t, m)
	sub.write(appendRESP(nil, "SUBSCRIBE", "news"))
	if got := sub.read(); got != "*[$subscribe $news :1]" {
		t.Fatalf("SUBSCRIBE: %q", got)
	}
	var wg sync.WaitGroup
	for range 10 {
		p := newRESP(t, m)
		wg.Go(func() {
			for range 100 {
				p.do("INCR", "n")
			}
			p.do("PUBLISH", "news", "done")
		})
	}
	wg.Wait()
	if got := c.do("GET", "n"); got != "$1000" {
		t.Errorf("1000 INCR over ten connections: %q", got)
	}
	for range 10 {
		if got := sub.read(); got != "*[$message $news $done]" {
			t.Errorf("published: %q", got)
		}
	}
	redis.kill()
	if code, err := c.ws.ends(); code != 1000 {
		t.Errorf("Redis was killed: close %d, %v; want 1000", code, err)
	}
}

// A resp is a Redis client on a WebSocket.
type resp struct {
	t    *testing.T
	ws   *wsConn
	in   *bufio.Reader
	rest []byte // of a message
}

func newRESP(t *testing.T, m *member) *resp {
	c := &resp{t: t, ws: m.connect(t, "/redis")}
	c.in = bufio.NewReader(c)
	return c
}

// Read is the payload of the messages as a stream.
func (c *resp) Read(p []byte) (int, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	for len(c.rest) == 0 {
		var err error
		if c.rest, err = c.ws.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func appendRESP(dst []byte, args ...string) []byte {
	dst = fmt.Appendf(dst, "*%d\r\n", len(args))
	for _, a := range args {
		dst = fmt.Appendf(dst, "$%d\r\n%s\r\n", len(a), a)
	}
	return dst
}

// write sends commands in messages of at most 64 KiB.
func (c *resp) write(p []byte) {
	for part := range slices.Chunk(p, 64<<10) {
		if err := c.ws.send(2, part); err != nil {
			c.t.Error(err)
			return
		}
	}
}

func (c *resp) do(args ...string) string {
	c.write(appendRESP(nil, args...))
	return c.read()
}

// read renders the next reply in one line.
func (c *resp) read() string {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "error " + err.Error()
	}
	line = strings.TrimSuffix(line, "\r\n")
	n := 0
	fmt.Sscan(line[1:], &n)
	switch {
	case line[0] == '$' && n < 0:
		return "$nil"
	case line[0] == '$':
		b := make([]byte, n+2)
		if _, err := io.ReadFull(c.in, b); err != nil {
			return "error " + err.Error()
		}
		return "$" + string(b[:n])
	case line[0] == '*':
		var list []string
		for range n {
			list = append(list, c.read())
		}
		return "*[" + strings.Join(list, " ") + "]"
	}
	return line
}

// TestSvcProxyRecovery takes back ends away and brings them back, and watches
// through the balancer where clients are sent.
func TestSvcProxyRecovery(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	back := []*server{newServer(t, r.network+".240", tcpEcho), newServer(t, r.network+".241", tcpEcho)}
	config := func(i int) string {
		return `<service><name>b</name><accept>ws://{balancer}/echo</accept><type>balancer</type>` +
			props("kz:balancer.affinity", "none") + `<accept-options><ws.bind>{ip}:{port}</ws.bind></accept-options></service>` +
			svc("p", "proxy", "ws", "/echo", "<connect>tcp://"+back[i].addr+"</connect><balance>ws://{balancer}/echo</balance>", props("maximum.recovery.interval", "1"))
	}
	r.runEach(config)
	r.formed(r.members...)

	// lose makes member i notice: it connects when a client comes.
	lose := func(i int) {
		back[i].stop()
		c, reply, err := knock(plain, r.members[i].addr(), r.members[i].uri())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if reply.status == 101 {
			_ = c.SetDeadline(time.Now().Add(patience))
			if code, err := c.ends(); code != 1000 {
				t.Errorf("back end refuses: close %d, %v; want 1000", code, err)
			}
		}
	}
	// sent asks every door twenty times: how often to each member, and the
	// refusals.
	sent := func() (counts [2]int, refused map[int]int) {
		refused = make(map[int]int)
		for _, door := range r.doors() {
			for range 20 {
				a, err := ask(plain, door, r.uri())
				if err != nil {
					t.Fatal(err)
				}
				if m := r.byURI(a.location()); m != nil {
					counts[slices.Index(r.members, m)]++
				} else {
					refused[a.status]++
				}
				if a.status == 503 && a.header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			}
		}
		return counts, refused
	}
	expect := func(what string, ok func(counts [2]int, refused map[int]int) bool) {
		t.Helper()
		began := time.Now()
		var counts [2]int
		var refused map[int]int
		if !holds(patience, func() bool { counts, refused = sent(); return ok(counts, refused) }) {
			t.Fatalf("%s: redirected %v, refused %v", what, counts, refused)
		}
		t.Logf("%s after %.2f s: redirected %v, refused %v", what, time.Since(began).Seconds(), counts, refused)
	}
	both := func(c [2]int, refused map[int]int) bool { return c[0] > 0 && c[1] > 0 && len(refused) == 0 }
	expect("both serve", both)
	lose(0)
	expect("only the second serves", func(c [2]int, refused map[int]int) bool { return c[0] == 0 && c[1] == 40 })
	if a, err := ask(plain, r.members[0].addr(), r.members[0].uri()); err != nil || a.status != 404 {
		t.Errorf("withdrawn accept: got %v, %v; want 404", a, err)
	}
	lose(1)
	expect("none serves", func(c [2]int, refused map[int]int) bool { return refused[503] == 40 })
	back[0].start()
	expect("the first is back", func(c [2]int, refused map[int]int) bool { return c[0] == 40 })
	back[1].start()
	expect("both are back", both)
	c := r.members[1].connect(t, "/echo")
	if err := c.echo("served again"); err != nil {
		t.Error(err)
	}
}

// runEach starts the members of a cluster with configurations of their own.
func (r *rig) runEach(xml func(i int) string) {
	r.t.Helper()
	for i, m := range r.members {
		cluster := fmt.Sprintf("<cluster><name>e2e-%d</name><accept>%s</accept>", r.gossip, m.id())
		for _, c := range r.connects(i) {
			cluster += "<connect>" + c + "</connect>"
		}
		r.launch(m, cluster+"<kz:name>"+m.name+"</kz:name></cluster>"+xml(i))
	}
	for _, m := range r.members {
		m.waitFor(started, m.began, 15*time.Second)
	}
}

// TestSvcProxyEnds shows what an end of the back end is to the client, and the
// other way round.
func TestSvcProxyEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	gone := make(chan error, 10)
	back := newServer(t, r.network+".240", func(c net.Conn) {
		defer c.Close()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			gone <- err
			return
		}
		fmt.Fprintf(c, "bye\n")
		switch line {
		case "reset\n":
			c.(*net.TCPConn).SetLinger(0)
		case "wait\n":
			_, err := c.Read(make([]byte, 1))
			gone <- err
		case "much\n":
			for i := range 64 {
				c.Write(part(i))
			}
		}
	})
	m := r.run(0, proxyTo("/p", "tcp://"+back.addr)+proxyTo("/refused", "tcp://"+r.network+".241:9"))
	for _, word := range []string{"fin", "reset", "much"} {
		t.Run(word, func(t *testing.T) {
			c := m.connect(t, "/p")
			c.send(opText, []byte(word+"\n"))
			_, rest, err := c.take(4)
			if word == "reset" && err != nil {
				t.Skip("the reset overtook the line, as resets may")
			}
			if err != nil {
				t.Fatal(err)
			}
			if word == "much" {
				y, _, err := c.takeOn(rest, 64*chunk)
				if err != nil || y != wanted(64) {
					t.Errorf("2 MiB before the FIN: %+v, %v; want %+v", y, err, wanted(64))
				}
			}
			if code, err := c.ends(); code != 1000 {
				t.Errorf("close %d, %v; want 1000", code, err)
			}
		})
	}
	t.Run("client closes", func(t *testing.T) {
		c := m.connect(t, "/p")
		c.send(opText, []byte("wait\n"))
		c.take(4)
		c.send(opClose, []byte{0x03, 0xe8})
		if code, err := c.ends(); code != 1000 {
			t.Errorf("close %d, %v", code, err)
		}
		if err := <-gone; err != io.EOF {
			t.Errorf("back end saw %v, want FIN", err)
		}
	})
	t.Run("client is cut", func(t *testing.T) {
		c := m.connect(t, "/p")
		c.send(opText, []byte("wait\n"))
		c.take(4)
		c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
		if err := <-gone; err != io.EOF {
			t.Errorf("back end saw %v, want FIN", err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		c := m.connect(t, "/refused")
		if code, err := c.ends(); code != 1000 {
			t.Errorf("close %d, %v; want 1000", code, err)
		}
	})
}

// TestSvcProxyTCP joins tcp accepts with a tcp back end.
func TestSvcProxyTCP(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	back := newServer(t, r.network+".240", bulkServer)
	raw := itoa(r.freePort())
	m := r.run(0, fmt.Sprintf(`<service><name>raw</name><accept>tcp://{ip}:%s</accept><connect>tcp://%s</connect><type>proxy</type></service>
<service><name>raw echo</name><accept>tcp://{ip}:%d</accept><type>echo</type></service>`, raw, back.addr, r.port))
	t.Run("proxy", func(t *testing.T) {
		const chunks = 320
		c, err := plain(m.ip + ":" + raw)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(3 * patience))
		fmt.Fprintf(c, "both %d\n", chunks)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			source(c, chunks)
		}()
		var y tally
		in := bufio.NewReader(c)
		drain(in, chunks*chunk, &y)
		<-sent
		line, err := in.ReadString('\n')
		want := wanted(chunks)
		if y != want || line != fmt.Sprintf("%d %d\n", want.n, want.sum) {
			t.Errorf("down %+v, up %q, %v; want %+v both ways", y, line, err, want)
		}
	})
	t.Run("echo", func(t *testing.T) {
		c, err := plain(m.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		go source(c, 32)
		var y tally
		drain(c, 32*chunk, &y)
		if y != wanted(32) {
			t.Errorf("got %+v, want %+v", y, wanted(32))
		}
	})
}

// wsBackend is a WebSocket server of the test: it shakes hands, agrees to any
// subprotocol of ours, and gives the connection to serve.
func wsBackend(t *testing.T, ip string, serve func(req *http.Request, c *wsConn)) *server {
	return newServer(t, ip, func(raw net.Conn) {
		defer raw.Close()
		in := bufio.NewReader(raw)
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		extra := ""
		if p := req.Header.Get("Sec-WebSocket-Protocol"); p != "" {
			extra = "Sec-WebSocket-Protocol: " + p + "\r\n"
		}
		fmt.Fprintf(raw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
			acceptOf(req.Header.Get("Sec-WebSocket-Key")), extra)
		serve(req, &wsConn{Conn: raw, in: in})
	})
}

// TestSvcProxyWithdrawnKeeps closes the door of a back end but not its
// connections: the service is withdrawn, and conversations that are under way
// go on, emulated ones too, which come as new requests.
func TestSvcProxyWithdrawnKeeps(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	l, err := net.Listen("tcp4", r.network+".240:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go tcpEcho(c)
		}
	}()
	m := r.run(0, proxyTo("/p", "tcp://"+l.Addr().String(), "maximum.recovery.interval", "1"))
	uri := "ws://" + m.addr() + "/p"
	native := r.vendor(t, uri, vendorclient.Options{Trace: newSteps(t).add})
	emulated := r.vendor(t, uri, vendorclient.Options{NoNative: true, Trace: newSteps(t).add})
	all := []*vendorclient.Conn{native, emulated}
	for _, c := range all {
		echoes(t, r.ctx, c, vendorclient.Binary([]byte("before")))
	}
	l.Close()
	m.connect(t, "/p").ends()
	m.waitFor("up=false", m.began, patience)
	eventually(t, patience, func() bool {
		a, err := ask(plain, m.addr(), uri)
		return err == nil && a.status == 404
	}, "the service is not withdrawn")
	for _, c := range all {
		echoes(t, r.ctx, c, vendorclient.Binary([]byte("and after")))
	}
}
