package wse

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// A CreateRequest is what a create says about itself. A nil slice is an absent
// header.
type CreateRequest struct {
	Method         []byte
	Version        []byte // X-WebSocket-Version
	AcceptCommands []byte // X-Accept-Commands
	SequenceNo     []byte // X-Sequence-No; goes before .ksn
	Params         *Params
	Strict         bool // wse.strict: what the specification demands
}

// A CreateResult holds what an accepted create asked for.
type CreateResult struct {
	Ping      bool     // the client understands ping and pong frames
	Sequence  Sequence // for the first upstream and the first downstream alike
	Sequenced bool
}

// CheckCreate judges a create request (protocol.md §6.3). The error is a
// [*httpxe.StatusError] for [Refuse].
func CheckCreate(r *CreateRequest) (c CreateResult, err error) {
	if m := string(r.Method); m != "POST" && m != "GET" {
		return c, &httpxe.StatusError{Status: 400,
			Reason: fmt.Sprintf("Forbidden wse create request method %.16s", m)}
	}
	if r.Version == nil && r.Strict || r.Version != nil && string(r.Version) != "wseb-1.0" {
		return c, &httpxe.StatusError{Status: 400, Reason: "WebSocket-Version not supported",
			Err: fmt.Errorf("X-WebSocket-Version %.20q", r.Version)}
	}
	if r.AcceptCommands != nil && string(r.AcceptCommands) != "ping" {
		return c, refuse(fmt.Errorf("X-Accept-Commands %.20q", r.AcceptCommands))
	}
	c.Ping = r.AcceptCommands != nil
	n, present, err := RequestSequence(r.SequenceNo, r.Params)
	if err != nil {
		return c, err
	}
	if present {
		c.Sequence, c.Sequenced = NewSequence(n), true
	} else if r.Strict {
		return c, errNoSequence
	}
	return c, nil
}

// RequestSequence returns the number of a request from its header X-Sequence-No
// (nil when absent) or its .ksn token.
func RequestSequence(header []byte, p *Params) (n int64, present bool, err error) {
	if header != nil {
		n, err = ParseSequence(header)
		return n, true, err
	}
	if p == nil || !p.Sequenced {
		return 0, false, nil
	}
	return p.Sequence, true, nil
}

var (
	hCacheControl = []byte("Cache-Control")
	hConnection   = []byte("Connection")
	hContentType  = []byte("Content-Type")
	hExtensions   = []byte("X-WebSocket-Extensions")
	hIdleTimeout  = []byte("X-Idle-Timeout")
	hLongNoSniff  = []byte("X-Content-Type-Nosniff")
	hNoSniff      = []byte("X-Content-Type-Options")
	hProtocol     = []byte("X-WebSocket-Protocol")

	vClose     = []byte("close")
	vNoCache   = []byte("no-cache")
	vNoSniff   = []byte("nosniff")
	vPlainUTF8 = []byte("text/plain;charset=UTF-8")
	vLong      = bytes.Repeat([]byte("nosniff"), 1024/len("nosniff")+1)

	downstreamTypes = [...][]byte{[]byte(OctetStream), []byte(DownstreamText)}
)

// Created fills r with the answer to a create; body comes from
// [AppendCreateBody]. protocol and extensions are what was negotiated, empty
// leaves the line out. Date, Server and CORS lines are the caller's.
func Created(r *httpxe.Response, body, protocol []byte, extensions ...[]byte) {
	r.Status, r.Length, r.Body = 201, httpxe.LengthSorted, body
	r.Add(hCacheControl, vNoCache)
	r.Add(hContentType, vPlainUTF8)
	for _, e := range extensions {
		r.Add(hExtensions, e)
	}
	if len(protocol) > 0 {
		r.Add(hProtocol, protocol)
	}
}

// Accepted fills r with the answer to an upstream request.
func Accepted(r *httpxe.Response) { r.Status = 200 }

// Refuse fills r with the answer to a request that err refuses: 404 with its
// page, everything else with an empty body (protocol.md §6.4).
func Refuse(r *httpxe.Response, err *httpxe.StatusError) {
	if err.Status == 404 {
		r.Fail(404, err.Reason)
		return
	}
	r.Status, r.Reason = err.Status, err.Reason
}

// ErrGone refuses requests for unknown and finished sessions.
var ErrGone = &httpxe.StatusError{Status: 404, Reason: httpxe.Reason(404)}

// MethodError refuses an upstream or downstream request by its method; the
// session must be reset.
func MethodError(method []byte) *httpxe.StatusError {
	return &httpxe.StatusError{Status: 400, Reason: httpxe.Reason(400),
		Err: fmt.Errorf("method %.16q on a data URL", method)}
}

// IdleTimeout returns what X-Idle-Timeout promises, in whole seconds, for a
// service with this inactivity timeout (0 = off): 60 s, or at least 5 s.
func IdleTimeout(inactivity time.Duration) time.Duration {
	if inactivity <= 0 {
		return 60 * time.Second
	}
	return max(5*time.Second, inactivity.Truncate(time.Second))
}

// LongPoll reports whether a downstream request wants a response that ends with
// the first flush: .ki=p, or X-Kaazing-Proxy-Buffering: on (buffering is that
// header's value). Only sequenced sessions may; the error is a 400 that resets
// the session.
func LongPoll(p *Params, buffering []byte, s *Sequence) (bool, error) {
	if !p.Proxy && string(buffering) != "on" {
		return false, nil
	}
	if !s.On() {
		return false, errNoSequence
	}
	return true, nil
}

// DownstreamHead fills r with the head of a downstream response (protocol.md
// §6.5). Streaming: frames follow until the connection is closed. A long-poll
// has a Content-Length instead: the caller sets r.Body to the frames, RECONNECT
// last.
func DownstreamHead(r *httpxe.Response, e Encoding, p *Params, idle time.Duration, longPoll bool) {
	r.Status, r.Length = 200, httpxe.LengthSorted
	cache := vNoCache
	if p.CacheControl != nil {
		cache = p.CacheControl
	}
	r.Add(hCacheControl, cache)
	if !longPoll {
		r.Length = httpxe.LengthNone
		r.Add(hConnection, vClose)
	}
	ct := downstreamTypes[0]
	if e.IsText() {
		ct = downstreamTypes[1]
	}
	if p.ContentType != nil {
		ct = p.ContentType
	}
	r.Add(hContentType, ct)
	if p.NoSniff {
		r.Add(hLongNoSniff, vLong)
	}
	r.Add(hNoSniff, vNoSniff)
	r.Add(hIdleTimeout, strconv.AppendInt(nil, int64(idle/time.Second), 10))
}
