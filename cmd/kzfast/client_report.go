package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kzfast/kzfast/client"
)

// A reporter tells what happens, to a person or, as JSON, to a program.
type reporter struct {
	out, errOut io.Writer
	json        *json.Encoder // nil for a person
	began       time.Time
}

func newReporter(asJSON bool, out, errOut io.Writer) *reporter {
	r := &reporter{out: out, errOut: errOut, began: time.Now()}
	if asJSON {
		r.json = json.NewEncoder(out)
		r.json.SetEscapeHTML(false)
	}
	return r
}

// event is one line of JSON. Times are in seconds, elapsed since the start.
type event struct {
	Elapsed float64 `json:"elapsed"`
	Event   string  `json:"event"`
	URI     string  `json:"uri,omitempty"`
	Member  string  `json:"member,omitempty"`
	Attempt int     `json:"attempt,omitempty"`
	Away    float64 `json:"away,omitempty"`
	Delay   float64 `json:"delay,omitempty"`
	Code    int     `json:"code,omitempty"`
	Text    string  `json:"text,omitempty"`
	Data    []byte  `json:"data,omitempty"`
	Error   string  `json:"error,omitempty"`
	*totals
}

// totals end the report.
type totals struct {
	Sent     int      `json:"sent"`
	Received int      `json:"received"`
	Back     int      `json:"back"`
	Repeated int      `json:"repeated"`
	Wrong    int      `json:"wrong"`
	Members  []string `json:"members"`
	P50      float64  `json:"p50"`
	P99      float64  `json:"p99"`
	Max      float64  `json:"max"`
}

func (r *reporter) emit(e event) {
	e.Elapsed = round(time.Since(r.began))
	r.json.Encode(e)
}

func round(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }

func (r *reporter) say(format string, args ...any) {
	fmt.Fprintf(r.errOut, "%8.3f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// state tells a change of phase; lost is when the last member was, or zero.
func (r *reporter) state(s client.State, lost time.Time) {
	away := time.Duration(0)
	if s.Phase == client.Open && !lost.IsZero() {
		away = time.Since(lost)
	}
	if r.json != nil {
		e := event{Event: s.Phase.String(), URI: s.URI, Member: s.Member, Attempt: s.Attempt, Away: round(away), Delay: round(s.Delay), Code: int(s.Code)}
		if s.Err != nil {
			e.Error = s.Err.Error()
		}
		r.emit(e)
		return
	}
	switch {
	case s.Phase == client.Connecting:
		r.say("connecting to %s", s.URI)
	case s.Phase == client.Open && away > 0:
		r.say("open: %s answers, %.3f s after the loss", s.Member, away.Seconds())
	case s.Phase == client.Open:
		r.say("open: %s answers", s.Member)
	case s.Phase == client.Closed && s.Err != nil && s.Member != "":
		r.say("lost %s: %v", s.Member, s.Err)
	case s.Phase == client.Waiting:
		r.say("next attempt in %.3f s (%v)", s.Delay.Seconds(), s.Err)
	}
}

// message prints one message; a binary one is quoted when it is no text.
func (r *reporter) message(m client.Message) {
	switch {
	case r.json != nil && m.Text:
		r.emit(event{Event: "message", Text: string(m.Data)})
	case r.json != nil:
		r.emit(event{Event: "message", Data: m.Data})
	default:
		fmt.Fprintln(r.out, printable(m.Data))
	}
}

// printable keeps a foreign message from steering the terminal.
func printable(b []byte) string {
	s := string(b)
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c != '\t' && !unicode.IsPrint(c) }) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

func (r *reporter) failed(err error) {
	switch {
	case err == nil:
	case r.json != nil:
		r.emit(event{Event: "failed", Error: err.Error()})
	default:
		r.say("failed: %v", err)
	}
}

func (r *reporter) summary(t *talk) {
	slices.Sort(t.rounds)
	at := func(q float64) time.Duration { return quantile(t.rounds, q) }
	if r.json != nil {
		r.emit(event{Event: "summary", totals: &totals{
			Sent: t.asked, Received: t.received, Back: t.back, Repeated: t.repeated, Wrong: t.wrong,
			Members: t.members, P50: round(at(0.5)), P99: round(at(0.99)), Max: round(at(1)),
		}})
		return
	}
	if t.count == 0 {
		return
	}
	who := "nobody"
	if len(t.members) > 0 {
		who = strings.Join(t.members, " and ")
	}
	r.say("%d of %d came back, %d repeated, %d wrong; answered by %s; round trip p50 %v, p99 %v, max %v",
		t.back, t.count, t.repeated, t.wrong, who,
		at(0.5).Round(time.Microsecond), at(0.99).Round(time.Microsecond), at(1).Round(time.Microsecond))
}

// quantile is the least of sorted that at least the share q does not exceed; 0
// when there is none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
