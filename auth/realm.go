package auth

import (
	"slices"
	"strings"
)

// AnyUser as a required role stands for every user that logs in
// (require-valid-user).
const AnyUser = "*"

// A Realm is a set of users with the way they identify themselves. It is
// read-only once in use.
type Realm struct {
	Name        string
	Description string // sent as realm="…"
	Scheme      Scheme
	Modules     []Module
	// Parameters follow "Application Token" in its challenge, "" for none.
	Parameters string
}

// Status is the outcome of a check.
type Status uint8

// The outcomes.
const (
	OK        Status = iota
	Challenge        // ask for other credentials: 401
	Forbidden        // 403
)

// A Result is the outcome of [Realm.Check].
type Result struct {
	Status     Status
	Principal  string   // the user's name, "" unless OK
	Principals []string // his name and all his roles; shared, read only
}

// Check decides about the value of an Authorization header (nil when there is
// none). The user must carry every required role; none at all or [AnyUser]
// admits each user that logs in. The user's own name counts as a role.
func (r *Realm) Check(authorization []byte, requiredRoles []string) Result {
	c, ours, ok := r.Scheme.parse(authorization)
	if !ours {
		return Result{Status: Challenge}
	}
	if !ok {
		return r.refused()
	}
	principals, ok := login(r.Modules, c)
	if !ok || !holds(principals, requiredRoles) {
		return r.refused()
	}
	res := Result{Principal: c.Name, Principals: principals}
	if !r.Scheme.basic() && len(principals) > 0 {
		res.Principal = principals[0]
	}
	return res
}

// refused is the outcome for credentials that were understood and not enough.
func (r *Realm) refused() Result {
	if r.Scheme.basic() {
		return Result{Status: Challenge}
	}
	return Result{Status: Forbidden}
}

func holds(principals, required []string) bool {
	for _, role := range required {
		if role != AnyUser && !slices.Contains(principals, role) {
			return false
		}
	}
	return true
}

// Challenge returns the value of WWW-Authenticate (protocol.md §3.5). native
// leaves out the word Application, for services whose clients are browsers.
func (r *Realm) Challenge(native bool) string {
	s := r.Scheme.String()
	if native {
		s = r.Scheme.answer()
	}
	if r.Scheme.basic() {
		return s + ` realm="` + quotedText(r.Description) + `"`
	}
	if p := headerText(r.Parameters); p != "" {
		s += " " + p
	}
	return s
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quotedText makes s fit between the quotes of a quoted-string (RFC 9110 §5.6.4).
func quotedText(s string) string { return quoter.Replace(headerText(s)) }

// headerText leaves out control characters.
func headerText(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, s)
}
