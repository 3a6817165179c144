package balance

import (
	"strings"
	"sync/atomic"
)

// Class is the kind of address a client can use. A balancer URI and its
// targets must be of the same class (protocol.md §4.2).
type Class uint8

// The classes. Emulated WebSocket clients (kind E) belong to WS.
const (
	WS   Class = iota // ws, wss
	HTTP              // http, https
	SSE               // sse, sse+ssl
	numClasses
)

// A Target is one accept URI of one member, offered under one balance URI. All
// exported fields are immutable and shared: callers only read them, slices
// included. A Target stays usable after its member is gone.
type Target struct {
	Member   string // id the member was Set under
	Name     string // stable member name, the key of affinity
	Balancer string // balance URI
	URI      string // accept URI as advertised
	Service  string
	Type     string
	Zone     string
	Class    Class
	Secure   bool
	Local    bool   // the member is this process
	Weight   uint16 // at least 1

	Location   []byte // URI with http or https as scheme
	WSLocation []byte // URI with ws or wss as scheme
	Relative   []byte // "//authority/path", scheme as the request's
	R          []byte // body of a bare in-band directive: URI as advertised

	pathEnd int // length of URI before '?'
	exact   bool
	path    string // of the balancer URI, for the cookie
	ids     cookieIDs
	load    *load
	conns   atomic.Uint32 // of the entry, for display
}

// A load is what is known about how busy a member is; all its targets share it.
type load struct {
	conns    atomic.Uint32
	capacity atomic.Uint32
	sampled  atomic.Int64  // Unix nanoseconds
	handed   atomic.Uint64 // clients this balancer sent since the sample
}

// sample takes the counts of a fresh advert and starts handed anew.
func (l *load) sample(a *Advert, now int64) {
	l.conns.Store(a.Conns)
	l.capacity.Store(a.Capacity)
	l.sampled.Store(now)
	l.handed.Store(0)
}

// An address is a URI cut into the parts a redirect needs.
type address struct {
	class     Class
	secure    bool
	authority string
	path      string // "/" when absent
	rest      string // everything after the scheme and colon
	pathEnd   int
}

var schemes = map[string]struct {
	class  Class
	secure bool
}{
	"ws": {WS, false}, "wss": {WS, true},
	"http": {HTTP, false}, "https": {HTTP, true},
	"sse": {SSE, false}, "sse+ssl": {SSE, true},
}

// parseAddress cuts a canonical URI; ok is false for a scheme no balancer
// serves and for text that must not reach a header.
func parseAddress(uri string) (a address, ok bool) {
	if checkURI("target", uri) != nil || strings.ContainsRune(uri, '#') {
		return a, false
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	s, known := schemes[scheme]
	if !ok || !known {
		return a, false
	}
	a.class, a.secure, a.rest = s.class, s.secure, uri[len(scheme)+1:]
	a.pathEnd = len(uri)
	if i := strings.IndexByte(uri, '?'); i >= 0 {
		a.pathEnd = i
		rest = rest[:i-len(scheme)-3]
	}
	a.authority, a.path = rest, "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		a.authority, a.path = rest[:i], rest[i:]
	}
	return a, a.authority != "" && !strings.ContainsRune(a.authority, '@')
}

// port returns the part of the authority that follows the host, colon included.
func (a *address) port() string {
	if i := strings.LastIndexByte(a.authority, ':'); i > strings.LastIndexByte(a.authority, ']') {
		return a.authority[i:]
	}
	return ""
}

// newTarget renders uri as a target of e on member m; nil when no balancer can
// send a client there.
func newTarget(m *member, e *Entry, uri string, aff *Affinity) *Target {
	from, ok := parseAddress(e.Balance)
	if !ok {
		return nil
	}
	to, ok := parseAddress(uri)
	if !ok {
		return nil
	}
	t := &Target{
		Member: m.id, Name: m.name, Balancer: e.Balance, URI: uri,
		Service: e.Service, Type: e.Type, Zone: m.advert.Zone,
		Class: to.class, Secure: to.secure, Local: m.self, Weight: max(e.Weight, 1),
		Relative: []byte(to.rest), R: []byte(uri),
		pathEnd: to.pathEnd,
		exact:   from.port() == to.port() && from.path == to.path,
		path:    from.path,
		load:    m.load,
	}
	web, socket := "http:", "ws:"
	if to.secure {
		web, socket = "https:", "wss:"
	}
	t.Location = []byte(web + to.rest)
	t.WSLocation = []byte(socket + to.rest)
	t.conns.Store(e.Conns)
	if aff != nil {
		t.ids = aff.idsOf(m.name)
	}
	return t
}
