package session

import "github.com/kzfast/kzfast/wsproto"

var retryAfter = []wsproto.Field{{Name: []byte("Retry-After"), Value: []byte("1")}}

// reject answers for a bound service, and closes: who was refused once gets a
// new connection for the next try.
func (x *exchange) reject(e *wsproto.StatusError, h []wsproto.Field) int {
	return x.answer(e, h, x.w.serverName, x.w.Date())
}

// deny answers before any service was asked: nothing bound, origin refused,
// credentials wanted. Such answers name neither server nor date
// (spec/protocol.md §1.5).
func (x *exchange) deny(e *wsproto.StatusError, h []wsproto.Field) int {
	return x.answer(e, h, "", nil)
}

func (x *exchange) answer(e *wsproto.StatusError, h []wsproto.Field, server string, date []byte) int {
	w := x.w
	w.out = e.Append(w.out[:0], h, server, date)
	x.t.Send(w.out)
	return x.end()
}

func (x *exchange) notFound() int { return x.deny(errNotFound, nil) }
