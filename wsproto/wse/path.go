package wse

import "bytes"

// A Kind is what a WSE path asks for.
type Kind uint8

const (
	Unknown    Kind = iota // not a WSE resource: 404
	Create                 // /;e/c<suffix>
	Upstream               // /;e/u<suffix>/<id>
	Downstream             // /;e/d<suffix>/<id>
	Cookies                // /;e/cookies, the Java client's pre-flight (protocol.md §1.10)
)

// A Path is a request path taken apart. Its slices alias the path.
type Path struct {
	Service  []byte // path of the service, "/" at least
	Kind     Kind
	Encoding Encoding
	ID       ID     // Upstream and Downstream
	Params   []byte // what followed a & or ? inside the path: query tokens of a sloppy client
}

var marker = []byte("/;e/")

// ParsePath takes a decoded request path apart. ok is false when it is no WSE
// path at all; a WSE path that names nothing has Kind [Unknown]. Everything
// from the first & or ? behind the marker on is garbage that clients append to
// the path (protocol.md §5.3), kept as Params.
func ParsePath(path []byte) (p Path, ok bool) {
	i := bytes.Index(path, marker)
	if i < 0 {
		return p, false
	}
	p.Service = path[:i]
	if i == 0 {
		p.Service = path[:1]
	}
	rest := path[i+len(marker):]
	if j := bytes.IndexAny(rest, "&?"); j >= 0 {
		rest, p.Params = rest[:j], rest[j+1:]
	}
	p.resource(rest)
	return p, true
}

func (p *Path) resource(rest []byte) {
	name, id, hasID := bytes.Cut(rest, []byte{'/'})
	if string(rest) == "cookies" {
		p.Kind = Cookies
		return
	}
	if len(name) == 0 {
		return
	}
	e, ok := parseEncoding(name[1:])
	if !ok {
		return
	}
	switch {
	case name[0] == 'c' && !hasID:
		p.Kind = Create
	case name[0] == 'u' && hasID:
		p.Kind = Upstream
	case name[0] == 'd' && hasID:
		p.Kind = Downstream
	default:
		return
	}
	p.Encoding = e
	if hasID {
		if p.ID, ok = ParseID(id); !ok {
			p.Kind = Unknown
		}
	}
}

// AppendCreateSuffix appends "/;e/c<suffix>": the only piece of a request path
// that a balancer may copy into a Location (protocol.md §4.4).
func AppendCreateSuffix(dst []byte, e Encoding) []byte {
	dst = append(append(dst, marker...), 'c')
	return append(dst, suffixes[e]...)
}

// AppendDataPath appends "/;e/u<suffix>/<id>" for k [Upstream], the d form for
// [Downstream].
func AppendDataPath(dst []byte, k Kind, e Encoding, id *ID) []byte {
	dst = append(dst, marker...)
	if k == Upstream {
		dst = append(dst, 'u')
	} else {
		dst = append(dst, 'd')
	}
	dst = append(append(dst, suffixes[e]...), '/')
	return id.Append(dst)
}

// AppendCreateBody appends the body of a create answer: the upstream URL and
// the downstream URL, each with LF (protocol.md §6.3). base is the external
// URL of the service, scheme to path; query is the raw query of the create
// request, of which cache busters are dropped.
func AppendCreateBody(dst, base []byte, e Encoding, id *ID, query []byte) []byte {
	base = bytes.TrimSuffix(base, []byte{'/'})
	for _, k := range [...]Kind{Upstream, Downstream} {
		dst = append(dst, base...)
		dst = AppendDataPath(dst, k, e, id)
		dst = AppendQuery(dst, query)
		dst = append(dst, '\n')
	}
	return dst
}
