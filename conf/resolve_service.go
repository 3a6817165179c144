package conf

import (
	"errors"
	"slices"
	"strings"
)

func (l *loader) typeOf(n *node) *serviceType {
	name, _ := n.value("type")
	return findType(name)
}

func (l *loader) resolveServices() {
	for _, n := range l.root.all("service") {
		if s := l.resolveService(n); s != nil {
			l.cfg.Services = append(l.cfg.Services, s)
		} else {
			l.unsure = true
		}
	}
}

// checkType is X-4, S-5 and the tolerated types of §12. It gives nil when the
// service cannot be looked at any further.
func (l *loader) checkType(n *node) *serviceType {
	name, ok := n.value("type")
	if !ok {
		return nil
	}
	at := n.one("type").pos
	t := findType(name)
	switch {
	case name == "session":
		l.errorf(at, "X-4", "%s: type %q no longer exists; remove the service", l.service(n), name)
	case strings.HasSuffix(name, "-extension") || strings.HasPrefix(name, "class:"):
		l.errorf(at, "S-5", "%s: Unrecognized service type: %s; services written in Java cannot be loaded, supported: %s", l.service(n), shown(name), knownTypes())
	case t == nil || t.state == Refused:
		l.errorf(at, "S-5", "%s: Unrecognized service type: %s; type %q is not supported; supported: %s", l.service(n), shown(name), shown(name), knownTypes())
	case t.state == Ignored && l.o.Strict:
		l.errorf(at, "KZ-4", "%s: Unrecognized service type: %s; type %q is not available in kzfast (%s) and -strict is set; remove the service", l.service(n), name, name, t.note)
	case t.state == Ignored:
		l.warnf(at, "KZ-4", "%s: Unrecognized service type: %s; type %q is not available in kzfast (%s); the service is not started", l.service(n), name, name, t.note)
		return t
	default:
		return t
	}
	return nil
}

func (l *loader) resolveService(n *node) *Service {
	t := l.checkType(n)
	if t == nil {
		return nil
	}
	s := &Service{Type: t.name, Pos: n.pos, Weight: 1}
	if t.state == Ignored {
		s.Tolerated = t.note
	}
	s.Name, _ = n.value("name")
	s.Description, _ = n.value("description")
	s.Weight = settingsOf("service", n).integer("kz:weight")
	l.resolveOptions(n, s)
	l.resolveAccepts(n, s, t)
	if t.connect != none {
		s.Connects = l.serviceURIs(n, "connect", t, nil)
	}
	if t.name == "balancer" && len(n.all("balance")) > 0 {
		// E-8 would say the same with less reason.
		l.errorf(n.one("balance").pos, "H-6", "%s: a balancer cannot stand behind another balancer; remove <balance>", l.service(n))
	} else {
		s.Balances = l.serviceURIs(n, "balance", t, func(u URI, c *node) { l.balances[use{s, u}] = c.pos })
	}
	l.resolveAccess(n, s)
	if s.Tolerated == "" {
		l.resolveProperties(n, s)
		l.resolveMIME(n, s)
	}
	return s
}

// resolveAccepts reads accept URIs and gives each its socket.
func (l *loader) resolveAccepts(n *node, s *Service, t *serviceType) {
	seen := make(map[URI]bool)
	for _, c := range n.all("accept") {
		u, ok := l.serviceURI(n, c, t)
		if !ok {
			continue
		}
		if seen[u] {
			l.repeated(n, c, u)
			continue
		}
		seen[u] = true
		a := &Accept{URI: u, Bind: bindFor(u, s.AcceptOptions.Binds), Pos: c.pos}
		a.TLS = u.Secure() && s.AcceptOptions.TLS.Encryption
		s.Accepts = append(s.Accepts, a)
	}
}

// serviceURI reads one URI of a service and holds its scheme against the type.
func (l *loader) serviceURI(n, c *node, t *serviceType) (URI, bool) {
	u, ok := l.checkedURI(n, c, t)
	l.unsure = l.unsure || !ok
	return u, ok
}

func (l *loader) checkedURI(n, c *node, t *serviceType) (URI, bool) {
	if c.bad {
		return URI{}, false
	}
	u, err := ParseURI(c.text)
	var fault *uriError
	if errors.As(err, &fault) {
		l.errorf(c.pos, fault.rule, "%s: %s %v", l.service(n), c.name, err)
		return URI{}, false
	}
	if c.name != "connect" {
		if u.Path, err = matchPath(u.Path); err != nil {
			l.errorf(c.pos, "U-1", "%s: %s %s: %v", l.service(n), c.name, shown(c.text), err)
			return URI{}, false
		}
	}
	allowed := t.accepts
	if c.name == "connect" {
		allowed = t.connects
	}
	if c.name == "accept" && u.Query != "" {
		l.errorf(c.pos, "U-6", "%s: accept %s has a query; remove it, requests match with any query", l.service(n), u)
		return URI{}, false
	}
	if t.name == "balancer" && c.name == "accept" && !slices.Contains(balancerSchemes, u.Scheme) {
		l.errorf(c.pos, "H-7", "balancer %s: Invalid protocol in the balancer: %s: cannot balance scheme %s (%s); use ws, wss, http, https or sse", quotedName(n), u.Scheme, u.Scheme, u)
		return URI{}, false
	}
	if c.name != "balance" && allowed != nil && !slices.Contains(allowed, u.Scheme) {
		l.errorf(c.pos, "U-3", "%s: type %q cannot %s %s: scheme %s is not supported there; use one of: %s", l.service(n), t.name, c.name, u, u.Scheme, list(allowed))
		return URI{}, false
	}
	return u, true
}

func quotedName(n *node) string {
	name, _ := n.value("name")
	return `"` + shown(name) + `"`
}

var balancerSchemes = []string{"ws", "wss", "http", "https", "sse", "sse+ssl"}

// serviceURIs reads all children of that tag, without repetitions, and tells
// each once.
func (l *loader) serviceURIs(n *node, tag string, t *serviceType, told func(URI, *node)) []URI {
	var out []URI
	seen := make(map[URI]bool)
	for _, c := range n.all(tag) {
		u, ok := l.serviceURI(n, c, t)
		switch {
		case !ok:
		case seen[u]:
			l.repeated(n, c, u)
		default:
			out, seen[u] = append(out, u), true
			if told != nil {
				told(u, c)
			}
		}
	}
	return out
}

func (l *loader) repeated(n, c *node, u URI) {
	l.warnf(c.pos, "KZ-7", "%s: %s %s is written twice and counts once; remove one", l.service(n), c.name, u)
}
