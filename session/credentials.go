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
