package session

import "github.com/kzfast/kzfast/wsproto"

// A Finder is a [Guard] that knows where in a request credentials may stand.
// Others are given the Authorization header.
type Finder interface {
	// Find gives what Check is to be asked, nil for nothing. It may alias r.
	Find(r *wsproto.Request) []byte
}

// credentials are what a request brings for the route's guard.
func (r *Route) credentials(q *wsproto.Request) []byte {
	if f, ok := r.Guard.(Finder); ok {
		return f.Find(q)
	}
	v, _ := q.Header("Authorization")
	return v
}

// A Socket is a [Channel] with a socket of its own, whose options may be set.
type Socket interface {
	// Control calls fn with the socket; fn must not keep or close it.
	Control(fn func(fd int) error) error
}

// Control implements [Socket].
func (s *WebSocket) Control(fn func(fd int) error) error { return control(s.t, fn) }

// Control implements [Socket].
func (s *Stream) Control(fn func(fd int) error) error { return control(s.t, fn) }

func control(t Transport, fn func(fd int) error) error {
	if c, ok := t.(Socket); ok {
		return c.Control(fn)
	}
	return nil
}
