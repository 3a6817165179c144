package gateway

import (
	"github.com/kzfast/kzfast/auth"
	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/session"
)

// A guard admits the users of a service's realm.
type guard struct {
	realm *auth.Realm
	roles []string
}

// newGuard makes the guard of a service, nil when anybody may use it.
func newGuard(c *conf.Service) (session.Guard, error) {
	if !c.Protected {
		return nil, nil
	}
	realm, err := newRealm(c.Realm)
	if err != nil {
		return nil, err
	}
	return &guard{realm, c.RequireRoles}, nil
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

// Check implements [session.Guard].
func (g *guard) Check(authorization []byte) (principal string, status int, challenge string) {
	switch res := g.realm.Check(authorization, g.roles); res.Status {
	case auth.OK:
		return res.Principal, 0, ""
	case auth.Forbidden:
		return "", 403, ""
	}
	return "", 401, g.realm.Challenge(false)
}

// Native implements [session.Guard].
func (g *guard) Native() bool { return !g.realm.Scheme.Application() }
