package sse

import (
	"bytes"
	"fmt"
)

// A Message is one event as a client sees it. Its slices are valid until the
// next call of Next.
type Message struct {
	Name      []byte // event type, empty for the default
	Data      []byte // lines joined with LF
	Location  []byte // vendor field: new URL to reconnect to
	Reconnect bool   // vendor field: reconnect now
}

// A Parser reads an event stream in arbitrary pieces: the client's side of
// protocol.md §7, after the rules of WHATWG HTML §9.2.6 plus the vendor's
// location and reconnect. It understands a byte order mark, LF, CR and CRLF,
// comments, id and retry. The zero value is ready.
type Parser struct {
	MaxEvent int // bytes of one event's fields; 0 = 1 MiB

	// LastEventID is what to send as Last-Event-ID on a reconnect, RetryMillis
	// the delay the server asked for, 0 when it has not.
	LastEventID []byte
	RetryMillis int64
	Comments    int // comment lines seen: signs of life

	line    []byte // unfinished line
	event   Message
	hasData bool
	id      []byte
	hasID   bool
	cr      bool // the last byte was a CR
	begun   bool // the first line is over
	yielded bool
}

var bom = []byte("\xEF\xBB\xBF")

// Next reads from the front of p up to the end of one event. n bytes were
// consumed; ok: m is set, call again with p[n:]; !ok: all of p was consumed. An
// event that the stream's end cuts is discarded, as browsers do. An error means
// that an event is too large.
func (r *Parser) Next(p []byte, m *Message) (n int, ok bool, err error) {
	if r.yielded {
		r.yielded, r.hasData = false, false
		r.event = Message{Name: r.event.Name[:0], Data: r.event.Data[:0], Location: r.event.Location[:0]}
	}
	for n < len(p) {
		if r.cr && p[n] == '\n' {
			r.cr = false
			n++
			continue
		}
		r.cr = false
		i := lineEnd(p[n:])
		if i < 0 {
			r.line = append(r.line, p[n:]...)
			return len(p), false, r.check()
		}
		r.line = append(r.line, p[n:n+i]...)
		r.cr = p[n+i] == '\r'
		n += i + 1
		if err := r.check(); err != nil {
			return n, false, err
		}
		if r.endLine() {
			*m, r.yielded = r.event, true
			return n, true, nil
		}
	}
	return n, false, nil
}

func (r *Parser) check() error {
	limit := r.MaxEvent
	if limit <= 0 {
		limit = 1 << 20
	}
	if n := len(r.line) + len(r.event.Data) + len(r.event.Name) + len(r.event.Location); n > limit {
		return fmt.Errorf("event of more than %d bytes", limit)
	}
	return nil
}

// endLine interprets the finished line and reports whether it ends an event
// worth yielding.
func (r *Parser) endLine() bool {
	l := r.line
	r.line = r.line[:0]
	if !r.begun {
		r.begun = true
		l = bytes.TrimPrefix(l, bom)
	}
	if len(l) > 0 {
		r.field(l)
		return false
	}
	if r.hasID {
		r.LastEventID, r.hasID = append(r.LastEventID[:0], r.id...), false
	}
	if r.hasData {
		r.event.Data = r.event.Data[:len(r.event.Data)-1]
	} else if len(r.event.Location) == 0 && !r.event.Reconnect {
		r.event.Name = r.event.Name[:0]
		return false
	}
	return true
}

func (r *Parser) field(l []byte) {
	name, value, colon := bytes.Cut(l, []byte{':'})
	if colon && len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "":
		r.Comments++
	case "event":
		r.event.Name = append(r.event.Name[:0], value...)
	case "data":
		r.hasData = true
		r.event.Data = append(append(r.event.Data, value...), '\n')
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			r.id, r.hasID = append(r.id[:0], value...), true
		}
	case "retry":
		if n, ok := digits(value); ok {
			r.RetryMillis = n
		}
	case "location":
		r.event.Location = append(r.event.Location[:0], value...)
	case "reconnect":
		r.event.Reconnect = true
	}
}

func digits(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > 15 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
