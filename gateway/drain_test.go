package gateway

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/client"
)

// started runs a gateway that the test stops, and gives its log.
func started(t *testing.T, body string) (*Gateway, *logbook) {
	t.Helper()
	var log logbook
	g, err := New(load(t, body), Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: unstamped}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g, &log
}

// unstamped leaves message and attributes of a record.
func unstamped(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// A drain without time still tells every session why it ends.
func TestDrainAtOnce(t *testing.T) {
	const ip = "127.0.0.34"
	for name, c := range map[string]struct {
		settings string
		code     int
	}{
		"default code":  {"<kz:gateway><kz:drain.timeout>0</kz:drain.timeout></kz:gateway>", 1001},
		"original code": {"<kz:gateway><kz:drain.timeout>0</kz:drain.timeout><kz:drain.close.code>1000</kz:drain.close.code></kz:gateway>", 1000},
	} {
		t.Run(name, func(t *testing.T) {
			at := hostPort(ip, freePort(t, ip))
			g, log := started(t, c.settings+echoAt("echo", "ws://"+at+"/echo", ""))
			var sockets []*client.Conn
			for range minSlice + 5 {
				sockets = append(sockets, mustEcho(t, ip, "ws://"+at+"/echo"))
			}
			codes := make(chan int, len(sockets))
			for _, s := range sockets {
				go func() { codes <- int(closed(t, s)) }()
			}
			g.Drain(t.Context())
			stopGateway(t, g)
			for range sockets {
				if code := <-codes; code != c.code {
					t.Errorf("close code %d, want %d", code, c.code)
				}
			}
			if want := "msg=drained sessions=55 closed=0 late=55 left=0\n"; !strings.Contains(log.String(), want) {
				t.Errorf("no %q in\n%s", want, log)
			}
		})
	}
}

// A client that does not answer its Close is left, and has got it.
func TestDrainOfASilentClient(t *testing.T) {
	const ip = "127.0.0.35"
	at := hostPort(ip, freePort(t, ip))
	g, log := started(t, "<kz:gateway><kz:drain.timeout>100ms</kz:drain.timeout></kz:gateway>"+echoAt("echo", "ws://"+at+"/echo", ""))
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET /echo HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", at, strings.Join(upgrade, "\r\n"))
	head := make([]byte, 0, 1024)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		var b [1]byte
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatal(err)
		}
		head = append(head, b[0])
	}
	g.Drain(t.Context())
	frame := make([]byte, 4)
	if _, err := io.ReadFull(c, frame); err != nil || string(frame) != "\x88\x02\x03\xe9" {
		t.Errorf("got % x, %v, want a Close frame with 1001", frame, err)
	}
	stopGateway(t, g)
	if want := "msg=drained sessions=1 closed=0 late=1 left=1\n"; !strings.Contains(log.String(), want) {
		t.Errorf("no %q in\n%s", want, log)
	}
}

// The lines of a stop come in the order of spec/cluster-management.md §4.6,
// and their time counts from its beginning.
func TestStopLines(t *testing.T) {
	const ip = "127.0.0.36"
	port := freePort(t, ip)
	echo := fmt.Sprintf("ws://%s:%d/echo", ip, port)
	balancer := fmt.Sprintf("ws://balancer.example.com:%d/echo", port)
	member := fmt.Sprintf("<cluster><name>stop-lines</name><accept>tcp://%s:%d</accept></cluster>", ip, freePort(t, ip))
	body := "<service><name>balancer</name><accept>" + balancer + "</accept><type>balancer</type><accept-options><tcp.bind>" + hostPort(ip, port) + "</tcp.bind></accept-options></service>" +
		"<service><name>echo</name><accept>" + echo + "</accept><balance>" + balancer + "</balance><type>echo</type></service>" + member
	for name, drain := range map[string]bool{"after a drain": true, "at once": false} {
		t.Run(name, func(t *testing.T) {
			g, log := started(t, body)
			id := g.memberID()
			from := len(log.String())
			if drain {
				g.Drain(t.Context())
			}
			stopGateway(t, g)
			rest := log.String()[from:]
			for _, want := range []string{
				`msg="Stopping server"`, `msg="Stopping services"`, `msg="  ` + echo + `"`, `msg="  ` + balancer + `"`,
				`msg="Cluster member ` + id + `: service echo unbound"`, `msg="Stopped services"`,
				`msg="Member Removed"`, `msg="Current cluster members:"`, `msg="Current shared balancer map:"`,
				`msg="Stopped server successfully in \d+\.\d{3} secs at \S+ \S+"`,
			} {
				pattern, err := regexp.Compile(want)
				if err != nil {
					t.Fatal(err)
				}
				at := pattern.FindStringIndex(rest)
				if at == nil {
					t.Fatalf("no %s in its place in\n%s", want, log.String()[from:])
				}
				rest = rest[at[1]:]
			}
			if n := strings.Count(log.String()[from:], "Stopping server"); n != 1 {
				t.Errorf("the stop begins %d times", n)
			}
		})
	}
}

func TestStopTimeCountsFromTheDrain(t *testing.T) {
	const ip = "127.0.0.37"
	at := hostPort(ip, freePort(t, ip))
	g, log := started(t, echoAt("echo", "ws://"+at+"/echo", ""))
	g.Drain(t.Context())
	g.stopping = g.stopping.Add(-time.Minute)
	stopGateway(t, g)
	if !strings.Contains(log.String(), "Stopped server successfully in 60.") {
		t.Errorf("the time of the stop does not count from the drain:\n%s", log)
	}
}
