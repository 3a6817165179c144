package conf

import (
	"fmt"
	"slices"
	"strings"
)

const usersNamespace = "http://xmlns.kaazing.com/jaas-config/centurion"

var oldUsersNamespaces = []string{
	"http://xmlns.kaazing.org/jaas-config/atlantis",
	"http://xmlns.kaazing.org/jaas-config/battlestar",
}

// loadUsers reads a user file (§13.4), once per path, that the configuration
// names at the position named. Faults are reported as warnings when nothing
// depends on the file.
func (l *loader) loadUsers(path string, named Pos, s Severity) *Users {
	if u, ok := l.users[path]; ok {
		return u
	}
	l.users[path] = nil
	data, err := readFile(path)
	if err != nil {
		l.add(named, "T-11", s, "user file %s: %v; create it or correct <file> of the login module", path, err)
		return nil
	}
	root, fault := parseTree(path, data)
	if fault != nil {
		if fault.empty {
			fault.text += fmt.Sprintf("; it needs a <jaas-config xmlns=%q>", usersNamespace)
		}
		l.add(fault.pos, "T-11", s, "user file: %s", fault.text)
		return nil
	}
	r := userReader{l: l, s: s, root: root, users: make(map[string]*User), roles: make(map[string][]string)}
	if !r.read() {
		return nil
	}
	u := &Users{ByName: r.users}
	l.users[path] = u
	return u
}

// A userReader walks one user file.
type userReader struct {
	l     *loader
	s     Severity
	root  *node
	users map[string]*User
	roles map[string][]string // role to the roles it inherits
	fault bool
}

func (r *userReader) faultf(p Pos, format string, args ...any) {
	r.fault = true
	r.l.add(p, "T-11", r.s, "user file: "+format, args...)
}

func (r *userReader) read() bool {
	switch {
	case slices.Contains(oldUsersNamespaces, r.root.space):
		r.faultf(r.root.pos, "namespace %q is too old; convert the file to %q", r.root.space, usersNamespace)
		return false
	case r.root.space != usersNamespace || r.root.name != "jaas-config":
		r.faultf(r.root.pos, "it starts with <%s> of namespace %q; write <jaas-config xmlns=%q>", shown(r.root.name), shown(r.root.space), usersNamespace)
		return false
	}
	var accounts []*node
	for _, c := range r.root.children {
		r.fill(c)
		switch {
		case c.space == usersNamespace && c.name == "user":
			accounts = append(accounts, c)
		case c.space == usersNamespace && c.name == "role":
			r.role(c)
		default:
			r.faultf(c.pos, "element <%s> is not known inside <jaas-config>; expected one of: user, role", shown(c.name))
		}
	}
	for _, c := range accounts {
		r.user(c)
	}
	r.checkRoles()
	return !r.fault
}

// fill sets the texts of an entry; only built-in parameters count here.
func (r *userReader) fill(c *node) {
	builtin := parameters{builtin: r.l.params.builtin, expanded: map[string]string{}, failed: map[string]error{}}
	for _, k := range c.children {
		k.text, _ = builtin.expand(rawText(k))
		if k.name != "password" {
			k.text = strings.TrimSpace(k.text)
		}
	}
}

// parts checks the children of an entry: single ones at most once.
func (r *userReader) parts(c *node, single ...string) bool {
	seen := make(map[string]bool)
	for _, k := range c.children {
		switch {
		case k.space != usersNamespace || k.name != "role-name" && !slices.Contains(single, k.name):
			r.faultf(k.pos, "element <%s> is not known inside <%s>; expected one of: %s, role-name", shown(k.name), c.name, list(single))
			return false
		case len(k.children) > 0:
			r.faultf(k.pos, "<%s> holds a text, not elements; remove them", k.name)
			return false
		case k.name != "role-name" && seen[k.name]:
			r.faultf(k.pos, "<%s> stands twice inside <%s>; remove one", k.name, c.name)
			return false
		}
		seen[k.name] = true
	}
	if n := c.one("name"); n == nil || n.text == "" {
		r.faultf(c.pos, "a <%s> has no name; add a <name>", c.name)
		return false
	}
	return true
}

func (r *userReader) role(c *node) {
	if !r.parts(c, "name", "description") {
		return
	}
	name := c.one("name").text
	if _, dup := r.roles[name]; dup {
		r.l.warnf(c.pos, "KZ-12", "user file: role %q is defined twice, the last one wins; remove one", shown(name))
	}
	r.roles[name] = texts(c.all("role-name"))
}

func (r *userReader) user(c *node) {
	if !r.parts(c, "name", "password") {
		return
	}
	u := &User{Name: c.one("name").text}
	pw := c.one("password")
	if pw == nil {
		r.faultf(c.pos, "user %q has no <password>; add one", shown(u.Name))
		return
	}
	u.Password = pw.text
	if strings.TrimSpace(u.Password) != u.Password {
		r.l.warnf(pw.pos, "KZ-12", "user file: the password of user %q starts or ends with white space, which counts; remove it if it is not meant", shown(u.Name))
	}
	if _, dup := r.users[u.Name]; dup {
		r.l.warnf(c.pos, "KZ-12", "user file: user %q is defined twice, the last one wins; remove one", shown(u.Name))
	}
	for _, k := range c.all("role-name") {
		if _, ok := r.roles[k.text]; !ok {
			r.faultf(k.pos, "user %q has the role %q, which is not defined; defined roles: %s", shown(u.Name), shown(k.text), list(sortedKeys(r.roles)))
			continue
		}
		u.Roles = r.inherit(u.Roles, k.text)
	}
	slices.Sort(u.Roles)
	r.users[u.Name] = u
}

// inherit adds a role and all it inherits; circles end by themselves.
func (r *userReader) inherit(roles []string, name string) []string {
	if slices.Contains(roles, name) {
		return roles
	}
	roles = append(roles, name)
	for _, more := range r.roles[name] {
		roles = r.inherit(roles, more)
	}
	return roles
}

func (r *userReader) checkRoles() {
	for _, name := range sortedKeys(r.roles) {
		for _, more := range r.roles[name] {
			if _, ok := r.roles[more]; !ok {
				r.faultf(r.root.pos, "role %q inherits %q, which is not defined; define it", shown(name), shown(more))
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
