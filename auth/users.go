package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A User is one user element of a user file (config.md §13.4).
type User struct {
	Name     string
	Password string // compared verbatim
	Roles    []string
}

// A Role may inherit the names of other roles, to any depth.
type Role struct {
	Name  string
	Roles []string
}

// Users is an immutable set of users; it is the login module of type file.
type Users struct {
	byName map[string]record
}

type record struct {
	password   [sha256.Size]byte
	principals []string // the user's name, then all roles, inherited ones included, sorted
}

// NewUsers builds the set. Of two users or roles with one name the last counts.
// Every reference to an unknown role is reported; the set is usable even so,
// without the user concerned.
func NewUsers(users []User, roles []Role) (*Users, error) {
	known := make(map[string][]string, len(roles))
	for _, r := range roles {
		known[r.Name] = r.Roles
	}
	var errs []error
	u := &Users{byName: make(map[string]record, len(users))}
	for _, user := range users {
		all, err := closure(known, user.Roles)
		if err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", user.Name, err))
			delete(u.byName, user.Name)
			continue
		}
		u.byName[user.Name] = record{sha256.Sum256([]byte(user.Password)), append([]string{user.Name}, all...)}
	}
	return u, errors.Join(errs...)
}

// closure returns the named roles and all they inherit, sorted. Circles end
// where they began.
func closure(known map[string][]string, names []string) ([]string, error) {
	seen := make(map[string]bool)
	var errs []error
	for todo := slices.Clone(names); len(todo) > 0; {
		n := todo[0]
		todo = todo[1:]
		if seen[n] {
			continue
		}
		seen[n] = true
		inherited, ok := known[n]
		if !ok {
			errs = append(errs, fmt.Errorf("role %q is not defined", n))
		}
		todo = append(todo, inherited...)
	}
	return slices.Sorted(maps.Keys(seen)), errors.Join(errs...)
}

// Len returns the number of users.
func (u *Users) Len() int { return len(u.byName) }

// Login returns the user's principals when the password is right. The
// comparison takes the same time for any password; an unknown user costs the
// same comparison.
func (u *Users) Login(c *Credentials) (principals []string, ok bool) {
	r, known := u.byName[c.Name]
	given := sha256.Sum256([]byte(c.Password))
	same := subtle.ConstantTimeCompare(given[:], r.password[:]) == 1
	if !known || !same || !c.Scheme.basic() {
		return nil, false
	}
	return r.principals, true
}
