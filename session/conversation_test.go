package session

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
)

// The examples of spec/protocol.md as they are on the wire. Their form is
// explained in testdata/conversations/README.md.

// TestConversation runs every conversation as it is written.
func TestConversation(t *testing.T) {
	for _, c := range conversations(t) {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(-1, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConversationEverySplit cuts each of the client's steps in two, at every
// position. Of a long step only the positions near its ends are tried.
func TestConversationEverySplit(t *testing.T) {
	const ends = 300
	for _, c := range conversations(t) {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.steps {
				size := c.steps[i].size
				for cut := 1; cut < size; cut++ {
					if cut == ends && size > 2*ends {
						cut = size - ends
					}
					if err := c.run(i, cut); err != nil {
						t.Fatalf("%s:%d cut behind %d of %d bytes: %v", c.file, c.steps[i].line, cut, size, err)
					}
				}
			}
		})
	}
}

// A conversation is one of a file's: what is configured, and the steps.
type conversation struct {
	file, name string
	options    map[string]string
	steps      []step
}

// A step is a command, or what one side says in one piece.
type step struct {
	line    int
	command string // "<" and ">" for the sides
	arg     string
	lines   []string // of a side
	size    int      // bytes of a client's step
}

func conversations(t *testing.T) (all []*conversation) {
	t.Helper()
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d conversations, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list, err := parseConversations(file, string(b))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	return all
}

var optionNames = map[string]bool{
	"section": true, "what": true, "service": true, "accept": true, "member": true, "affinity": true, "inactivity": true,
	"challenge": true, "credentials": true, "protocols": true, "cross-site": true, "max-message": true, "strict": true,
}

func parseConversations(file, text string) (all []*conversation, err error) {
	base := strings.TrimSuffix(filepath.Base(file), ".txt")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	options := map[string]string{}
	at := 0
	for ; at < len(lines) && lines[at] != ""; at++ {
		name, value, ok := strings.Cut(lines[at], ":")
		if !ok || !optionNames[name] {
			return nil, fmt.Errorf("%s:%d: no option: %q", file, at+1, lines[at])
		}
		options[name] = strings.TrimSpace(value)
	}
	if options["section"] == "" || options["what"] == "" || options["service"] == "" {
		return nil, fmt.Errorf("%s: section, what and service are needed", file)
	}
	c := &conversation{file: file, name: base, options: options}
	side := ""
	for ; at < len(lines); at++ {
		line := lines[at]
		if title, ok := strings.CutPrefix(line, "--- "); ok {
			if len(c.steps) > 0 {
				all = append(all, c)
			}
			c, side = &conversation{file: file, name: base + "/" + title, options: options}, ""
			continue
		}
		if line == "" || line[0] == '#' {
			side = ""
			continue
		}
		if line[0] == '<' || line[0] == '>' {
			if side != line[:1] {
				side = line[:1]
				c.steps = append(c.steps, step{line: at + 1, command: side})
			}
			s := &c.steps[len(c.steps)-1]
			s.lines = append(s.lines, strings.TrimPrefix(line[1:], " "))
			continue
		}
		side = ""
		command, arg, _ := strings.Cut(line, " ")
		c.steps = append(c.steps, step{line: at + 1, command: command, arg: arg})
	}
	all = append(all, c)
	for _, c := range all {
		for i := range c.steps {
			if s := &c.steps[i]; s.command == ">" {
				ps, err := s.pieces(strings.Repeat("a", 32), testDate)
				if err != nil {
					return nil, fmt.Errorf("%s:%w", file, err)
				}
				s.size = len(join(ps))
			}
		}
	}
	return all, nil
}

// A piece is what one line of a step stands for.
type piece struct {
	line int
	data []byte
}

func join(ps []piece) (b []byte) {
	for _, p := range ps {
		b = append(b, p.data...)
	}
	return b
}

// A lineError is what is wrong with one line of a file.
type lineError struct {
	line int
	err  error
}

func (e lineError) Error() string { return fmt.Sprintf("%d: %v", e.line, e.err) }

// pieces are the bytes of a side's step.
func (s *step) pieces(id, date string) (out []piece, err error) {
	var frame wsproto.Opcode // of the masked frame whose payload follows
	open := -1               // the piece where it begins
	want, from := -1, 0      // the size announced, and the piece it counts from
	sized := 0               // the line that announces it
	settle := func(next string) error {
		if n := len(join(out[from:])); want >= 0 && n != want {
			return lineError{sized, fmt.Errorf("%d bytes, the specification says %d", n, want)}
		}
		want = -1
		if open >= 0 && next != "size" {
			payload := join(out[open:])
			out = append(out[:open], piece{s.line, masked(frame, true, payload)})
			open = -1
		}
		return nil
	}
	if id == "" {
		id = unknownID
	}
	expand := strings.NewReplacer("<date>", date, "<id>", id)
	for i, l := range s.lines {
		line := s.line + i
		word, rest, _ := strings.Cut(l, " ")
		switch word {
		case "hex", "masked", "size":
			if err = settle(word); err != nil {
				return nil, err
			}
		}
		var data []byte
		switch word {
		case "hex":
			data, err = bytesOf(rest)
		case "raw":
			var text string
			text, err = strconv.Unquote(rest)
			data = []byte(expand.Replace(text))
		case "size":
			want, err = strconv.Atoi(rest)
			from, sized = len(out), line
		case "masked":
			name, quoted, whole := strings.Cut(rest, " ")
			op, ok := opcodes[name]
			if !ok {
				return nil, lineError{line, fmt.Errorf("no opcode %q", name)}
			}
			if !whole {
				frame, open = op, len(out)
				break
			}
			var text string
			text, err = strconv.Unquote(quoted)
			data = masked(op, true, []byte(text))
		default:
			data = []byte(expand.Replace(l) + "\r\n")
		}
		if err != nil {
			return nil, lineError{line, fmt.Errorf("%q: %w", l, err)}
		}
		if data != nil {
			out = append(out, piece{line, data})
		}
	}
	return out, settle("")
}

var opcodes = map[string]wsproto.Opcode{
	"text": wsproto.OpText, "binary": wsproto.OpBinary, "continuation": wsproto.OpContinuation,
	"close": wsproto.OpClose, "ping": wsproto.OpPing, "pong": wsproto.OpPong,
}

// bytesOf reads "01 30 FF" and "128*00".
func bytesOf(s string) (out []byte, err error) {
	for _, word := range strings.Fields(s) {
		count := 1
		if n, rest, ok := strings.Cut(word, "*"); ok {
			if count, err = strconv.Atoi(n); err != nil {
				return nil, err
			}
			word = rest
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			return nil, err
		}
		out = append(out, bytes.Repeat(b, count)...)
	}
	return out, nil
}

// A clockTape is a tape whose timer follows the loop's time.
type clockTape struct {
	tape
	l   *stillLoop
	due time.Time
	end bool // the handler knows that the connection has ended
}

func (t *clockTape) SetTimeout(d time.Duration) {
	t.due = time.Time{}
	if d > 0 {
		t.due = t.l.now.Add(d)
	}
}

// A stage is a gateway with one service, and the connections to it.
type stage struct {
	w     *Worker
	l     *stillLoop
	port  *Port
	route *Route
	conns map[string]*clockTape
	order []*clockTape
	at    *clockTape
	cast  *castService
	id    string
}

func (c *conversation) run(cutStep, cut int) error {
	g, err := c.stage()
	if err != nil {
		return fmt.Errorf("%s: %w", c.file, err)
	}
	g.connection("client")
	for i := range c.steps {
		s := &c.steps[i]
		n := 0
		if i == cutStep {
			n = cut
		}
		if line, err := g.do(s, n); err != nil {
			if e, ok := err.(lineError); ok {
				line, err = e.line, e.err
			}
			return fmt.Errorf("%s:%d: %w", c.file, line, err)
		}
	}
	for name, t := range g.conns {
		if t.out.Len() > 0 {
			return fmt.Errorf("%s:%d: connection %s was sent more: %q", c.file, c.steps[len(c.steps)-1].line, name, t.take())
		}
	}
	for _, t := range g.order {
		g.ended(t)
	}
	g.wait(2 * time.Minute)
	if n := g.w.Sessions(); n != 0 || g.route.Sessions.Load() != 0 {
		return fmt.Errorf("%s: %d sessions left", c.file, n)
	}
	return nil
}

// stage sets the service up that the options describe.
func (c *conversation) stage() (*stage, error) {
	g := &stage{conns: map[string]*clockTape{}}
	g.w, g.l = newTestWorker()
	o := c.options
	accept := o["accept"]
	if accept == "" {
		accept = "ws://localhost:8001/echo"
	}
	scheme, rest, _ := strings.Cut(accept, "://")
	authority, path, _ := strings.Cut(rest, "/")
	g.route = &Route{Accept: accept, Path: "/" + path, Events: scheme == "sse", Origins: &origin.Policy{Accept: "http://" + authority}}
	switch o["service"] {
	case "echo":
		g.route.Service = &echoService{}
	case "protected":
		g.route.Service, g.route.Guard = &echoService{}, realmGuard{o["challenge"], o["credentials"]}
	case "broadcast", "sse":
		g.cast = &castService{}
		g.route.Service = g.cast
	case "balancer":
		g.route.Balancer = memberBalancer{o["member"], o["affinity"]}
	default:
		return nil, fmt.Errorf("no service %q", o["service"])
	}
	if p := o["cross-site"]; p != "" {
		g.route.Origins.Constraints = []origin.Constraint{{Origin: p}}
	}
	if p := o["protocols"]; p != "" {
		g.route.Options.Protocols = strings.Split(p, ",")
	}
	g.route.Options.Strict = o["strict"] == "yes"
	var err error
	if v := o["inactivity"]; v != "" {
		if g.route.Options.Inactivity, err = time.ParseDuration(v); err != nil {
			return nil, err
		}
	}
	if v := o["max-message"]; v != "" {
		if g.route.Options.Limits.MaxMessage, err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, err
		}
	}
	g.port = &Port{}
	g.port.Routes.Store(&Routes{Router: authorityRoute{authority, oneRoute{g.route}}})
	return g, nil
}

// authorityRoute is oneRoute at another authority.
type authorityRoute struct {
	authority string
	oneRoute
}

func (r authorityRoute) Route(authority, path []byte, kind Kind) (*Route, []byte) {
	if string(authority) != r.authority || kind == KindHTTP && !r.route.Events {
		return nil, nil
	}
	return r.oneRoute.Route([]byte("localhost:8001"), path, kind)
}

func (g *stage) connection(name string) {
	t := g.conns[name]
	if t == nil {
		t = &clockTape{l: g.l}
		g.conns[name] = t
		g.order = append(g.order, t)
		t.handler = g.w.Open(t, g.port)
	}
	g.at = t
}

// do takes one step, a client's in two parts when cut is not 0. The line of a
// failure is that of the byte that differs.
func (g *stage) do(s *step, cut int) (line int, err error) {
	if s.command == "<" {
		return g.expect(s)
	}
	for _, t := range g.order {
		if t.out.Len() > 0 && (t == g.at && s.command != "connection" || s.command == "wait") {
			return s.line, fmt.Errorf("more was sent than is expected: %q", t.take())
		}
	}
	t := g.at
	switch s.command {
	case ">":
		if t.end {
			return s.line, fmt.Errorf("the connection is closed")
		}
		ps, err := s.pieces(g.id, string(g.w.Date()))
		if err != nil {
			return s.line, err
		}
		data := join(ps)
		if cut > 0 {
			t.data(bytes.Clone(data[:cut]))
			g.l.settle()
			data = data[cut:]
		}
		t.data(bytes.Clone(data))
	case "upgrade":
		return s.line, g.upgrade(s.arg)
	case "connection":
		g.connection(s.arg)
	case "wait":
		d, err := time.ParseDuration(s.arg)
		if err != nil {
			return s.line, err
		}
		g.wait(d)
	case "closed":
		if !t.closed && !t.aborted {
			return s.line, fmt.Errorf("the connection is still open")
		}
	case "open":
		if t.closed || t.aborted {
			return s.line, fmt.Errorf("the connection is closed")
		}
	case "lost":
		g.ended(t)
	case "drain":
		g.w.CloseSessions(nil, 100, wsproto.CodeGoingAway, "")
	case "service":
		if g.cast == nil {
			return s.line, fmt.Errorf("the service has nothing to say")
		}
		if err := g.cast.say(s.arg); err != nil {
			return s.line, err
		}
	default:
		return s.line, fmt.Errorf("no command %q", s.command)
	}
	g.l.settle()
	for _, t := range g.order {
		if t.closed || t.aborted {
			g.ended(t)
		}
	}
	return 0, nil
}

// ended tells a handler, once, that its connection has ended.
func (g *stage) ended(t *clockTape) {
	if !t.end {
		t.end, t.due = true, time.Time{}
		t.handler.Closed(nil)
		g.l.settle()
	}
}

// unknownID stands for an id that has not come yet.
const unknownID = "????????????????????????????????"

var idForm = regexp.MustCompile(`^[A-Za-z0-9]{32}`)

// expect compares what the connection was sent with s.
func (g *stage) expect(s *step) (int, error) {
	got := g.at.out.Bytes()
	ps, err := s.pieces(g.id, string(g.w.Date()))
	if g.id == "" && err == nil {
		if i := bytes.Index(join(ps), []byte(unknownID)); i >= 0 && i < len(got) {
			g.id = string(idForm.Find(got[i:]))
		}
	}
	if err == nil && g.id != "" {
		ps, err = s.pieces(g.id, string(g.w.Date()))
	}
	if err != nil {
		return s.line, err
	}
	for _, p := range ps {
		n := min(len(p.data), len(got))
		if !bytes.Equal(got[:n], p.data) {
			return p.line, fmt.Errorf("got  %q\nwant %q ...", got[:min(len(got), len(p.data)+40)], p.data)
		}
		got = got[n:]
	}
	g.at.out.Next(len(join(ps)))
	return 0, nil
}

// upgrade takes a connection through the handshake of §1.7 or the outer one
// of §3.3, whose answers are 201 and 246 bytes.
func (g *stage) upgrade(arg string) error {
	in, want, size := upgradeHead, upgradeAnswer, 201
	if arg == "extended" {
		in, want, size = wsxHead, wsxAnswer+directiveN, 246+6
	} else if arg != "" {
		return fmt.Errorf("no handshake %q", arg)
	}
	g.at.data([]byte(in))
	if got := string(g.at.take()); got != want || len(got) != size {
		return fmt.Errorf("got  %q\nwant %q, %d bytes", got, want, size)
	}
	return nil
}

// wait moves the time and fires every timer when it is due.
func (g *stage) wait(d time.Duration) {
	for end := g.l.now.Add(d); ; {
		next := end
		for _, t := range g.l.timers {
			if t.fn != nil && t.due.Before(next) {
				next = t.due
			}
		}
		for _, t := range g.order {
			if !t.due.IsZero() && t.due.Before(next) {
				next = t.due
			}
		}
		g.l.advance(next.Sub(g.l.now))
		fired := false
		for _, t := range g.order {
			if !t.due.IsZero() && !t.due.After(g.l.now) {
				t.due, fired = time.Time{}, true
				t.handler.Timeout()
				g.l.settle()
			}
		}
		if !fired && !g.l.now.Before(end) {
			return
		}
	}
}

// A realmGuard admits one Authorization value and challenges all others.
type realmGuard struct{ challenge, credentials string }

func (g realmGuard) Check(a []byte) (string, int, string) {
	if string(a) == g.credentials {
		return "joe", 0, ""
	}
	return "", 401, g.challenge
}
func (g realmGuard) Native() bool { return !strings.HasPrefix(g.challenge, "Application ") }

// A castService says to all of its clients what a conversation wants.
type castService struct{ channels []Channel }

func (c *castService) Open(ch Channel, _ *Open) Receiver {
	c.channels = append(c.channels, ch)
	return c
}
func (c *castService) Frame(Channel, *wsproto.Frame) {}
func (c *castService) Drained(Channel)               {}
func (c *castService) Closed(ch Channel, _ wsproto.Code, _ []byte) {
	for i, other := range c.channels {
		if other == ch {
			c.channels = append(c.channels[:i:i], c.channels[i+1:]...)
			return
		}
	}
}

// say is 'text "..."', 'binary "..."' or 'closes'.
func (c *castService) say(arg string) error {
	word, quoted, _ := strings.Cut(arg, " ")
	if word == "closes" {
		for _, ch := range c.channels {
			ch.Close(wsproto.CodeNormal, "")
		}
		return nil
	}
	payload, err := strconv.Unquote(quoted)
	if err != nil {
		return fmt.Errorf("%q: %w", arg, err)
	}
	m := new(Shared)
	m.Add(opcodes[word], []byte(payload))
	for _, ch := range c.channels {
		ch.SendShared(m)
	}
	return nil
}

// A memberBalancer knows one member, or none, and makes its addresses as
// spec/protocol.md §4.4 says.
type memberBalancer struct{ member, cookie string }

func (b memberBalancer) Balance(q *Query, a *Answer) {
	*a = Answer{NoneStatus: 503}
	if b.member == "" {
		return
	}
	*a = Answer{Action: ActionRedirect, SetCookie: []byte(b.cookie)}
	query := string(q.Request.RawQuery)
	if q.Client == ClientDirective {
		a.Location = []byte(b.member + "?" + query)
		return
	}
	_, rest, _ := strings.Cut(b.member, "://")
	uri := "http://" + rest
	if q.Client == ClientEmulated || q.Client == ClientHTTP {
		if suffix := string(q.Suffix); suffix != "/;e/cookies" {
			uri += suffix
		}
		var kept []string
		for _, p := range strings.Split(query, "&") {
			if p != "" && !strings.HasPrefix(p, ".kn=") && !strings.HasPrefix(p, ".krn=") {
				kept = append(kept, p)
			}
		}
		if len(kept) > 0 {
			uri += "?" + strings.Join(kept, "&")
		}
	}
	a.Location = []byte(uri)
}
