package sse

import (
	"bytes"

	"github.com/kzfast/kzfast/wsproto/httpxe"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// An ID names a session; it has the form of a WSE session's.
type ID = wse.ID

// A Path is a request path taken apart. Its slices alias the path.
type Path struct {
	Service []byte // path of the service
	Session bool   // the path names a session to resume
	ID      ID
	Params  []byte // what followed an & inside the path: query tokens, honoured like the query's
}

var session = []byte(";s/")

// ParsePath takes a decoded request path apart: `/sse`, `/sse;s/<id>`, and both
// with garbage behind `&` or `?`. ok is false when `;s/` is followed by no id:
// answer 404.
func ParsePath(path []byte) (p Path, ok bool) {
	if i := bytes.IndexAny(path, "&?"); i >= 0 {
		path, p.Params = path[:i], path[i+1:]
	}
	p.Service = path
	i := bytes.LastIndex(path, session)
	if i < 0 {
		return p, true
	}
	p.Service, p.Session = path[:i], true
	p.ID, ok = wse.ParseID(path[i+len(session):])
	return p, ok
}

// AppendSessionURL appends the URL of a session: base is the external URL of
// the service, scheme to path.
func AppendSessionURL(dst, base []byte, id *ID) []byte {
	return id.Append(append(append(dst, base...), session...))
}

var (
	hCacheControl = []byte("Cache-Control")
	hConnection   = []byte("Connection")
	hContentType  = []byte("Content-Type")
	hNoSniff      = []byte("X-Content-Type-Options")

	vClose       = []byte("close")
	vEventStream = []byte("text/event-stream")
	vNoCache     = []byte("no-cache")
	vNoSniff     = []byte("nosniff")
)

// Head fills r with the head of an event stream; events follow until the
// connection is closed. Date, Server and CORS lines are the caller's.
func Head(r *httpxe.Response, p *wse.Params) {
	r.Status, r.Length = 200, httpxe.LengthNone
	cache, ct := vNoCache, vEventStream
	if p.CacheControl != nil {
		cache = p.CacheControl
	}
	if p.ContentType != nil {
		ct = p.ContentType
	}
	r.Add(hCacheControl, cache)
	r.Add(hConnection, vClose)
	r.Add(hContentType, ct)
	r.Add(hNoSniff, vNoSniff)
}
