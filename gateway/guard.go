package gateway

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/kzfast/kzfast/auth"
	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A guard admits the users of a service's realm. It is immutable.
type guard struct {
	realm *auth.Realm
	roles []string
	// Where credentials are looked for when there is no Authorization header.
	headers, params, cookies []string
}

// newGuard makes the guard of a service, nil when anybody may use it.
func newGuard(c *conf.Service) (*guard, error) {
	if !c.Protected {
		return nil, nil
	}
	realm, err := newRealm(c.Realm)
	if err != nil {
		return nil, err
	}
	return &guard{
		realm: realm, roles: c.RequireRoles,
		headers: c.Realm.Headers, params: c.Realm.QueryParams, cookies: c.Realm.Cookies,
	}, nil
}

func newRealm(c *conf.Realm) (*auth.Realm, error) {
	scheme, err := auth.ParseScheme(c.Scheme)
	if err != nil {
		return nil, err
	}
	r := &auth.Realm{Name: c.Name, Description: c.Description, Scheme: scheme}
	for _, m := range c.Modules {
		if m.Users == nil {
			continue
		}
		success, err := auth.ParseSuccess(m.Success)
		if err != nil {
			return nil, err
		}
		users, err := newUsers(m.Users)
		if err != nil {
			return nil, err
		}
		r.Modules = append(r.Modules, auth.Module{Success: success, Login: users})
	}
	return r, nil
}

// newUsers hands over users whose inherited roles conf has resolved.
func newUsers(c *conf.Users) (*auth.Users, error) {
	var users []auth.User
	var roles []auth.Role
	for _, u := range c.ByName {
		users = append(users, auth.User{Name: u.Name, Password: u.Password, Roles: u.Roles})
		for _, r := range u.Roles {
			roles = append(roles, auth.Role{Name: r})
		}
	}
	return auth.NewUsers(users, roles)
}

func (g *guard) check(authorization []byte) (principal string, status int) {
	switch res := g.realm.Check(authorization, g.roles); res.Status {
	case auth.OK:
		return res.Principal, 0
	case auth.Forbidden:
		return "", http.StatusForbidden
	}
	return "", http.StatusUnauthorized
}

// Check implements [session.Guard].
func (g *guard) Check(authorization []byte) (principal string, status int, challenge string) {
	if principal, status = g.check(authorization); status == http.StatusUnauthorized {
		challenge = g.realm.Challenge(false)
	}
	return principal, status, challenge
}

// Native implements [session.Guard].
func (g *guard) Native() bool { return !g.realm.Scheme.Application() }

// Find implements [session.Finder].
func (g *guard) Find(r *wsproto.Request) []byte {
	return g.find(source{
		header: r.Each,
		param: func(name string, fn func(v []byte) bool) {
			eachParam(string(r.RawQuery), name, fn)
		},
	})
}

func (g *guard) findHTTP(r *http.Request) []byte {
	return g.find(source{
		header: func(name string, fn func(v []byte) bool) {
			for _, v := range r.Header.Values(name) {
				if !fn([]byte(v)) {
					return
				}
			}
		},
		param: func(name string, fn func(v []byte) bool) { eachParam(r.URL.RawQuery, name, fn) },
	})
}

// A source is a request as far as credentials are looked for in it.
type source struct {
	header, param func(name string, fn func(v []byte) bool)
}

// find gives the value of Authorization, or else the first of the realm's
// other sources that is there, as a value of Authorization. What stands in a
// request twice is as good as nothing (spec/config.md §13.2).
func (g *guard) find(s source) []byte {
	if v, n := once(s.header, "Authorization"); n > 0 {
		return v
	}
	for _, name := range g.headers {
		if v, n := once(s.header, name); n > 0 {
			return g.value(v)
		}
	}
	for _, name := range g.params {
		if v, n := once(s.param, name); n > 0 {
			return g.value(v)
		}
	}
	for _, name := range g.cookies {
		if v, n := once(s.cookie, name); n > 0 {
			return g.value(v)
		}
	}
	return nil
}

// once gives the value of what stands there once, and how often it does.
func once(each func(string, func([]byte) bool), name string) (v []byte, n int) {
	each(name, func(b []byte) bool {
		v = b
		n++
		return true
	})
	if n > 1 {
		v = nil
	}
	return v, n
}

// value puts the scheme's word before a bare token.
func (g *guard) value(v []byte) []byte {
	if len(v) == 0 || bytes.IndexByte(v, ' ') > 0 {
		return v
	}
	word := "Basic "
	if g.realm.Scheme == auth.ApplicationToken {
		word = "Token "
	}
	return append([]byte(word), v...)
}

func (s source) cookie(name string, fn func(v []byte) bool) {
	s.header("Cookie", func(line []byte) bool {
		for pair := range bytes.SplitSeq(line, []byte{';'}) {
			k, v, ok := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
			if ok && string(k) == name && !fn(bytes.Trim(v, `"`)) {
				return false
			}
		}
		return true
	})
}

// eachParam calls fn with the decoded values of one query parameter. A plus
// stays one: credentials are base64.
func eachParam(query, name string, fn func(v []byte) bool) {
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		if k, err := url.PathUnescape(k); err != nil || k != name {
			continue
		}
		if v, err := url.PathUnescape(v); err == nil && !fn([]byte(v)) {
			return
		}
	}
}

var _ session.Finder = (*guard)(nil)
