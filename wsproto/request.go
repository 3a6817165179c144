package wsproto

import (
	"bytes"
	"errors"
)

// A Request is a parsed HTTP/1.x request head (protocol.md §1.1). One Request
// serves any number of heads one after the other and then allocates nothing:
// its slices alias the parsed bytes or its own buffers, and are valid until the
// next Parse or until those bytes change. It belongs to one goroutine.
//
//	GET http://Host:8000//a%62?x=1 HTTP/1.1
//	^Method
//	    ^Target
//	           ^Authority, lower-cased: host:8000
//	                    ^RawPath //a%62, Path /ab
//	                           ^RawQuery x=1
type Request struct {
	fields

	Method    []byte
	Target    []byte // as sent
	RawPath   []byte // path part of Target, as sent
	Path      []byte // decoded once, "//" collapsed; "/" when Target has none, "*" for OPTIONS *, empty for CONNECT
	RawQuery  []byte // behind the "?", as sent
	Authority []byte // host[:port] in lower case, from Host or the absolute form

	Minor         int   // of HTTP/1.x
	ContentLength int64 // -1 when not given
	Chunked       bool
	Close         bool // the connection ends with this request: HTTP/1.0 or `Connection: close`
	Expect100     bool

	form    form
	scheme  []byte // of the absolute form
	host    []byte // of the absolute or authority form
	path    []byte // buffer of Path
	address []byte // buffer of Authority
}

// form is how the target was written (RFC 9112 §3.2).
type form uint8

const (
	originForm form = iota
	absoluteForm
	authorityForm
	asteriskForm
)

// Parse reads a request head from the front of b. n is its length with the
// blank line; 0 with a nil error means that more bytes are needed: call again
// with all bytes from the start. b is not changed.
//
// err is a *StatusError whose connection must be closed. It comes with the
// first byte that settles it, and is the same however the bytes arrive.
func (r *Request) Parse(b []byte, lim HeadLimits) (n int, err error) {
	return r.ParseFrom(b, 0, lim)
}

// ParseFrom is Parse for a head that grows: seen tells how many bytes of b an
// earlier call has answered with 0, nil. They are not examined again until the
// blank line has come, which keeps a head that is sent byte by byte cheap.
func (r *Request) ParseFrom(b []byte, seen int, lim HeadLimits) (n int, err error) {
	lim = lim.withDefaults()
	full := len(b) >= lim.MaxBytes
	if full {
		b = b[:lim.MaxBytes]
	}
	var e *StatusError
	if seen > 0 && seen <= len(b) && !lim.ObsFold && !blankLineAfter(b, seen) {
		e = r.examine(b, seen, &lim)
	} else {
		n, e = r.parse(b, &lim)
	}
	switch {
	case e != nil:
		return 0, e
	case n == 0 && full:
		return 0, tooLarge("request head of more than %d bytes", lim.MaxBytes)
	}
	return n, nil
}

// blankLineAfter reports whether a blank line ends at or behind seen.
func blankLineAfter(b []byte, seen int) bool {
	return bytes.Contains(b[max(0, seen-3):], []byte("\n\r\n"))
}

// examine looks for faults behind seen. Lines before it are only counted, and
// of the line it lies in only the end is read.
func (r *Request) examine(b []byte, seen int, lim *HeadLimits) (err *StatusError) {
	r.reset()
	at := lastNewline(b[:seen]) + 1
	if at == 0 {
		if at, err = r.requestLine(b, lim); at == 0 || err != nil {
			return err
		}
	} else {
		for range bytes.Count(b[:at], []byte{'\n'}) - 1 {
			r.list = append(r.list, Field{})
		}
		if at < seen && b[at] != '\r' {
			n, err := r.line(b[at:], seen-at, lim)
			if n == 0 || err != nil {
				return err
			}
			at += n
		}
	}
	_, err = r.fields.parse(b[at:], lim)
	return err
}

// lastNewline is bytes.LastIndexByte for bytes whose last line may be long.
func lastNewline(b []byte) int {
	for end := len(b); end > 0; {
		start := max(0, end-512)
		if bytes.IndexByte(b[start:end], '\n') >= 0 {
			return start + bytes.LastIndexByte(b[start:end], '\n')
		}
		end = start
	}
	return -1
}

func (r *Request) parse(b []byte, lim *HeadLimits) (n int, err *StatusError) {
	r.reset()
	n, err = r.requestLine(b, lim)
	if n == 0 || err != nil {
		return 0, err
	}
	m, err := r.fields.parse(b[n:], lim)
	if m == 0 || err != nil {
		return 0, err
	}
	if err = r.finish(); err != nil {
		return 0, err
	}
	return n + m, nil
}

func (r *Request) reset() {
	r.fields.reset()
	r.Method, r.Target, r.RawPath, r.Path, r.RawQuery, r.Authority = nil, nil, nil, nil, nil, nil
	r.scheme, r.host, r.form = nil, nil, originForm
	r.Minor, r.ContentLength = 0, -1
	r.Chunked, r.Close, r.Expect100 = false, false, false
}

// maxMethod bounds an unknown method; what is longer is one for certain.
const maxMethod = 32

// requestLine reads the first line. n is its length, 0 when it has no end yet.
func (r *Request) requestLine(b []byte, lim *HeadLimits) (n int, err *StatusError) {
	i := 0
	for i < len(b) && i <= maxMethod && class[b[i]]&isToken != 0 {
		i++
	}
	switch {
	case i > maxMethod:
		return 0, errMethod
	case i == len(b):
		return 0, nil
	case b[i] != ' ' || i == 0:
		return 0, badRequest("byte %#02x in the method", b[i])
	case !knownMethod(b[:i]):
		return 0, errMethod
	}
	r.Method = b[:i:i]
	i++
	start := i
	for i < len(b) && i-start <= lim.MaxTarget && class[b[i]]&isTarget != 0 {
		i++
	}
	switch {
	case i-start > lim.MaxTarget:
		return 0, errTarget
	case i == len(b):
		return 0, nil
	case b[i] != ' ' || i == start:
		return 0, badRequest("byte %#02x in the request target", b[i])
	}
	r.Target = b[start:i:i]
	minor, m, err := version(b[i+1:])
	if m == 0 || err != nil {
		return 0, err
	}
	r.Minor = minor
	if err = r.target(); err != nil {
		return 0, err
	}
	return i + 1 + m, nil
}

var (
	errMethod  = statusError(501, errors.New("unknown method"))
	errTarget  = statusError(414, errors.New("request target over its limit"))
	errVersion = statusError(400, errors.New("garbled HTTP version"))
	errMajor   = statusError(505, errors.New("not HTTP/1.x"))
)

func knownMethod(m []byte) bool {
	switch string(m) {
	case "GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH":
		return true
	}
	return false
}

const versionForm = "HTTP/1.1\r\n"

// version reads `HTTP/d.d` CRLF. m is 0 when it has no end yet.
func version(b []byte) (minor, m int, err *StatusError) {
	for i := 0; i < len(versionForm) && i < len(b); i++ {
		switch c := b[i]; i {
		case 5, 7:
			if c < '0' || c > '9' {
				return 0, 0, errVersion
			}
		case 8:
			if c != '\r' {
				return 0, 0, errVersion
			}
			if b[5] != '1' {
				return 0, 0, errMajor
			}
		default:
			if c != versionForm[i] {
				return 0, 0, errVersion
			}
		}
	}
	if len(b) < len(versionForm) {
		return 0, 0, nil
	}
	return int(b[7] - '0'), len(versionForm), nil
}

// IsUpgrade reports whether the Upgrade list holds `websocket`.
func (r *Request) IsUpgrade() bool { return r.HasToken("Upgrade", "websocket") }

// IsHandshake reports whether the request is for a WebSocket binding: an
// upgrade, or a key without one that [CheckUpgrade] refuses (protocol.md §1.2).
func (r *Request) IsHandshake() bool {
	if r.IsUpgrade() {
		return true
	}
	_, ok := r.Header("Sec-WebSocket-Key")
	return ok
}

// HasBody reports whether content follows the head.
func (r *Request) HasBody() bool { return r.ContentLength > 0 || r.Chunked }
