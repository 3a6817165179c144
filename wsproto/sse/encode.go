package sse

import (
	"bytes"
	"strconv"
)

// An Event is what one blank line ends. Empty fields are left out.
type Event struct {
	Name      []byte // event: one line, line ends become spaces
	Data      []byte // data: as many lines as it has
	ID        []byte // id: as Name
	Retry     int64  // retry: milliseconds; 0 leaves it out
	Comment   []byte // a comment line, as Name
	Location  []byte // location: where to reconnect to, as Name
	Reconnect bool   // the client must reconnect at once
}

// Append appends the event in the fixed field order of protocol.md §7. An
// event without any field appends nothing.
func (e *Event) Append(dst []byte) []byte {
	start := len(dst)
	dst = appendField(dst, "event:", e.Name)
	if len(e.Data) > 0 {
		dst = appendDataLines(dst, e.Data)
	}
	dst = appendField(dst, "id:", e.ID)
	if e.Retry > 0 {
		dst = append(strconv.AppendInt(append(dst, "retry:"...), e.Retry, 10), '\n')
	}
	dst = appendField(dst, ":", e.Comment)
	dst = appendField(dst, "location:", e.Location)
	if e.Reconnect {
		dst = append(dst, "reconnect\n"...)
	}
	if len(dst) == start {
		return dst
	}
	return append(dst, '\n')
}

func appendField(dst []byte, name string, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	dst = append(dst, name...)
	start := len(dst)
	dst = append(dst, v...)
	for i, c := range dst[start:] {
		if c == '\n' || c == '\r' {
			dst[start+i] = ' '
		}
	}
	return append(dst, '\n')
}

// AppendData appends one message as an event. An empty message is no event. The
// bytes are what every subscriber gets: encode once, share.
func AppendData(dst, message []byte) []byte {
	if len(message) == 0 {
		return dst
	}
	return append(appendDataLines(dst, message), '\n')
}

// appendDataLines splits at LF, CR and CRLF: each ends a line for a browser. A
// line end at the end of p yields an empty last line.
func appendDataLines(dst, p []byte) []byte {
	for {
		dst = append(dst, "data:"...)
		i := lineEnd(p)
		if i < 0 {
			return append(append(dst, p...), '\n')
		}
		dst = append(append(dst, p[:i]...), '\n')
		if p[i] == '\r' && i+1 < len(p) && p[i+1] == '\n' {
			i++
		}
		p = p[i+1:]
	}
}

// lineEnd returns the index of the first LF or CR, or -1.
func lineEnd(p []byte) int {
	i := bytes.IndexByte(p, '\n')
	if i >= 0 {
		p = p[:i]
	}
	if j := bytes.IndexByte(p, '\r'); j >= 0 {
		return j
	}
	return i
}

// AppendLocation appends the first event of a new session: the URL under which
// it can be resumed.
func AppendLocation(dst, url []byte) []byte {
	e := Event{Location: url}
	return e.Append(dst)
}

// AppendReconnect appends the event that makes the client come back at once,
// to the session's URL; with a location in one event to that one.
func AppendReconnect(dst, location []byte) []byte {
	e := Event{Location: location, Reconnect: true}
	return e.Append(dst)
}

// AppendKeepAlive appends the comment that keeps an idle stream open.
func AppendKeepAlive(dst []byte) []byte { return append(dst, ":\n\n"...) }

// CloseRetry is the delay in milliseconds that a closing server asks for, so
// that EventSource clients do not hammer it.
const CloseRetry = 60000

// AppendRetry appends a retry event.
func AppendRetry(dst []byte, milliseconds int64) []byte {
	e := Event{Retry: milliseconds}
	return e.Append(dst)
}

// BlockPadding is the length of what [AppendBlockPadding] appends.
const BlockPadding = 4096

// AppendBlockPadding appends the comment of 4093 spaces that .kbp wants after
// each flush.
func AppendBlockPadding(dst []byte) []byte { return appendComment(dst, BlockPadding) }

// AppendPadding appends one comment that pads a body, of which written bytes
// are out already, to total bytes (.kp). With less than a comment to pad it
// appends nothing.
func AppendPadding(dst []byte, written, total int) []byte {
	if total-written < len(":\n\n") {
		return dst
	}
	return appendComment(dst, total-written)
}

func appendComment(dst []byte, n int) []byte {
	dst = append(dst, ':')
	for range n - len(":\n\n") {
		dst = append(dst, ' ')
	}
	return append(dst, '\n', '\n')
}
