package session

import (
	"bytes"
	"strings"
)

// A place is what a plain HTTP request has found.
type place uint8

const (
	placeNone    place = iota
	placeWeb           // a route that net/http serves
	placeBalance       // a balancer for HTTP or event streams
	placeWSE           // below <accept>/;e/
	placeCookies       // below <accept>/;api/
	placeEvents        // an event stream
	placePolicy        // the access policy file
)

const policyPath = "/clientaccesspolicy.xml"

// find looks up a plain HTTP request by its authority, decoded path and raw
// query (spec/protocol.md §0, §1.2).
func (p *Port) find(authority, path, query []byte) (place, *Route) {
	routes := p.Routes.Load()
	switch {
	case string(path) == policyPath && len(routes.Policies[string(authority)].Body) > 0:
		return placePolicy, nil
	case len(path) == 1 && isBridge(query):
		if routes.Bridge == nil {
			return placeNone, nil
		}
		return placeWeb, routes.Bridge
	}
	if i := bytes.Index(path, []byte("/;")); i >= 0 {
		if what, route, found := findMarked(routes, authority, path, i); found {
			return what, route
		}
	}
	route, _ := routes.Route(authority, path, KindHTTP)
	switch {
	case route == nil:
		return placeNone, nil
	case route.Events && route.Balancer == nil:
		return placeEvents, route
	case route.Unbound.Load():
		return placeNone, nil
	case route.Balancer != nil:
		return placeBalance, route
	case route.HTTP:
		return placeWeb, route
	}
	return placeNone, nil
}

// findMarked looks up a path with "/;" at i.
func findMarked(routes *Routes, authority, path []byte, i int) (_ place, _ *Route, found bool) {
	service, name := path[:i+1], path[i+2:]
	switch {
	case bytes.HasPrefix(name, []byte("e/")):
		if route := exactly(routes, authority, service, KindWebSocket); route != nil && route.webSocket() {
			return placeWSE, route, true
		}
	case bytes.HasPrefix(name, []byte("api/")):
		route := exactly(routes, authority, service, KindWebSocket)
		if route == nil {
			route = exactly(routes, authority, service, KindHTTP)
		}
		if route != nil && !route.Unbound.Load() {
			return placeCookies, route, true
		}
	case bytes.HasPrefix(name, []byte("a/")), bytes.HasPrefix(name, []byte("ae/")), bytes.HasPrefix(name, []byte("ar/")):
		return placeNone, nil, true
	}
	return placeNone, nil, false
}

// exactly finds the route whose own path is path, but for a trailing slash. It may
// be unbound: the sessions it has go on.
func exactly(routes *Routes, authority, path []byte, kind Kind) *Route {
	route, rest := routes.Route(authority, path, kind)
	if route == nil || len(rest) > 1 || len(rest) == 1 && rest[0] != '/' {
		return nil
	}
	return route
}

// isBridge reports whether a query on "/" asks for a page of the vendor's
// bridge (spec/protocol.md §1.9).
func isBridge(query []byte) bool {
	return bytes.HasPrefix(query, []byte(".kr=")) || bytes.Contains(query, []byte("&.kr="))
}

// webSocket reports whether the accept URI is one for WebSockets.
func (r *Route) webSocket() bool { return strings.HasPrefix(r.Accept, "ws") }

// Web returns the route that net/http serves the request by, or nil when the
// request is for a loop. Safe for any goroutine.
func (p *Port) Web(authority, path, query []byte) *Route {
	if what, route := p.find(authority, path, query); what == placeWeb {
		return route
	}
	return nil
}
