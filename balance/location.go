package balance

import "bytes"

// Kind is the way a client speaks to the balancer (protocol.md §0).
type Kind uint8

// The client kinds.
const (
	KindP Kind = iota // plain RFC 6455: Location of a 302
	KindL             // plain with .kl=Y: in-band directive
	KindX             // extended handshake: directive with .kl=Y, else the inner 302's location
	KindE             // WSE create or its /;e/cookies pre-flight
	KindS             // EventSource
	KindH             // plain HTTP
)

// Form is option balancer.location: how the Location of kind P is written.
type Form uint8

// The forms. FormAuto must be resolved by [Form.For].
const (
	FormAuto     Form = iota
	FormHTTP          // http://member/path, as the predecessor
	FormWS            // ws://member/path
	FormRelative      // //member/path
)

// For resolves FormAuto by the request's User-Agent (protocol.md §4.8): the
// Python library "websockets" follows ws addresses only, everyone else gets http.
func (f Form) For(userAgent []byte) Form {
	if f != FormAuto {
		return f
	}
	if bytes.Contains(userAgent, []byte("websockets/")) {
		return FormWS
	}
	return FormHTTP
}

// A Redirect is the part of a request that may shape the address it is sent to.
type Redirect struct {
	Kind Kind
	Form Form // of kind P and the inner 302 of kind X; FormAuto is FormHTTP
	// KeepQuery is balancer.location.query=keep for the same two: the query
	// follows, without tokens reserved for the protocol.
	KeepQuery bool
	// Path is the request path from "/;e" on, for KindE.
	Path []byte
	// Query is the raw query of the request, without the question mark.
	Query []byte
}

// AppendURI appends the address r's client is sent to: the value of Location,
// or the URI behind U+F0FF R. ok is false for a KindE path that is neither a
// create nor the cookie pre-flight, which the client is told as 404; dst then
// comes back as it was. Host and path come from the target alone; what is
// copied from the request is percent-encoded where it could end a header line.
// Nothing is allocated beyond growing dst.
func (t *Target) AppendURI(dst []byte, r *Redirect) (uri []byte, ok bool) {
	switch r.Kind {
	case KindL:
		return t.appendDirective(dst, r.Query), true
	case KindX:
		if inBand(r.Query) {
			return t.appendDirective(dst, r.Query), true
		}
		return t.appendHandshake(dst, r), true
	case KindE:
		return t.appendEmulated(dst, r)
	case KindS, KindH:
		dst = append(dst, t.Location...)
		return t.appendQuery(dst, r.Query, isBuster), true
	}
	return t.appendHandshake(dst, r), true
}

func (t *Target) appendHandshake(dst []byte, r *Redirect) []byte {
	switch r.Form {
	case FormWS:
		dst = append(dst, t.WSLocation...)
	case FormRelative:
		dst = append(dst, t.Relative...)
	default:
		dst = append(dst, t.Location...)
	}
	if r.KeepQuery {
		dst = t.appendQuery(dst, r.Query, isReserved)
	}
	return dst
}

func (t *Target) appendDirective(dst, query []byte) []byte {
	dst = append(dst, t.R...)
	return t.appendQuery(dst, query, isBuster)
}

func (t *Target) appendEmulated(dst []byte, r *Redirect) ([]byte, bool) {
	if string(r.Path) == "/;e/cookies" {
		dst = append(dst, t.Location...)
		return t.appendQuery(dst, r.Query, isBuster), true
	}
	if !isCreate(r.Path) {
		return dst, false
	}
	// The schemes of URI and Location differ in length.
	end := len(t.Location) - (len(t.URI) - t.pathEnd)
	path := bytes.TrimSuffix(t.Location[:end], []byte{'/'})
	dst = append(dst, path...)
	dst = append(dst, r.Path...)
	dst = append(dst, t.Location[end:]...)
	return t.appendQuery(dst, r.Query, isBuster), true
}

// isCreate matches `^/;e/c(b|t|te|bm|tm|tem)$`.
func isCreate(path []byte) bool {
	switch string(path) {
	case "/;e/cb", "/;e/ct", "/;e/cte", "/;e/cbm", "/;e/ctm", "/;e/ctem":
		return true
	}
	return false
}

// inBand reports whether the query has .kl=Y.
func inBand(query []byte) bool {
	for len(query) > 0 {
		var p []byte
		p, query, _ = bytes.Cut(query, []byte{'&'})
		if string(p) == ".kl=Y" {
			return true
		}
	}
	return false
}

// isBuster matches the cache busters, which no redirect carries.
func isBuster(name []byte) bool { return string(name) == ".kn" || string(name) == ".krn" }

// isReserved matches every name the protocol keeps for itself.
func isReserved(name []byte) bool { return len(name) > 0 && name[0] == '.' }

// appendQuery appends the parameters of the request that drop lets pass after
// those of the target. A fragment ends the query.
func (t *Target) appendQuery(dst, query []byte, drop func(name []byte) bool) []byte {
	sep := byte('?')
	if t.pathEnd < len(t.URI) {
		sep = '&'
	}
	if i := bytes.IndexByte(query, '#'); i >= 0 {
		query = query[:i]
	}
	for len(query) > 0 {
		var p []byte
		p, query, _ = bytes.Cut(query, []byte{'&'})
		name, _, _ := bytes.Cut(p, []byte{'='})
		if len(p) == 0 || drop(name) {
			continue
		}
		dst = append(dst, sep)
		sep = '&'
		for _, c := range p {
			if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' {
				dst = appendEscaped(dst, c)
			} else {
				dst = append(dst, c)
			}
		}
	}
	return dst
}

func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}
