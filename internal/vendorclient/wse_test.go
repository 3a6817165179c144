package vendorclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// A wseServer echoes one emulated connection the way spec/protocol.md §6 says.
type wseServer struct {
	t       *testing.T
	mu      sync.Mutex
	up      int // sequence numbers
	down    int
	frames  []byte
	closed  bool
	changed chan struct{}
	turn    chan struct{} // closed when another downstream takes over
	hold    bool          // a proxy: what is streamed arrives with the end
	noIdle  bool
	polls   int
}

func newWSE(t *testing.T) *wseServer {
	return &wseServer{t: t, changed: make(chan struct{}, 1), turn: make(chan struct{})}
}

// answer wraps what goes to a bridge.
func answer(w http.ResponseWriter, r *http.Request, status int, inner, body string) {
	if r.Header.Get("X-Origin") == "" {
		for _, l := range strings.Split(strings.TrimSuffix(inner, "\r\n"), "\r\n") {
			if name, value, ok := strings.Cut(l, ": "); ok {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
		return
	}
	outer := 200
	if status == 404 {
		outer = 404
	}
	w.WriteHeader(outer)
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n%s\r\n%s", status, http.StatusText(status), inner, body)
}

func (s *wseServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, _, _ := strings.Cut(r.URL.Path, "&")
	seq, _ := strconv.Atoi(r.Header.Get("X-Sequence-No"))
	switch path {
	case "/echo/;e/ctm", "/echo/;e/cbm":
		form := strings.TrimPrefix(path, "/echo/;e/c")
		if want := map[string]string{"tm": http.MethodGet, "bm": http.MethodPost}[form]; r.Method != want || r.Header.Get("X-WebSocket-Version") != "wseb-1.0" {
			s.t.Errorf("create: %s %v", r.Method, r.Header)
		}
		s.up, s.down = seq, seq
		base := "http://" + r.Host + "/echo/;e/"
		answer(w, r, 201, "Content-Type: text/plain;charset=UTF-8\r\n", base+"u"+form+"/id\n"+base+"d"+form+"/id\n")
	case "/echo/;e/utm/id", "/echo/;e/ubm/id":
		s.upstream(w, r, seq)
	case "/echo/;e/dtm/id", "/echo/;e/dbm/id":
		s.downstream(w, r, seq)
	default:
		http.NotFound(w, r)
	}
}

func (s *wseServer) upstream(w http.ResponseWriter, r *http.Request, seq int) {
	body, _ := io.ReadAll(r.Body)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		if !utf8.Valid(body) || !strings.Contains(r.URL.Path, "&.krn=") {
			s.t.Errorf("upstream %s: %q", r.URL, body)
		}
		var raw []byte
		for _, c := range string(body) {
			raw = append(raw, byte(c))
		}
		body = raw
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up++
	frames, ok := bytes.CutSuffix(body, []byte(commandReconnect))
	if seq != s.up || !ok {
		s.t.Errorf("upstream %d, want %d: %q", seq, s.up, body)
	}
	if f, ok := bytes.CutSuffix(frames, []byte(commandClose)); ok {
		frames, s.closed = f, true
	}
	s.frames = append(s.frames, frames...)
	s.signal()
	answer(w, r, 200, "", "")
}

func (s *wseServer) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *wseServer) downstream(w http.ResponseWriter, r *http.Request, seq int) {
	s.mu.Lock()
	s.down++
	if seq != s.down {
		s.t.Errorf("downstream %d, want %d", seq, s.down)
	}
	close(s.turn)
	s.turn = make(chan struct{})
	turn := s.turn
	poll := r.URL.Query().Get(".ki") == "p"
	if poll {
		s.polls++
	}
	s.mu.Unlock()
	inner := "Content-Type: application/octet-stream\r\nX-Idle-Timeout: 60\r\n"
	if s.noIdle {
		inner = "Content-Type: application/octet-stream\r\n"
	}
	if !poll {
		answer(w, r, 200, inner, "\x01\x30\x30\xff")
		if !s.hold {
			http.NewResponseController(w).Flush()
		}
	}
	changed := s.changed
	if s.hold && !poll {
		changed = nil
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-turn:
			io.WriteString(w, commandReconnect)
			return
		case <-changed:
		}
		s.mu.Lock()
		out := s.frames
		s.frames = nil
		closed := s.closed
		s.mu.Unlock()
		if closed {
			out = append(out, commandClose+commandReconnect...)
		}
		if poll {
			if !closed {
				out = append(out, commandReconnect...)
			}
			answer(w, r, 200, inner, string(out))
			return
		}
		w.Write(out)
		http.NewResponseController(w).Flush()
		if closed {
			return
		}
	}
}

func TestEmulated(t *testing.T) {
	big := Binary(bytes.Repeat([]byte{0, 0x7f, 0x80, 0xff, '\n'}, 20000))
	for _, c := range []struct {
		name string
		o    Options
	}{{"bridge", Options{}}, {"no bridge", Options{NoBridge: true}}, {"java", Options{Kind: Java}}, {"no native", Options{NoNative: true}}} {
		t.Run(c.name, func(t *testing.T) {
			s := newWSE(t)
			var tr tracer
			c.o.Trace = tr.add
			conn, err := Dial(testContext(t), script{plain: s.ServeHTTP}.start(t), c.o)
			if err != nil {
				t.Fatal(err)
			}
			echoes(t, conn, Text("ABC€"), Text(""), big, Text("a\x00\n"))
			if !conn.Emulated() {
				t.Error("not emulated")
			}
			if got := conn.Close(1000, ""); got.Code != 1005 {
				t.Errorf("Close: %v", got)
			}
			if s.polls > 0 || tr.has("self-reconnect") {
				t.Errorf("%d polls, steps %q", s.polls, tr.steps)
			}
		})
	}
}

func TestSelfReconnect(t *testing.T) {
	s := newWSE(t)
	var tr tracer
	c, err := Dial(testContext(t), script{plain: s.ServeHTTP}.start(t), Options{NoNative: true, Trace: tr.add, Timers: Timers{SelfReconnect: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		echoes(t, c, Text(strings.Repeat(strconv.Itoa(i%10), 100)))
	}
	c.Close(1000, "")
	if !tr.has("self-reconnect") {
		t.Errorf("no second downstream: %q", tr.steps)
	}
}

func TestProxyDetection(t *testing.T) {
	for _, kind := range []Kind{JavaScript, Java} {
		t.Run(kind.String(), func(t *testing.T) {
			s := newWSE(t)
			s.hold = true
			o := Options{Kind: kind, NoNative: true, Timers: Timers{ProxyDetection: 50 * time.Millisecond}}
			c, err := Dial(testContext(t), script{plain: s.ServeHTTP}.start(t), o)
			if err != nil {
				t.Fatal(err)
			}
			echoes(t, c, Text("one"), Text("two"), Text("three"))
			c.Close(1000, "")
			if s.polls < 3 {
				t.Errorf("%d long-polls, want one for each message at least", s.polls)
			}
		})
	}
}

func TestEmulatedEnds(t *testing.T) {
	body := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/;e/d"):
				answer(w, r, 200, "X-Idle-Timeout: 60\r\n", s)
			case strings.Contains(r.URL.Path, "/;e/u"):
				answer(w, r, 200, "", "")
			default:
				base := "http://" + r.Host + "/echo/;e/"
				answer(w, r, 201, "", base+"utm/id\n"+base+"dtm/id\n")
			}
		}
	}
	for name, c := range map[string]struct {
		body, want string
		code       int
	}{
		"server close":     {commandClose + commandReconnect, "1005", 1005},
		"both in one":      {"\x01\x30\x32\x30\x31\xff", "1005", 1005},
		"cut":              {"\x01\x30\x30\xff", "without RECONNECT", 1006},
		"cut in a frame":   {"\x81\x05abc", "EOF", 1006},
		"unknown frame":    {"\x42", "frame type 42", 1006},
		"unknown command":  {"\x01\x30\x33\xff", "command", 1006},
		"behind RECONNECT": {commandReconnect + "\x01\x30\x30\xff", "behind RECONNECT", 1006},
		"leading 80":       {"\x80\x80\x01a", "frame length", 1006},
		"bad text":         {"\x81\x01\xff", "UTF-8", 1006},
		"ping with data":   {"\x89\x01a", "ping", 1006},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := Dial(testContext(t), script{plain: body(c.body)}.start(t), Options{NoNative: true})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Abort()
			_, err = conn.Receive(testContext(t))
			var e *CloseError
			if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %d with %q", err, c.code, c.want)
			}
		})
	}
	t.Run("no idle timeout", func(t *testing.T) {
		s := newWSE(t)
		s.noIdle = true
		conn, err := Dial(testContext(t), script{plain: s.ServeHTTP}.start(t), Options{NoNative: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Abort()
		if _, err = conn.Receive(testContext(t)); err == nil || !strings.Contains(err.Error(), "X-Idle-Timeout") {
			t.Errorf("got %v", err)
		}
	})
}

func TestEmulatedRedirectAndChallenge(t *testing.T) {
	s := newWSE(t)
	member := script{plain: func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/;e/c") && r.Header.Get("Authorization") != "Basic am9lOndlbGNvbWU=" {
			answer(w, r, 401, "WWW-Authenticate: Application Basic realm=\"demo\"\r\n", "no")
			return
		}
		s.ServeHTTP(w, r)
	}}.start(t)
	balancer := script{plain: func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, 302, "Location: http"+strings.TrimPrefix(member, "ws")+strings.TrimPrefix(r.URL.Path, "/echo")+"\r\n", "")
	}}.start(t)
	for _, o := range []Options{{NoNative: true}, {Kind: Java, NoNative: true}} {
		o.Challenge = Basic("joe", "welcome")
		c, err := Dial(testContext(t), balancer, o)
		if err != nil {
			t.Fatal(err)
		}
		echoes(t, c, Text("moved"))
		if c.URL() != member {
			t.Errorf("URL %s, want %s", c.URL(), member)
		}
		c.Close(1000, "")
		s.closed, s.frames = false, nil
	}
}

func TestEventSource(t *testing.T) {
	var ids []string
	n := 0
	uri := script{plain: func(w http.ResponseWriter, r *http.Request) {
		n++
		ids = append(ids, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		switch r.URL.Path {
		case "/echo":
			fmt.Fprintf(w, "location:http://%s/echo;s/1\n\n: \n\ndata:a\ndata:b\nid:%d\nretry:10\n\n", r.Host, n)
		default:
			fmt.Fprintf(w, "reconnect\n\n")
		}
	}}.start(t)
	uri = "http" + strings.TrimPrefix(uri, "ws")
	s := NewEventSource(uri, EventSourceOptions{})
	defer s.Close()
	for range 2 {
		ev, err := s.Next(testContext(t))
		if err != nil || ev.Data != "a\nb" {
			t.Fatalf("got %+v, %v", ev, err)
		}
	}
	if s.Opened() != 2 || ids[1] != "1" {
		t.Errorf("opened %d times, Last-Event-ID %q", s.Opened(), ids)
	}
	v := NewEventSource(uri, EventSourceOptions{Vendor: true})
	defer v.Close()
	if _, err := v.Next(testContext(t)); err != nil || !strings.HasSuffix(v.URL(), "/echo;s/1") {
		t.Errorf("vendor: %v, resumes at %s", err, v.URL())
	}
	plain := NewEventSource("http"+strings.TrimPrefix(script{}.start(t), "ws"), EventSourceOptions{})
	defer plain.Close()
	if _, err := plain.Next(testContext(t)); !errors.Is(err, ErrEventSource) {
		t.Errorf("404: %v", err)
	}
}
