package session

import (
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// Bounds of content that is collected before its request is served. All other
// content is served as it arrives.
const (
	// MaxEnvelope bounds a request inside a request, in bytes.
	MaxEnvelope = 256 << 10

	maxContent = 4 << 10 // what helpers, creates and polls are sent
)

// contentTimeout bounds the wait for collected content, and the silence within
// content that is served as it arrives.
const contentTimeout = 30 * time.Second

// expectFrom is the content from which a client that asks is told to go on
// (spec/protocol.md §1.1).
const expectFrom = 64 << 10

// An await is the content of a request of which a part has arrived.
type await struct {
	body body
	seen int // bytes of the held request that body has taken
	room int // bytes of content that may still come
	on   bool
}

// reached reports whether p, which starts with the request, now holds all of
// it, or what cannot belong to it.
func (a *await) reached(p []byte) bool {
	for !a.body.done() && a.seen < len(p) {
		data, n, err := a.body.next(p[a.seen:])
		if a.room -= len(data); err != nil || a.room < 0 {
			return true
		}
		a.seen += n
	}
	return a.body.done()
}

var errContent = &wsproto.StatusError{Status: 413, Reason: "Request Entity Too Large", Close: true}

// content collects the whole content of a request whose head is p[:n]. The
// next request begins at p[next]; next is -1 when more has to arrive or the
// request was refused. Chunks are joined within p.
func (x *exchange) content(r *wsproto.Request, p []byte, n, limit int) (content []byte, next int) {
	if !r.HasBody() {
		return nil, n
	}
	if r.ContentLength > int64(limit) {
		return nil, x.refuse(errContent)
	}
	b := bodyOf(r)
	size, at := 0, n
	for !b.done() && at < len(p) {
		data, m, err := b.next(p[at:])
		at += m
		size += len(data)
		if err == nil && size > limit {
			err = errContent
		}
		if err != nil {
			return nil, x.refuse(err)
		}
	}
	if !b.done() {
		x.proceed(r)
		x.keepBytes(p)
		x.wait = await{body: b, seen: len(p), room: limit - size, on: true}
		x.t.SetTimeout(contentTimeout)
		return nil, -1
	}
	b = bodyOf(r)
	var end int
	end, at = n, n
	for !b.done() {
		data, m, _ := b.next(p[at:])
		at += m
		end += copy(p[end:], data)
	}
	return p[n:end], at
}

// proceed tells a client that waits for it to send its content.
func (x *exchange) proceed(r *wsproto.Request) {
	if r.Expect100 && (r.Chunked || r.ContentLength > expectFrom) {
		x.t.Send([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
}
