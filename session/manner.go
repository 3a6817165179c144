package session

import (
	"bytes"
	"time"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// A manner is how the answer to a request travels: what an answer that comes
// later than its request has to remember of it.
type manner struct {
	via    httpxe.Via
	legacy bool // a 3.x-style client
	close  bool // the connection ends with the answer
	head   bool // the request was HEAD
	cors   []wsproto.Field
	keep   time.Duration // http.keepalive.timeout of the route
}

// own replaces what m borrows from the request by copies.
func (m *manner) own() {
	if len(m.cors) == 0 {
		m.cors = nil
		return
	}
	m.cors = bytesOwned(m.cors)
}

func bytesOwned(fields []wsproto.Field) []wsproto.Field {
	out := make([]wsproto.Field, len(fields))
	for i, f := range fields {
		out[i] = wsproto.Field{Name: f.Name, Value: bytes.Clone(f.Value)}
	}
	return out
}

// signed gives an answer of a bound service its Date and Server lines
// (spec/protocol.md §1.5).
func (w *Worker) signed(r *httpxe.Response) *httpxe.Response {
	r.Date, r.Server = w.Date(), w.server
	return r
}

// respond sends the worker's response and ends the request. It returns next,
// where the next request begins, or -1 when the connection ends.
func (x *exchange) respond(m *manner, next int) int {
	w := x.w
	r := &w.res
	r.Fields = append(r.Fields, m.cors...)
	r.Head = m.head
	w.out = r.Append(w.out[:0], m.via.ForStatus(r.Status, m.legacy))
	r.Reset()
	x.t.Send(w.out)
	x.keep = m.keep
	if m.close {
		return x.end()
	}
	return next
}

// fail answers with the page of an error status, as the service.
func (x *exchange) fail(m *manner, status int, reason string, next int) int {
	x.w.signed(&x.w.res).Fail(status, reason)
	return x.respond(m, next)
}
