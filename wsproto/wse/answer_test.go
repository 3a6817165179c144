package wse

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

const date = "Fri, 02 Jan 2026 00:00:00 GMT"

// answers reads testdata/answers.txt: "== section" starts an answer; heads are
// shown with LF for CRLF, and a line of "--" separates the body.
func answers(t *testing.T) map[string]string {
	b, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, part := range strings.Split(string(b), "== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		head, body, _ := strings.Cut(text, "--\n")
		out[name] = strings.ReplaceAll(head, "\n", "\r\n") + body
	}
	return out
}

func TestAnswers(t *testing.T) {
	id, _ := ParseID([]byte(testID))
	own := func(r *httpxe.Response) {
		r.Date, r.Server = []byte(date), []byte("Kaazing Gateway")
	}
	params := func(q string) *Params {
		p, err := ParseParams([]byte(q))
		if err != nil {
			t.Fatal(err)
		}
		return &p
	}
	create := func(r *httpxe.Response, e Encoding, base, query string) {
		Created(r, AppendCreateBody(nil, []byte(base), e, &id, []byte(query)), []byte("x"))
		own(r)
	}
	poll := AppendReconnect(AppendMessage(nil, Binary, false, []byte("hi")))
	for name, tt := range map[string]struct {
		via  httpxe.Via
		fill func(r *httpxe.Response)
	}{
		"6.3 create": {httpxe.Plain, func(r *httpxe.Response) {
			create(r, BinaryMixed, "http://node1.example.com:8081/echo", "topic=a")
		}},
		"6.3 create wrapped": {httpxe.Bridge, func(r *httpxe.Response) {
			create(r, Text, "http://localhost:8000/echo", "")
		}},
		"6.3 method": {httpxe.Plain, func(r *httpxe.Response) {
			_, err := CheckCreate(&CreateRequest{Method: []byte("DELETE")})
			Refuse(r, err.(*httpxe.StatusError))
			own(r)
		}},
		"6.4 upstream": {httpxe.Plain, func(r *httpxe.Response) { Accepted(r); own(r) }},
		"6.4 upstream wrapped": {httpxe.Bridge, func(r *httpxe.Response) {
			Accepted(r)
			own(r)
		}},
		"6.4 unknown id":  {httpxe.Plain, func(r *httpxe.Response) { Refuse(r, ErrGone); own(r) }},
		"6.4 bad request": {httpxe.Plain, func(r *httpxe.Response) { Refuse(r, MethodError([]byte("GET"))); own(r) }},
		"6.5 downstream": {httpxe.Plain, func(r *httpxe.Response) {
			DownstreamHead(r, BinaryMixed, params(""), IdleTimeout(0), false)
			own(r)
		}},
		"6.5 downstream text": {httpxe.Plain, func(r *httpxe.Response) {
			DownstreamHead(r, EscapedMixed, params(""), IdleTimeout(8*time.Second), false)
			own(r)
		}},
		"6.5 downstream text wrapped": {httpxe.Bridge, func(r *httpxe.Response) {
			DownstreamHead(r, Text, params(""), IdleTimeout(0), false)
			own(r)
		}},
		"6.5 downstream with tokens": {httpxe.Plain, func(r *httpxe.Response) {
			DownstreamHead(r, Text, params(".kc=text/plain;charset=windows-1252&.kcc=private"), IdleTimeout(time.Second), false)
			own(r)
		}},
		"6.5 long-poll": {httpxe.Plain, func(r *httpxe.Response) {
			DownstreamHead(r, Binary, params(".ki=p"), IdleTimeout(0), true)
			r.Body = poll
			own(r)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var r httpxe.Response
			tt.fill(&r)
			got := string(r.Append(nil, tt.via))
			got = strings.ReplaceAll(got, string(poll), fmt.Sprintf("% X\n", poll))
			if want := answers(t)[name]; got != want {
				t.Errorf("got\n%s\nwant\n%s\n(%q)", got, want, got)
			}
		})
	}
}

func TestLongNoSniff(t *testing.T) {
	var r httpxe.Response
	DownstreamHead(&r, Binary, &Params{NoSniff: true}, time.Minute, false)
	outer, inner, _ := bytes.Cut(r.Append(nil, httpxe.Bridge), []byte("\r\n\r\n"))
	v, ok := bytes.CutPrefix(inner[bytes.Index(inner, []byte("X-Content-Type-Nosniff")):], []byte("X-Content-Type-Nosniff: "))
	if !ok || bytes.IndexByte(v, '\r') < 1024 || bytes.Contains(outer, []byte("Type-Nosniff")) {
		t.Errorf("outer %q inner %q", outer, inner)
	}
}

func TestIdleTimeout(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{0: 60 * time.Second, time.Second: 5 * time.Second,
		8900 * time.Millisecond: 8 * time.Second, 2 * time.Minute: 2 * time.Minute} {
		if got := IdleTimeout(in); got != want {
			t.Errorf("IdleTimeout(%v) = %v, want %v", in, got, want)
		}
	}
}
