package cookies

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

const (
	// MaxBody bounds a request body in bytes.
	MaxBody = 4 << 10
	// MaxLines bounds the cookies of one request.
	MaxLines = 50
	// AffinityPrefix starts the names that belong to the balancer (protocol.md §4.6).
	AffinityPrefix = "gwha-"
)

// Options rule the helper of one service.
type Options struct {
	Off    bool   // http.cookie.api=off: every operation is a 404
	Domain string // service.domain; "" strips Domain attributes
}

var (
	errType  = errors.New("cookies come as text/plain")
	errBody  = fmt.Errorf("cookie body above %d bytes", MaxBody)
	errLines = fmt.Errorf("above %d cookies", MaxLines)

	hContentType = []byte("Content-Type")
	hLocation    = []byte("Location")
	vGet         = []byte("text/plain; charset=UTF-8")
	vPreflight   = []byte("text/plain;charset=UTF-8")
)

// Answer fills r with the answer to an operation: 200 with one Set-Cookie line
// per line of body, or 400 or 404 with its page. get-cookies is always answered
// as if there were none, because the server cannot tell which ones are
// HttpOnly. Date and Server are the caller's. The error says why a request was
// refused, for our log only; r is complete either way.
func Answer(r *httpxe.Response, o *Options, op Op, contentType, body []byte) error {
	if o.Off {
		op = Unknown
	}
	switch op {
	case Get:
		r.Status = 200
		r.Add(hContentType, vGet)
		return nil
	case Unknown:
		r.Fail(404, "")
		return nil
	}
	values, err := Values(o, op, contentType, body)
	if err != nil {
		r.Fail(400, "")
		return err
	}
	r.Status, r.Cookies = 200, append(r.Cookies, values...)
	return nil
}

// Values returns the Set-Cookie values for the lines of a [Set] or [Delete]
// body, without Domain attributes unless the service has a domain; a deletion
// then gets it appended. One bad line, or one cookie of the balancer's, refuses
// them all: the answer is 400.
func Values(o *Options, op Op, contentType, body []byte) (values [][]byte, err error) {
	if !isPlain(contentType) {
		return nil, errType
	}
	if len(body) > MaxBody {
		return nil, errBody
	}
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(values) == MaxLines {
			return nil, errLines
		}
		v, err := value(o, op, line)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func isPlain(contentType []byte) bool {
	t, _, _ := bytes.Cut(contentType, []byte{';'})
	return bytes.EqualFold(bytes.TrimSpace(t), []byte("text/plain"))
}

func value(o *Options, op Op, line []byte) ([]byte, error) {
	pair, attributes, _ := bytes.Cut(line, []byte{';'})
	name, _, ok := bytes.Cut(pair, []byte{'='})
	name = bytes.TrimSpace(name)
	if !ok || !isName(name) || hasControl(line) {
		return nil, fmt.Errorf("bad cookie %.20q", name)
	}
	if isAffinity(name) {
		return nil, fmt.Errorf("cookie %.20q belongs to the balancer", name)
	}
	if op == Set && o.Domain != "" {
		return line, nil
	}
	out := bytes.TrimSpace(pair)
	out = out[:len(out):len(out)]
	for len(attributes) > 0 {
		var a []byte
		a, attributes, _ = bytes.Cut(attributes, []byte{';'})
		a = bytes.TrimSpace(a)
		key, _, _ := bytes.Cut(a, []byte{'='})
		if len(a) > 0 && !bytes.EqualFold(bytes.TrimSpace(key), []byte("Domain")) {
			out = append(append(out, "; "...), a...)
		}
	}
	if op == Delete && o.Domain != "" {
		out = append(append(out, "; Domain="...), o.Domain...)
	}
	return out, nil
}

// isAffinity ignores case and the security prefixes, as browsers may.
func isAffinity(name []byte) bool {
	for _, prefix := range [...]string{"__Host-", "__Secure-"} {
		if len(name) >= len(prefix) && bytes.EqualFold(name[:len(prefix)], []byte(prefix)) {
			name = name[len(prefix):]
			break
		}
	}
	return len(name) >= len(AffinityPrefix) && bytes.EqualFold(name[:len(AffinityPrefix)], []byte(AffinityPrefix))
}

func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?={}`), c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// Preflight fills r with a member's answer to `GET <path>/;e/cookies`: its own
// URL, and the request's Cookie value as the body (protocol.md §1.10, §5.2).
func Preflight(r *httpxe.Response, own, cookie []byte) {
	r.Status, r.Body = 200, cookie
	r.Add(hContentType, vPreflight)
	r.Add(hLocation, own)
}
