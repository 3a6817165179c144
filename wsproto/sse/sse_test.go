package sse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/wse"
)

const (
	testID = "abcdefghijklmnopqrstuvwxyz012345"
	date   = "Fri, 02 Jan 2026 00:00:00 GMT"
)

func TestAppend(t *testing.T) {
	id, _ := wse.ParseID([]byte(testID))
	full := Event{Name: []byte("e"), Data: []byte("d\nd2"), ID: []byte("7"), Retry: 5, Comment: []byte("c"),
		Location: []byte("http://h/"), Reconnect: true}
	hostile := Event{Name: []byte("a\ndata:x"), ID: []byte("1\r\n\r\n"), Location: []byte("u\rv")}
	for _, tt := range []struct{ name, got, want string }{
		{"7 example", string(AppendData(nil, []byte("Hello, world"))), "data:Hello, world\n\n"},
		{"7 example, bytes", fmt.Sprintf("% X", AppendData(nil, []byte("Hello, world"))),
			"64 61 74 61 3A 48 65 6C 6C 6F 2C 20 77 6F 72 6C 64 0A 0A"},
		{"7 head example", string(AppendData(AppendLocation(nil, AppendSessionURL(nil, []byte("http://localhost:8000/sse"), &id)),
			[]byte("Kobe is greater than Griffen"))),
			"location:http://localhost:8000/sse;s/" + testID + "\n\ndata:Kobe is greater than Griffen\n\n"},
		{"7 trailing LF", string(AppendData(nil, []byte("x\n"))), "data:x\ndata:\n\n"},
		{"7 LF", string(AppendData(nil, []byte("a\nb\n\nc"))), "data:a\ndata:b\ndata:\ndata:c\n\n"},
		{"7 CR", string(AppendData(nil, []byte("a\rb\r"))), "data:a\ndata:b\ndata:\n\n"},
		{"7 CRLF", string(AppendData(nil, []byte("a\r\nb\n\rc"))), "data:a\ndata:b\ndata:\ndata:c\n\n"},
		{"7 empty", string(AppendData(nil, nil)), ""},
		{"7 colon and blank", string(AppendData(nil, []byte(" :x"))), "data: :x\n\n"},
		{"7 field order", string(full.Append(nil)), "event:e\ndata:d\ndata:d2\nid:7\nretry:5\n:c\nlocation:http://h/\nreconnect\n\n"},
		{"no injection", string(hostile.Append(nil)), "event:a data:x\nid:1    \nlocation:u v\n\n"},
		{"no field", string(new(Event).Append(nil)), ""},
		{"7 reconnect", string(AppendReconnect(nil, nil)), "reconnect\n\n"},
		{"7 https redirect", string(AppendReconnect(nil, []byte("https://h/"))), "location:https://h/\nreconnect\n\n"},
		{"7 keep-alive", string(AppendKeepAlive(nil)), ":\n\n"},
		{"7 close", string(AppendRetry(nil, CloseRetry)), "retry:60000\n\n"},
		{"7 block padding", string(AppendBlockPadding(nil)), ":" + strings.Repeat(" ", 4093) + "\n\n"},
		{"7 padding", string(AppendPadding(nil, 3, 10)), ":    \n\n"},
		{"7 no padding", string(AppendPadding(nil, 8, 10)), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestHeadGolden(t *testing.T) {
	var r httpxe.Response
	Head(&r, &wse.Params{})
	r.Date, r.Server = []byte(date), []byte("Kaazing Gateway")
	want := strings.ReplaceAll(`HTTP/1.1 200 OK
Cache-Control: no-cache
Connection: close
Content-Type: text/event-stream
Date: `+date+`
Server: Kaazing Gateway
X-Content-Type-Options: nosniff

`, "\n", "\r\n")
	if got := string(r.Append(nil, httpxe.Plain)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		path, service, params string
		session, ok           bool
	}{
		{"/sse", "/sse", "", false, true},
		{"/sse;s/" + testID, "/sse", "", true, true},
		{"/sse&.kb=512", "/sse", ".kb=512", false, true},
		{"/sse;s/" + testID + "&.kb=512&x", "/sse", ".kb=512&x", true, true},
		{"/sse;s/", "/sse", "", true, false},
		{"/sse;s/short", "/sse", "", true, false},
		{"/sse;s/" + testID + "/x", "/sse", "", true, false},
	} {
		p, ok := ParsePath([]byte(tt.path))
		if string(p.Service) != tt.service || string(p.Params) != tt.params || p.Session != tt.session || ok != tt.ok {
			t.Errorf("ParsePath(%q) = %+v, %v", tt.path, p, ok)
		}
	}
}

func TestAppendAllocs(t *testing.T) {
	dst, msg := make([]byte, 0, 8192), []byte("one\ntwo\r\nthree")
	if n := testing.AllocsPerRun(100, func() {
		dst = AppendBlockPadding(AppendRetry(AppendKeepAlive(AppendReconnect(AppendData(dst[:0], msg), msg)), 5))
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// parse feeds pieces and shows what a client sees.
func parse(pieces ...[]byte) string {
	var r Parser
	var out []string
	for _, p := range pieces {
		for {
			var m Message
			n, ok, err := r.Next(p, &m)
			if err != nil {
				return err.Error()
			}
			p = p[n:]
			if !ok {
				break
			}
			s := fmt.Sprintf("%s[%s]", m.Name, m.Data)
			if len(m.Location) > 0 {
				s += fmt.Sprintf("@%s", m.Location)
			}
			if m.Reconnect {
				s += "!"
			}
			out = append(out, s)
		}
	}
	return fmt.Sprintf("%q id=%s retry=%d comments=%d", out, r.LastEventID, r.RetryMillis, r.Comments)
}

func TestParser(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"one", "data:a\n\n", `["[a]"] id= retry=0 comments=0`},
		{"blank after colon", "data: a\n\ndata:  b\n\n", `["[a]" "[ b]"] id= retry=0 comments=0`},
		{"BOM, CRLF", "\xEF\xBB\xBFdata:a\r\ndata:b\r\n\r\n", `["[a\nb]"] id= retry=0 comments=0`},
		{"CR", "data:a\rdata:b\r\rdata:c\r\r", `["[a\nb]" "[c]"] id= retry=0 comments=0`},
		{"mixed ends", "data:a\n\r\ndata:b\r\n\n", `["[a]" "[b]"] id= retry=0 comments=0`},
		{"comments", ":\n\n: x\ndata:a\n\n", `["[a]"] id= retry=0 comments=2`},
		{"empty data", "data:\n\ndata\ndata\n\n", `["[]" "[\n]"] id= retry=0 comments=0`},
		{"event, id, retry", "event:e\nid:7\nretry:250\ndata:a\n\n", `["e[a]"] id=7 retry=250 comments=0`},
		{"name alone is dropped", "event:e\n\ndata:a\n\n", `["[a]"] id= retry=0 comments=0`},
		{"id alone, bad id, empty id", "id:7\n\nid:8\x00\n\n", `[] id=7 retry=0 comments=0`},
		{"id reset", "id:7\n\nid\n\n", `[] id= retry=0 comments=0`},
		{"bad retry", "retry:5s\n\nretry:-1\n\n", `[] id= retry=0 comments=0`},
		{"vendor", "location:http://h/;s/1\n\nreconnect\n\n", `["[]@http://h/;s/1" "[]!"] id= retry=0 comments=0`},
		{"unknown field", "foo:bar\nbaz\ndata:a\n\n", `["[a]"] id= retry=0 comments=0`},
		{"cut event", "data:a\n\ndata:b\n", `["[a]"] id= retry=0 comments=0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			if got := parse(in); got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
			var single [][]byte
			for i := range in {
				single = append(single, in[i:i+1])
				if got := parse(in[:i], in[i:]); got != tt.want {
					t.Fatalf("cut at %d: got %s", i, got)
				}
			}
			if got := parse(single...); got != tt.want {
				t.Errorf("byte by byte: got %s", got)
			}
		})
	}
}

func TestParserLimit(t *testing.T) {
	r := Parser{MaxEvent: 10}
	var m Message
	if _, _, err := r.Next([]byte("data:aaaa\ndata:aaaa\ndata:aaaa"), &m); err == nil {
		t.Error("large event accepted")
	}
}

func FuzzParser(f *testing.F) {
	f.Add([]byte("\xEF\xBB\xBFdata:a\r\nid:5\n\nreconnect\r\r:x\n"), uint16(4))
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		i := min(int(cut), len(in))
		if whole, parts := parse(in), parse(in[:i], in[i:]); whole != parts {
			t.Fatalf("cut at %d: %s, whole %s", i, parts, whole)
		}
	})
}

// FuzzRoundTrip: what AppendData writes, a client reads, line ends unified.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		var r Parser
		var m Message
		_, ok, err := r.Next(AppendData(nil, msg), &m)
		if err != nil || ok != (len(msg) > 0) {
			t.Fatal(ok, err)
		}
		want := bytes.ReplaceAll(bytes.ReplaceAll(msg, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
		// A value's first blank belongs to the syntax; vendor form writes none.
		lines := bytes.Split(want, []byte("\n"))
		for i := range lines {
			lines[i] = bytes.TrimPrefix(lines[i], []byte(" "))
		}
		if want = bytes.Join(lines, []byte("\n")); ok && !bytes.Equal(m.Data, want) {
			t.Fatalf("got %q want %q", m.Data, want)
		}
	})
}
