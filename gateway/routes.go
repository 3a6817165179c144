package gateway

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kzfast/kzfast/session"
)

// routes finds what serves a request on one socket (spec/config.md §6.3).
// It is immutable once built.
type routes struct {
	byAuthority map[string][]binding // longest path first
}

type binding struct {
	path  string
	kind  session.Kind
	route *session.Route
}

func newRoutes() *routes { return &routes{byAuthority: make(map[string][]binding)} }

// add binds a path of an authority.
func (t *routes) add(authority string, b binding, secure bool) {
	for _, name := range namesOf(authority, secure) {
		t.insert(name, b)
	}
}

// namesOf lists what a Host header may call an authority: its port may be left
// out when it is the scheme's own.
func namesOf(authority string, secure bool) []string {
	own := ":80"
	if secure {
		own = ":443"
	}
	if host, ok := strings.CutSuffix(authority, own); ok {
		return []string{authority, host}
	}
	return []string{authority}
}

func (t *routes) insert(authority string, b binding) {
	list := append(t.byAuthority[authority], b)
	slices.SortStableFunc(list, func(a, b binding) int { return cmp.Compare(len(b.path), len(a.path)) })
	t.byAuthority[authority] = list
}

// Route implements [session.Router]. An upgrade that no WebSocket service is
// bound for is routed as plain HTTP, so that http.proxy can tunnel it; nor does
// a WebSocket service keep one to itself that it would refuse, for what is
// behind its path, if an HTTP service with a longer path covers it (ADR 0010).
func (t *routes) Route(authority, path []byte, kind session.Kind) (*session.Route, []byte) {
	list := t.byAuthority[string(authority)]
	route, rest := find(list, path, kind)
	if kind == session.KindHTTP || route != nil && (len(rest) == 0 || string(rest) == "/") {
		return route, rest
	}
	if http, below := find(list, path, session.KindHTTP); route == nil || http != nil && http.HTTP && len(below) < len(rest) {
		return http, below
	}
	return route, rest
}

// find is the longest binding of a kind that covers path.
func find(list []binding, path []byte, kind session.Kind) (route *session.Route, rest []byte) {
	for i := range list {
		if b := &list[i]; b.kind == kind && matches(b.path, path) {
			return b.route, path[len(b.path):]
		}
	}
	return nil, nil
}

// matches reports whether path lies at or below an accept path: /echo covers
// /echo, /echo/x and /echo;x, never /echo2.
func matches(accept string, path []byte) bool {
	if len(path) < len(accept) || string(path[:len(accept)]) != accept {
		return false
	}
	return len(path) == len(accept) || strings.HasSuffix(accept, "/") || strings.IndexByte("/;&?", path[len(accept)]) >= 0
}
