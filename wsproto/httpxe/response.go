package httpxe

import "strconv"

// Length says where a response carries its Content-Length (protocol.md §1.4).
type Length uint8

const (
	// LengthLast writes it after all other lines: error pages, empty bodies.
	LengthLast Length = iota
	// LengthSorted writes it in its place: WSE create answers, long-polls.
	LengthSorted
	// LengthNone leaves it out: streaming bodies that the close delimits.
	LengthNone
)

// A Response is one HTTP response before it is rendered.
//
// The zero value is not valid: Status must be set. Values are written as they
// are, except that control bytes become spaces: no value can end its line. All slices belong to the
// caller and must live until Append returns. A Response may be reused after
// [Response.Reset], which keeps its memory, so that rendering allocates
// nothing. It is not safe for concurrent use.
type Response struct {
	Status  int
	Reason  string   // empty: Reason(Status)
	Fields  []Field  // any order, without Content-Length, Date, Server, Set-Cookie
	Cookies [][]byte // values of Set-Cookie lines, in order
	Date    []byte   // value of Date; nil leaves the line out (protocol.md §1.5)
	Server  []byte   // value of Server; nil leaves the line out
	Body    []byte
	Length  Length
	Head    bool // answer to HEAD: Content-Length of the body, but no body

	lines []Field
	inner []byte
	page  []byte
	kind  []byte
	num   []byte
}

// Reset empties r and keeps its memory.
func (r *Response) Reset() {
	*r = Response{Fields: r.Fields[:0], Cookies: r.Cookies[:0],
		lines: r.lines[:0], inner: r.inner[:0], page: r.page[:0], kind: r.kind[:0], num: r.num[:0]}
}

// Add appends a header line.
func (r *Response) Add(name, value []byte) {
	r.Fields = append(r.Fields, Field{Name: name, Value: value})
}

// Fail makes r an error response with the HTML page of protocol.md §1.3;
// Fields, Cookies, Date and Server stay as they are.
func (r *Response) Fail(status int, reason string) {
	r.Status, r.Reason, r.Length = status, reason, LengthLast
	r.page = AppendHTML(r.page[:0], status, reason)
	r.Body = r.page
	r.Add(contentType, htmlType)
}

var (
	cacheControl   = []byte("Cache-Control")
	contentLength  = []byte("Content-Length")
	contentType    = []byte("Content-Type")
	dateName       = []byte("Date")
	serverName     = []byte("Server")
	setCookie      = []byte("Set-Cookie")
	noCache        = []byte("no-cache")
	htmlType       = []byte("text/html")
	plainType      = []byte("text/plain")
	plainUTF8      = []byte("text/plain;charset=UTF-8")
	octetStream    = []byte("application/octet-stream")
	eventStream    = []byte("text/event-stream")
	charsetASCII   = []byte("ascii")
	charsetUTF8    = []byte("utf-8")
	charsetWindows = []byte("windows-1252")
)

// Append renders r the way via asks and appends it to dst. A streaming
// response (LengthNone) ends with the inner head when Body is empty: whatever
// the caller writes next is the body.
func (r *Response) Append(dst []byte, via Via) []byte {
	if via == Plain {
		return r.appendPlain(dst)
	}
	return r.appendWrapped(dst, via)
}

func (r *Response) appendPlain(dst []byte) []byte {
	r.lines = append(r.lines[:0], r.Fields...)
	r.addOwn()
	if r.Length == LengthSorted {
		r.lines = append(r.lines, Field{Name: contentLength, Value: r.length(len(r.Body))})
	}
	sortFields(r.lines)
	dst = appendStatus(dst, r.Status, r.Reason)
	dst = appendLines(dst, r.lines)
	dst = r.appendCookies(dst)
	if r.Length == LengthLast {
		dst = appendLine(dst, Field{Name: contentLength, Value: r.length(len(r.Body))})
	}
	dst = append(dst, '\r', '\n')
	return r.appendBody(dst)
}

func (r *Response) appendWrapped(dst []byte, via Via) []byte {
	sortFields(r.Fields)
	outerType := plainUTF8
	r.inner = appendStatus(r.inner[:0], r.Status, r.Reason)
	r.lines = r.lines[:0]
	for _, f := range r.Fields {
		if outside(f.Name) {
			if !same(f.Name, contentLength) && !(r.Status != 200 && same(f.Name, cacheControl)) {
				r.lines = append(r.lines, f)
			}
			continue
		}
		if same(f.Name, contentType) {
			outerType = r.outerType(f.Value, via)
		}
		r.inner = appendLine(r.inner, f)
	}
	r.inner = append(r.inner, '\r', '\n')

	r.addOwn()
	r.lines = append(r.lines, Field{Name: contentType, Value: outerType})
	if r.Status != 200 {
		r.lines = append(r.lines, Field{Name: cacheControl, Value: noCache})
	}
	if r.Length != LengthNone {
		r.lines = append(r.lines, Field{Name: contentLength, Value: r.length(len(r.inner) + len(r.Body))})
	}
	sortFields(r.lines)
	if r.Status == 404 {
		dst = appendStatus(dst, r.Status, r.Reason)
	} else {
		dst = appendStatus(dst, 200, "")
	}
	dst = appendLines(dst, r.lines)
	dst = r.appendCookies(dst)
	dst = append(dst, '\r', '\n')
	if r.Head {
		return dst
	}
	return r.appendBody(append(dst, r.inner...))
}

func (r *Response) addOwn() {
	if r.Date != nil {
		r.lines = append(r.lines, Field{Name: dateName, Value: r.Date})
	}
	if r.Server != nil {
		r.lines = append(r.lines, Field{Name: serverName, Value: r.Server})
	}
}

func (r *Response) appendCookies(dst []byte) []byte {
	for _, c := range r.Cookies {
		dst = appendLine(dst, Field{Name: setCookie, Value: c})
	}
	return dst
}

func (r *Response) appendBody(dst []byte) []byte {
	if r.Head {
		return dst
	}
	return append(dst, r.Body...)
}

func (r *Response) length(n int) []byte {
	r.num = strconv.AppendInt(r.num[:0], int64(n), 10)
	return r.num
}

func appendStatus(dst []byte, status int, reason string) []byte {
	if reason == "" {
		reason = Reason(status)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	return append(dst, '\r', '\n')
}

func appendLines(dst []byte, lines []Field) []byte {
	for _, f := range lines {
		dst = appendLine(dst, f)
	}
	return dst
}

func appendLine(dst []byte, f Field) []byte {
	dst = append(dst, f.Name...)
	dst = append(dst, ':', ' ')
	start := len(dst)
	dst = append(dst, f.Value...)
	for i, c := range dst[start:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			dst[start+i] = ' '
		}
	}
	return append(dst, '\r', '\n')
}
