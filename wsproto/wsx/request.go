package wsx

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// MaxRequest bounds an inner request in bytes; a session may stop collecting
// there.
const MaxRequest = httpxe.MaxHead

// A Request is an inner request (protocol.md §3.4). Its slices alias the parsed
// bytes. A Request may be reused; parsing allocates nothing then.
type Request struct {
	Target        []byte // as sent, with query
	Path          []byte // as sent, without query
	Authorization []byte // nil when absent

	kept   []wsproto.Field // protocol and extension headers
	fields []wsproto.Field
}

var (
	errMethod = errors.New("inner request is not GET with HTTP/1.1")
	errPath   = errors.New("inner request is for another path")
)

func refuse(err error) error {
	return &wsproto.StatusError{Status: 400, Reason: httpxe.Reason(400), Close: true, Err: err}
}

// Parse reads one inner request from the front of b: the payloads of the
// client's messages one after the other, because the head may be spread over
// several. n bytes were used; more requests may follow, after a 401.
// n == 0 with a nil error means that more bytes are needed. The error is a
// [*wsproto.StatusError] 400, to be answered by [Refusal] and Close 1000.
func (r *Request) Parse(b []byte) (n int, err error) {
	start, fields, n, err := httpxe.ParseHead(b, r.fields[:0])
	*r = Request{kept: r.kept[:0], fields: fields}
	if err != nil {
		return 0, refuse(err)
	}
	if n == 0 {
		return 0, nil
	}
	method, target, minor, err := httpxe.SplitRequestLine(start)
	if err != nil {
		return 0, refuse(err)
	}
	if string(method) != "GET" || minor != 1 {
		return 0, refuse(errMethod)
	}
	r.Target, r.Path = target, target
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		r.Path = target[:i]
	}
	for _, f := range fields {
		switch {
		case httpxe.SameName(f.Name, "Authorization"):
			if r.Authorization == nil {
				r.Authorization = f.Value[:len(f.Value):len(f.Value)]
			}
		case isProtocol(f.Name), isExtensions(f.Name):
			r.kept = append(r.kept, f)
		case forbidden(f.Name):
			return 0, refuse(fmt.Errorf("inner header %.40q", f.Name))
		}
	}
	return n, nil
}

// CheckPath compares the inner path with the outer one, decoded as routing saw
// it: anything else is a 400, or a 404 when known, the caller's answer to
// whether a service is bound there, is false.
func (r *Request) CheckPath(outer []byte, known bool) error {
	switch {
	case httpxe.SameTarget(r.Path, outer):
		return nil
	case known:
		return refuse(errPath)
	}
	return &wsproto.StatusError{Status: 404, Reason: httpxe.Reason(404), Close: true, Err: errPath}
}

func isProtocol(name []byte) bool   { return isVariant(name, "WebSocket-Protocol") }
func isExtensions(name []byte) bool { return isVariant(name, "WebSocket-Extensions") }

// isVariant accepts the bare name and the prefixes X- and Sec-.
func isVariant(name []byte, bare string) bool {
	n := len(name) - len(bare)
	if n < 0 || !httpxe.SameName(name[n:], bare) {
		return false
	}
	return n == 0 || httpxe.SameName(name[:n], "X-") || httpxe.SameName(name[:n], "Sec-")
}

var forbiddenNames = [...]string{"Accept-Charset", "Accept-Encoding", "Content-Length", "Content-Transfer-Encoding",
	"Date", "Expect", "Keep-Alive", "Referer", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Via"}

func forbidden(name []byte) bool {
	if len(name) >= 4 && httpxe.SameName(name[:4], "Sec-") || len(name) >= 6 && httpxe.SameName(name[:6], "Proxy-") {
		return true
	}
	for _, n := range forbiddenNames {
		if httpxe.SameName(name, n) {
			return true
		}
	}
	return false
}

// Protocols calls fn with each subprotocol the application wants, in order,
// until fn returns false: the inner list when the inner request has one, even
// an empty one, otherwise the outer one, whose value is outer. [Subprotocol] is
// left out.
func (r *Request) Protocols(outer []byte, fn func(name []byte) bool) {
	found := false
	for _, f := range r.kept {
		if isProtocol(f.Name) {
			found = true
			if !each(f.Value, fn) {
				return
			}
		}
	}
	if !found {
		each(outer, fn)
	}
}

func each(list []byte, fn func(name []byte) bool) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte{','})
		item = bytes.Trim(item, " \t")
		if len(item) > 0 && string(item) != Subprotocol && !fn(item) {
			return false
		}
	}
	return true
}

// Extensions grants what the inner request offers and config has. Offers of the
// outer request do not count (protocol.md §3.3).
func (r *Request) Extensions(config Extensions) (granted Extensions) {
	for _, f := range r.kept {
		if isExtensions(f.Name) {
			granted.Grant(config, f.Value)
		}
	}
	return granted
}

// InheritsOuter reports whether a header of the outer request belongs to the
// merged request that authentication and services see: every one that the inner
// request does not have, except extension headers. Cookies and query parameters
// are the outer request's in any case.
func (r *Request) InheritsOuter(name []byte) bool {
	if isExtensions(name) {
		return false
	}
	if httpxe.SameName(name, "Authorization") {
		return r.Authorization == nil
	}
	for _, f := range r.kept {
		if isProtocol(f.Name) && isProtocol(name) {
			return false
		}
	}
	return true
}
