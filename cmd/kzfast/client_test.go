package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// An echoer is a server that answers messages and, at times, fails to.
type echoer struct {
	dropAt int64 // the connection is cut at this message, counted over all
	lie    bool
	seen   atomic.Int64
}

func (e *echoer) serve(t *testing.T) (uri string) {
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http", "ws", 1) + "/echo"
}

func (e *echoer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	head := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	head = wsproto.AppendAccept(head, []byte(r.Header.Get("Sec-WebSocket-Key")))
	c.Write(append(head, "\r\n\r\n"...))
	if strings.Contains(r.URL.RawQuery, ".kl=Y") {
		write(c, wsproto.OpText, []byte("\uf0ffN"))
	}
	e.talk(c, buf)
}

func write(c net.Conn, op wsproto.Opcode, p []byte) {
	c.Write(append(wsproto.AppendHeader(nil, op, true, false, int64(len(p))), p...))
}

func (e *echoer) talk(c net.Conn, in io.Reader) {
	var d wsproto.Decoder
	lim := wsproto.Limits{MaxMessage: 1 << 20}
	var message []byte
	for p := make([]byte, 4096); ; {
		n, err := in.Read(p)
		for rest := p[:n]; len(rest) > 0; {
			var f wsproto.Frame
			k, ok, err := d.Next(rest, &lim, &f)
			if err != nil || ok && f.Op == wsproto.OpClose {
				return
			}
			rest = rest[k:]
			if !ok {
				continue
			}
			if message = append(message, f.Data...); !f.End() {
				continue
			}
			if e.seen.Add(1) == e.dropAt {
				return
			}
			if e.lie {
				message = []byte("something else")
			}
			write(c, wsproto.OpText, message)
			message = message[:0]
		}
		if err != nil {
			return
		}
	}
}

func talkTo(t *testing.T, uri string, f clientFlags, in string) (out, errOut string, err error) {
	t.Helper()
	f.timeout = 10 * time.Second
	if err := f.complete(f.message != ""); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	err = runClient(t.Context(), uri, f, strings.NewReader(in), &o, &e)
	return o.String(), e.String(), err
}

func TestClientCounts(t *testing.T) {
	for name, f := range map[string]clientFlags{
		"one in flight": {count: 3},
		"paced":         {count: 3, rate: 1000},
		"in band":       {count: 3, inBand: true},
	} {
		t.Run(name, func(t *testing.T) {
			out, errOut, err := talkTo(t, new(echoer).serve(t), f, "")
			if err != nil || out != "message 1\nmessage 2\nmessage 3\n" {
				t.Errorf("got %q, %v\n%s", out, err, errOut)
			}
			if !strings.Contains(errOut, "3 of 3 came back, 0 repeated, 0 wrong") {
				t.Errorf("no summary in:\n%s", errOut)
			}
		})
	}
}

func TestClientRepeatsAfterALoss(t *testing.T) {
	e := &echoer{dropAt: 2}
	out, errOut, err := talkTo(t, e.serve(t), clientFlags{message: "hi", count: 3}, "")
	if err != nil || out != "hi\nhi\nhi\n" {
		t.Errorf("got %q, %v\n%s", out, err, errOut)
	}
	if !strings.Contains(errOut, "3 of 3 came back, 1 repeated, 0 wrong") || !strings.Contains(errOut, "s after the loss") {
		t.Errorf("no word of the loss in:\n%s", errOut)
	}
}

func TestClientNoticesAWrongEcho(t *testing.T) {
	e := &echoer{lie: true}
	_, errOut, err := talkTo(t, e.serve(t), clientFlags{message: "hi"}, "")
	if !errors.Is(err, errReported) || !strings.Contains(errOut, `sent "hi", got "something else"`) {
		t.Errorf("got %v\n%s", err, errOut)
	}
}

func TestClientGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // accepts and never answers
	var out, errOut bytes.Buffer
	f := clientFlags{count: 1, timeout: 50 * time.Millisecond}
	err = runClient(t.Context(), "ws://"+l.Addr().String()+"/", f, nil, &out, &errOut)
	if !errors.Is(err, errReported) || !strings.Contains(errOut.String(), "0 of 1 came back, 0 repeated, 0 wrong; answered by nobody") {
		t.Errorf("got %v\n%s", err, errOut.String())
	}
}

// Without a connection, what waits in the input waits for the timeout, and
// what follows a person's silence is waited for.
func TestClientStranded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	uri := "ws://" + l.Addr().String() + "/"
	l.Close() // refuses from now on
	f := clientFlags{timeout: 50 * time.Millisecond}
	held, typist := io.Pipe()
	defer typist.Close()
	go io.WriteString(typist, "a line\n")
	for name, in := range map[string]io.Reader{"a line": held, "a line and the end": strings.NewReader("a\n"), "the end": strings.NewReader("")} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		var out, errOut bytes.Buffer
		err := runClient(ctx, uri, f, in, &out, &errOut)
		if !errors.Is(err, errReported) || !strings.Contains(errOut.String(), "failed: no connection for 50ms") {
			t.Errorf("%s: got %v\n%s", name, err, errOut.String())
		}
		cancel()
	}

	quiet := newTalk(f, nil)
	quiet.input, quiet.stuck = true, time.Now().Add(-time.Hour)
	if quiet.stranded() {
		t.Error("gave up although nobody said anything")
	}
}

// The end of the input is no reason not to connect.
func TestClientWithoutInput(t *testing.T) {
	_, errOut, err := talkTo(t, new(echoer).serve(t), clientFlags{}, "")
	if err != nil || !strings.Contains(errOut, " answers") {
		t.Errorf("got %v\n%s", err, errOut)
	}
}

func TestClientFinalAnswer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, errOut, err := talkTo(t, s.URL, clientFlags{count: 1}, "")
	if !errors.Is(err, errReported) || !strings.Contains(errOut, "404") {
		t.Errorf("got %v\n%s", err, errOut)
	}
}

func TestClientSendsLines(t *testing.T) {
	lines := strings.Repeat("a line\n", 1000)
	out, errOut, err := talkTo(t, new(echoer).serve(t), clientFlags{}, lines)
	if err != nil || out != lines {
		t.Errorf("got %d bytes, want %d; %v\n%s", len(out), len(lines), err, errOut)
	}
}

func TestClientJSON(t *testing.T) {
	out, errOut, err := talkTo(t, new(echoer).serve(t), clientFlags{message: "hi", json: true}, "")
	if err != nil || errOut != "" {
		t.Fatalf("got %v, %q", err, errOut)
	}
	var events []string
	var last struct {
		Back    int
		Members []string
	}
	for line := range strings.Lines(out) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e.Event)
		json.Unmarshal([]byte(line), &last)
	}
	if got, want := strings.Join(events, " "), "connecting open message summary"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if last.Back != 1 || len(last.Members) != 1 {
		t.Errorf("summary: got %+v", last)
	}
}

func TestClientInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		f    clientFlags
		want error
	}{
		"lines": {clientFlags{timeout: time.Minute}, nil},
		"count": {clientFlags{timeout: time.Minute, count: 1000, rate: 1}, errReported},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		in, _ := io.Pipe()
		var out, errOut bytes.Buffer
		cancel()
		err := runClient(ctx, new(echoer).serve(t), c.f, in, &out, &errOut)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestClientFlags(t *testing.T) {
	for name, f := range map[string]clientFlags{
		"count": {count: -1, timeout: 1}, "rate": {count: 1, rate: -1, timeout: 1}, "fast": {count: 1, rate: 1e9, timeout: 1},
		"timeout": {}, "rate alone": {rate: 1, timeout: 1},
	} {
		if err := f.complete(false); err == nil {
			t.Errorf("%s: accepted %+v", name, f)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":        "plain",
		"grüße\t1":     "grüße\t1",
		"\x1b[2J":      `"\x1b[2J"`,
		"\xff":         `"\xff"`,
		"two\nlines":   `"two\nlines"`,
		"\u202eevil":   `"\u202eevil"`,
		"bell\u0007 ,": `"bell\a ,"`,
	} {
		if got := printable([]byte(in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, 0.5, 0}, {hundred[:1], 0.5, 1}, {hundred[:1], 0.99, 1},
		{hundred[:2], 0.5, 1}, {hundred[:3], 0.5, 2}, {hundred[:3], 0.99, 3}, {hundred[:3], 1, 3},
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100},
	} {
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("quantile %v of %d: got %d, want %d", c.q, len(c.sorted), got, c.want)
		}
	}
}

func TestDefines(t *testing.T) {
	f := configFlags{defines: []string{"a=1", "b=", "feature.mqtt", "feature.x=y"}}
	o, err := f.options()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.Define, map[string]string{"a": "1", "b": "", "feature.x": "y"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"name", "=value", ""} {
		if _, err := (&configFlags{defines: []string{bad}}).options(); err == nil {
			t.Errorf("-D %s: accepted", bad)
		}
	}
}
