package conf

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// resolveAccess reads realm, constraints and origins of a service (§11).
func (l *loader) resolveAccess(n *node, s *Service) {
	roles, constrained := l.roles(n)
	s.RealmName, _ = n.value("realm-name")
	switch {
	case s.Tolerated != "" && l.realm(s.RealmName) != nil:
	case s.RealmName == "" && len(roles) > 0:
		l.warnf(n.pos, "KZ-10", "%s: roles without a <realm-name> have no effect, the service is open; add the realm or remove the constraint", l.service(n))
	case s.RealmName == "":
	case l.realm(s.RealmName) == nil:
		l.errorf(n.one("realm-name").pos, "S-6", "%s: realm %q is not defined; defined realms: %s", l.service(n), shown(s.RealmName), l.realmNames())
	case !constrained && l.ns.dropsRealm():
		l.warnf(n.one("realm-name").pos, "KZ-10", "%s: realm %q is not enforced: under namespace %s a realm without <authorization-constraint> leaves the service open; add a constraint to protect it", l.service(n), shown(s.RealmName), l.ns)
	default:
		s.Protected, s.Realm, s.RequireRoles = true, l.realm(s.RealmName), roles
	}
	l.resolveOrigins(n, s)
}

func (l *loader) realm(name string) *Realm {
	for _, r := range l.cfg.Realms {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func (l *loader) realmNames() string {
	var names []string
	for _, r := range l.cfg.Realms {
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return list(names)
}

// roles pools the roles of all constraints: all are required (§11.3). No role
// with constrained set means any valid user.
func (l *loader) roles(n *node) (roles []string, constrained bool) {
	wildcard := false
	for _, c := range slices.Concat(n.all("authorization-constraint"), n.all("auth-constraint")) {
		constrained = true
		if len(c.children) == 0 {
			l.errorf(c.pos, "E-3", "%s: <%s> is empty; add <require-role> or <require-valid-user>", l.service(n), c.name)
		}
		for _, r := range c.children {
			switch {
			case r.bad:
			case r.name == "require-valid-user" || r.text == "*":
				wildcard = true
			case !slices.Contains(roles, r.text):
				roles = append(roles, r.text)
			}
		}
	}
	if wildcard && len(roles) > 0 {
		at := n.pos
		if a := n.one("accept"); a != nil {
			at = a.pos
		}
		l.errorf(at, "S-7", "%s: role * (or require-valid-user) stands beside the roles %s; remove the wildcard", l.service(n), list(roles))
	}
	return roles, constrained
}

func (l *loader) resolveOrigins(n *node, s *Service) {
	for _, c := range n.all("cross-site-constraint") {
		cs := CrossSite{Pos: c.pos}
		o := settingsOf("cross-site-constraint", c)
		cs.Methods, cs.Headers = o.csv("allow-methods"), o.csv("allow-headers")
		if o.has("maximum-age") {
			cs.MaxAge, cs.HasAge = time.Duration(o.integer("maximum-age"))*time.Second, true
		}
		if !o.has("allow-origin") {
			continue
		}
		origin, rule, fault := parseOrigin(o.text("allow-origin"))
		if fault != "" {
			l.errorf(o.pos("allow-origin"), rule, "%s: %s", l.service(n), fault)
			continue
		}
		if slices.ContainsFunc(s.CrossSite, func(x CrossSite) bool { return x.Origin == origin }) {
			l.errorf(o.pos("allow-origin"), "O-13", "%s: allow-origin %s is used twice%s; merge the constraints", l.service(n), origin, acceptNote(s))
			continue
		}
		cs.Origin = origin
		s.CrossSite = append(s.CrossSite, cs)
	}
	if i := slices.IndexFunc(s.CrossSite, func(x CrossSite) bool { return x.Origin == "*" }); i >= 0 && len(s.CrossSite) > 1 {
		l.errorf(s.CrossSite[i].Pos, "O-14", "%s: allow-origin * stands beside other constraints%s; remove the wildcard", l.service(n), acceptNote(s))
	}
}

func acceptNote(s *Service) string {
	if len(s.Accepts) == 0 {
		return ""
	}
	return fmt.Sprintf(" (accept %s)", s.Accepts[0].URI)
}

// parseOrigin makes an allow-origin canonical: lower case, explicit port.
func parseOrigin(text string) (origin, rule, fault string) {
	if text == "*" {
		return text, "", ""
	}
	sch, rest, ok := strings.Cut(strings.ToLower(text), "://")
	if !ok || sch != "http" && sch != "https" {
		return "", "O-10", fmt.Sprintf("allow-origin %q is neither * nor an http or https origin; write http://host:port", shown(text))
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.ContainsAny(rest, "/?#") {
		return "", "O-11", fmt.Sprintf("allow-origin %q has a path, query or fragment; an origin is scheme://host:port only", shown(text))
	}
	u, err := ParseURI(sch + "://" + rest)
	if err != nil {
		return "", "O-10", fmt.Sprintf("allow-origin %v", err)
	}
	return sch + "://" + u.Authority(), "", ""
}
