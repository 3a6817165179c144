package origin

import (
	"bytes"
	"slices"
)

// A Constraint lets one foreign origin, or all, use a service.
type Constraint struct {
	Origin    string   // "*", or as [Canonical] returns it
	Methods   []string // nil means GET and POST
	Headers   []string // added to the fixed list on a preflight
	MaxAge    int64    // seconds; counts when HasMaxAge
	HasMaxAge bool
}

func (c *Constraint) methods() []string {
	if c.Methods == nil {
		return defaultMethods
	}
	return c.Methods
}

var defaultMethods = []string{"GET", "POST"}

// A Policy is what one accept URI says about origins. Strings are as
// [Canonical] returns them. It is read by many goroutines and never changed.
type Policy struct {
	Accept      string   // the accept URI's own origin; its scheme is not compared
	Balance     []string // the service's balance URIs
	Constraints []Constraint
}

// A Request is what matters of a request. Slices are borrowed until Decide and
// the use of its Decision are over.
type Request struct {
	Method         []byte // after emulation
	Origin         []byte // from [Effective]; nil when the request has none
	Host           []byte // authority, with or without port
	Secure         bool   // came over TLS
	ControlRequest bool   // has Access-Control-Request-Method or -Headers
	AlwaysCORS     bool   // .kac=ex
}

// A Verdict is what to do with a request.
type Verdict uint8

const (
	Refuse    Verdict = iota // 403 with its page
	Allow                    // go on, with Decision.Fields in the answer
	Preflight                // answer 200, empty, with Decision.Fields
)

// A Decision is the outcome for one request.
type Decision struct {
	Verdict     Verdict
	CrossOrigin bool
	Constraint  *Constraint // the one that matched; nil for same origin
	origin      []byte      // as received, nil when no CORS lines are due
}

const null = "null"

// Decide applies the table of protocol.md §1.8. It does not allocate.
func Decide(p *Policy, r *Request) Decision {
	if r.Origin == nil {
		return Decision{Verdict: Allow}
	}
	var buf [maxOrigin + 8]byte
	o, ok := appendCanonical(buf[:0], r.Origin)
	if !ok {
		o = append(buf[:0], null...)
	} else if sameOrigin(p, r, o) {
		d := Decision{Verdict: Allow}
		if r.AlwaysCORS {
			d.origin = r.Origin
		}
		return d
	}
	d := Decision{CrossOrigin: true, Constraint: p.constraint(o)}
	if string(r.Method) == "OPTIONS" && r.ControlRequest {
		d.Verdict = Preflight
	} else if d.Constraint != nil && contains(d.Constraint.methods(), r.Method) {
		d.Verdict = Allow
	}
	if d.Constraint != nil && d.Verdict != Refuse {
		d.origin = r.Origin
	}
	return d
}

// sameOrigin is steps 2 to 4 for an origin in canonical form.
func sameOrigin(p *Policy, r *Request, o []byte) bool {
	scheme, authority, _ := bytes.Cut(o, []byte("://"))
	if string(scheme) == "privileged" || string(authority) == afterScheme(p.Accept) {
		return true
	}
	if len(p.Balance) > 0 {
		return contains(p.Balance, o)
	}
	var buf [maxOrigin + 8]byte
	own, port := append(buf[:0], "http://"...), "80"
	if r.Secure {
		own, port = append(buf[:0], "https://"...), "443"
	}
	if len(r.Host) > maxOrigin {
		return false
	}
	own, ok := appendAuthority(own, r.Host, port)
	return ok && bytes.Equal(own, o)
}

func afterScheme(s string) string {
	for i := 0; i+3 <= len(s); i++ {
		if s[i:i+3] == "://" {
			return s[i+3:]
		}
	}
	return s
}

func (p *Policy) constraint(o []byte) *Constraint {
	var any *Constraint
	for i := range p.Constraints {
		c := &p.Constraints[i]
		if c.Origin == "*" {
			any = c
		} else if c.Origin == string(o) {
			return c
		}
	}
	return any
}

func contains(list []string, v []byte) bool {
	return slices.ContainsFunc(list, func(s string) bool { return s == string(v) })
}

// Effective returns the origin that counts: the Origin header, or what a client
// that cannot set it emulates by X-Origin or .ko. A nil slice is an absent one;
// r.Origin is not looked at.
//
// A page cannot add X-Origin without a preflight that never allows it, but it
// can put .ko into any URL. So X-Origin counts when the real Origin is absent,
// null or our own, and .ko only when it is absent or our own.
func Effective(p *Policy, r *Request, real, xOrigin, ko []byte) []byte {
	var buf [maxOrigin + 8]byte
	own, isNull := real == nil, false
	if real != nil {
		o, ok := appendCanonical(buf[:0], real)
		own = ok && sameOrigin(p, r, o)
		isNull = string(real) == null
	}
	switch {
	case xOrigin != nil && (own || isNull):
		return xOrigin
	case ko != nil && own:
		return ko
	}
	return real
}
