package wsproto

import (
	"errors"
	"fmt"
)

// A Response is a parsed HTTP/1.x response head. Like a [Request] it is reused,
// aliases the parsed bytes and belongs to one goroutine.
type Response struct {
	fields

	Status        int    // 100 to 599
	Reason        []byte // may be empty
	Minor         int    // of HTTP/1.x
	ContentLength int64  // -1 when not given
	Chunked       bool
	Close         bool // HTTP/1.0 or `Connection: close`
}

// Parse reads a response head from the front of b. n is its length with the
// blank line; 0 with a nil error means that more bytes are needed. An interim
// response (1xx but not 101) is a head like any other: parse the next one
// behind it. After an error the connection is of no more use.
func (r *Response) Parse(b []byte, lim HeadLimits) (n int, err error) {
	lim = lim.withDefaults()
	full := len(b) >= lim.MaxBytes
	if full {
		b = b[:lim.MaxBytes]
	}
	n, e := r.parse(b, &lim)
	switch {
	case e != nil:
		return 0, fmt.Errorf("response head: %w", e.Err)
	case n == 0 && full:
		return 0, fmt.Errorf("response head of more than %d bytes", lim.MaxBytes)
	}
	return n, nil
}

func (r *Response) parse(b []byte, lim *HeadLimits) (n int, err *StatusError) {
	r.reset()
	r.Status, r.Reason, r.Minor, r.ContentLength, r.Chunked, r.Close = 0, nil, 0, -1, false, false
	n, err = r.statusLine(b)
	if n == 0 || err != nil {
		return 0, err
	}
	m, err := r.fields.parse(b[n:], lim)
	if m == 0 || err != nil {
		return 0, err
	}
	return n + m, r.finish()
}

const statusForm = "HTTP/1.d ddd"

var errStatusLine = statusError(400, errors.New("garbled status line"))

func (r *Response) statusLine(b []byte) (n int, err *StatusError) {
	for i := 0; i < len(statusForm) && i < len(b); i++ {
		switch want := statusForm[i]; {
		case want == 'd' && b[i] >= '0' && b[i] <= '9':
		case want != b[i] || want == 'd':
			return 0, errStatusLine
		}
	}
	if len(b) <= len(statusForm) {
		return 0, nil
	}
	r.Minor = int(b[7] - '0')
	r.Status = int(b[9]-'0')*100 + int(b[10]-'0')*10 + int(b[11]-'0')
	if c := b[len(statusForm)]; r.Status < 100 || r.Status > 599 || c != ' ' && c != '\r' {
		return 0, errStatusLine
	}
	r.Reason, n, err = lineRest(b, len(statusForm))
	return n, err
}

// finish reads the framing as strictly as for a request, and does not mind
// what a 101 says about it.
func (r *Response) finish() *StatusError {
	r.Close = r.Minor == 0 || r.HasToken("Connection", "close")
	length, hasLength := r.Header("Content-Length")
	coding, hasCoding := r.Header("Transfer-Encoding")
	switch {
	case hasLength && hasCoding:
		return errTwoFramings
	case r.Count("Content-Length") > 1:
		return errLengths
	case r.Count("Transfer-Encoding") > 1:
		return errCodings
	case hasCoding:
		if !equalFold(coding, "chunked") {
			return badRequest("transfer coding %q", clip(coding))
		}
		r.Chunked = true
	case hasLength:
		n, ok := decimal(length)
		if !ok {
			return badRequest("Content-Length %q", clip(length))
		}
		r.ContentLength = n
	}
	return nil
}
