package wsproto

import (
	"bytes"
	"errors"
	"fmt"
)

// The header lines that decide where a request goes and where it ends.
type known struct {
	hosts, lengths, codings int
	host, length, coding    []byte
}

// finish judges the head as a whole, after its blank line has come.
func (r *Request) finish() *StatusError {
	var k known
	r.Close = r.Minor == 0
	for i := range r.list {
		f := &r.list[i]
		switch len(f.Name) {
		case len("Host"):
			if equalFold(f.Name, "Host") {
				k.hosts, k.host = k.hosts+1, f.Value
			}
		case len("Expect"):
			if equalFold(f.Name, "Expect") && equalFold(f.Value, "100-continue") {
				r.Expect100 = r.Minor > 0
			}
		case len("Connection"):
			if equalFold(f.Name, "Connection") && !r.Close {
				r.Close = listHas(f.Value, "close")
			}
		case len("Content-Length"):
			if equalFold(f.Name, "Content-Length") {
				k.lengths, k.length = k.lengths+1, f.Value
			}
		case len("Transfer-Encoding"):
			if equalFold(f.Name, "Transfer-Encoding") {
				k.codings, k.coding = k.codings+1, f.Value
			}
		}
	}
	if err := r.authority(&k); err != nil {
		return err
	}
	return r.body(&k)
}

var (
	errHostMissing  = statusError(400, errors.New("no Host header"))
	errHostRepeated = statusError(400, errors.New("several Host headers"))
	errHostDiffers  = statusError(400, errors.New("header Host differs from the request target"))
	errLengths      = statusError(400, errors.New("several Content-Length headers"))
	errTwoFramings  = statusError(400, errors.New("both Transfer-Encoding and Content-Length"))
	errOldChunked   = statusError(400, errors.New("Transfer-Encoding in HTTP/1.0"))
	errCodings      = statusError(400, errors.New("several Transfer-Encoding headers"))
)

// authority finds the one host that Host and target agree on.
func (r *Request) authority(k *known) *StatusError {
	if k.hosts > 1 {
		return errHostRepeated
	}
	if len(k.host) == 0 {
		if r.form != absoluteForm {
			return errHostMissing
		}
		k.host = r.host
	} else if r.host != nil && !sameAuthority(r.host, k.host, r.scheme) {
		return errHostDiffers
	}
	if !validAuthority(k.host) || r.host != nil && !validAuthority(r.host) {
		return badRequest("authority %q", clip(k.host))
	}
	r.Authority = k.host
	for _, c := range k.host {
		if c >= 'A' && c <= 'Z' {
			r.address = appendLower(r.address[:0], k.host)
			r.Authority = r.address
			break
		}
	}
	return nil
}

func appendLower(dst, s []byte) []byte {
	for _, c := range s {
		dst = append(dst, lower(c))
	}
	return dst
}

// sameAuthority compares without case and with the scheme's default port.
func sameAuthority(a, b, scheme []byte) bool {
	port := ":80"
	if equalFold(scheme, "https") || equalFold(scheme, "wss") {
		port = ":443"
	}
	if len(scheme) > 0 {
		a, b = bytes.TrimSuffix(a, []byte(port)), bytes.TrimSuffix(b, []byte(port))
	}
	return equalFold(a, b)
}

// validAuthority accepts a registered name, an IPv4 address or a bracketed IPv6
// address without zone, and a port from 1 to 65535. User information, escapes
// and an empty port are refused.
func validAuthority(a []byte) bool {
	if len(a) > 255+len(":65535") {
		return false
	}
	end := 0
	if len(a) > 0 && a[0] == '[' {
		if end = bytes.IndexByte(a, ']') + 1; end < len("[::]") || end > len("[]")+45 {
			return false
		}
		for _, c := range a[1 : end-1] {
			if unhexDigit(c) > 15 && c != ':' && c != '.' {
				return false
			}
		}
	} else {
		for end < len(a) && class[a[end]]&isHost != 0 {
			end++
		}
	}
	return end > 0 && validPort(a[end:])
}

func validPort(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	if p[0] != ':' || len(p) < 2 || len(p) > 6 {
		return false
	}
	port, ok := decimal(p[1:])
	return ok && port >= 1 && port <= 65535
}

// body finds where the request ends (RFC 9112 §6): one Content-Length, or
// `chunked` alone, or nothing.
func (r *Request) body(k *known) *StatusError {
	switch {
	case k.codings > 0 && k.lengths > 0:
		return errTwoFramings
	case k.codings > 1:
		return errCodings
	case k.lengths > 1:
		return errLengths
	case k.codings == 1:
		if r.Minor == 0 {
			return errOldChunked
		}
		if !equalFold(k.coding, "chunked") {
			return statusError(501, fmt.Errorf("transfer coding %q", clip(k.coding)))
		}
		r.Chunked = true
	case k.lengths == 1:
		n, ok := decimal(k.length)
		if !ok {
			return badRequest("Content-Length %q", clip(k.length))
		}
		r.ContentLength = n
	}
	return nil
}

// decimal reads 1 to 18 digits and nothing else.
func decimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
