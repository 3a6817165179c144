package httpxe

import (
	"errors"
	"fmt"
)

// An Envelope is a request that travelled in the body of a POST of type
// [MessageType] (protocol.md §1.9). Its slices alias the parsed body. An
// Envelope may be reused.
type Envelope struct {
	Method, Target []byte
	Fields         []Field // inner headers only; see Inherits for the outer ones
}

var (
	errTarget  = errors.New("enveloped request is for another URI")
	errVersion = errors.New("enveloped request has another HTTP version")
)

// Parse reads the inner request head at the front of body, which the client
// sent to target with HTTP/1.minor. The inner URI must be the same after
// percent-decoding, the version too, and no header may be one that a script
// cannot set.
//
// n is the length of the head: body[n:] is the inner body. n == 0 with a nil
// error means that more bytes are needed. The error is a [*StatusError].
func (e *Envelope) Parse(body, target []byte, minor int) (n int, err error) {
	start, fields, n, err := ParseHead(body, e.Fields[:0])
	e.Fields = fields
	if err != nil {
		return 0, bad(err)
	}
	if n == 0 {
		return 0, nil
	}
	var version int
	if e.Method, e.Target, version, err = SplitRequestLine(start); err != nil {
		return 0, bad(err)
	}
	if version != minor {
		return 0, bad(errVersion)
	}
	if !SameTarget(e.Target, target) {
		return 0, bad(errTarget)
	}
	for _, f := range fields {
		if forbidden(f.Name) {
			return 0, bad(fmt.Errorf("enveloped header %.40q", f.Name))
		}
	}
	return n, nil
}

func bad(err error) error {
	return &StatusError{Status: 400, Reason: Reason(400), Close: true, Err: err}
}

// Inherits reports whether a header of the outer request is part of the inner
// one as well: all but those that describe the envelope itself.
func Inherits(name []byte) bool {
	for _, n := range [...]string{"Authorization", "Content-Length", "Content-Type", "Transfer-Encoding",
		"X-Next-Protocol"} {
		if SameName(name, n) {
			return false
		}
	}
	return true
}

// forbiddenNames is the list of headers that XMLHttpRequest keeps from scripts,
// without Content-Length, which the original accepts inside.
var forbiddenNames = [...]string{
	"Accept-Charset", "Accept-Encoding", "Access-Control-Request-Headers",
	"Access-Control-Request-Method", "Connection", "Cookie", "Cookie2", "Date", "DNT", "Expect",
	"Host", "Keep-Alive", "Origin", "Referer", "Set-Cookie", "TE", "Trailer", "Transfer-Encoding",
	"Upgrade", "User-Agent", "Via",
}

func forbidden(name []byte) bool {
	if len(name) >= 4 && SameName(name[:4], "Sec-") || len(name) >= 6 && SameName(name[:6], "Proxy-") {
		return true
	}
	for _, n := range forbiddenNames {
		if SameName(name, n) {
			return true
		}
	}
	return false
}

// SameTarget compares two request targets, or paths, after percent-decoding
// both; a stray percent sign stands for itself.
func SameTarget(a, b []byte) bool {
	for len(a) > 0 && len(b) > 0 {
		ca, na := decodeByte(a)
		cb, nb := decodeByte(b)
		if ca != cb {
			return false
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) == len(b)
}

func decodeByte(p []byte) (c byte, n int) {
	if p[0] == '%' && len(p) >= 3 {
		if hi, lo := unhex(p[1]), unhex(p[2]); hi < 16 && lo < 16 {
			return hi<<4 | lo, 3
		}
	}
	return p[0], 1
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
