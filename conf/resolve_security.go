package conf

import (
	"bytes"
	"strings"
)

func (l *loader) resolveSecurity() {
	sec := l.root.one("security")
	if sec == nil {
		return
	}
	l.cfg.KeyStore = l.resolveStore(sec.one("keystore"))
	l.cfg.TrustStore = l.resolveStore(sec.one("truststore"))
	first := make(map[string]int)
	for _, n := range sec.all("realm") {
		r := l.resolveRealm(n)
		if line := first[r.Name]; line != 0 && r.Name != "" {
			l.errorf(n.pos, "T-1", "realm name %q is used twice (also at line %d); rename one", shown(r.Name), line)
			continue
		}
		first[r.Name] = n.pos.Line
		l.cfg.Realms = append(l.cfg.Realms, r)
	}
}

// resolveStore looks at the file of a store, not into it. Faults are reported
// by checkUse, which knows whether anything needs the store.
func (l *loader) resolveStore(n *node) *Store {
	if n == nil {
		return nil
	}
	s := settingsOf(n.name, n)
	st := &Store{Type: s.text("type"), Pos: n.pos}
	if !s.has("file") {
		return st
	}
	st.File = l.path(s.text("file"))
	if data, err := readFile(st.File); err == nil {
		st.Present = true
		st.Detected = detectStore(data)
	}
	if pw := s.text("password-file"); pw != "" {
		st.Password = l.password(l.path(pw))
	}
	return st
}

// detectStore tells the format of a store by its first bytes (§13.1).
func detectStore(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "JKS"
	case bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce}):
		return "JCEKS"
	case bytes.HasPrefix(data, []byte{0x30}):
		return "PKCS12"
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return "PEM"
	}
	return ""
}

// password is the first line of a file; "" when there is none.
func (l *loader) password(path string) string {
	data, err := readFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSuffix(line, "\r")
}

func (l *loader) resolveRealm(n *node) *Realm {
	r := &Realm{Pos: n.pos}
	r.Name, _ = n.value("name")
	r.Description, _ = n.value("description")
	a := n.one("authentication")
	s := settingsOf("authentication", a)
	r.Scheme = s.text("http-challenge-scheme")
	r.Mode = "challenge"
	r.SessionTimeout = wholeSeconds(s.interval("session-timeout"))
	r.Headers = texts(a.all("http-header"))
	r.QueryParams = texts(a.all("http-query-parameter"))
	r.Cookies = texts(a.all("http-cookie"))
	if s.has("authorization-mode") && !s.on("authorization-mode", "challenge") {
		l.warnf(s.pos("authorization-mode"), "KZ-5", "<authorization-mode> %s is treated as challenge; remove it", s.text("authorization-mode"))
	}
	for _, m := range a.one("login-modules").all("login-module") {
		if lm := l.resolveModule(m); lm != nil {
			r.Modules = append(r.Modules, lm)
		}
	}
	r.Unsupported = unsupported(r)
	return r
}

func texts(nodes []*node) []string {
	var out []string
	for _, n := range nodes {
		if !n.bad {
			out = append(out, n.text)
		}
	}
	return out
}

// unsupported says why a realm cannot protect anything yet; "" when it can.
func unsupported(r *Realm) string {
	switch r.Scheme {
	case "Basic", "Application Basic":
	case "":
		return "it has no http-challenge-scheme; use Basic or Application Basic"
	default:
		return "challenge scheme " + r.Scheme + " is not supported; use Basic or Application Basic"
	}
	if len(r.Modules) == 0 {
		return "it has no login module; add one of type file"
	}
	for _, m := range r.Modules {
		if m.Type != "file" {
			return "login module " + m.Type + " is not supported; use file"
		}
	}
	return ""
}

var moduleTypes = []string{"file", "ldap", "keystore", "jndi"}

func (l *loader) resolveModule(n *node) *LoginModule {
	typ, ok := n.value("type")
	if !ok {
		return nil
	}
	m := &LoginModule{Type: typ, Pos: n.pos, Options: make(map[string]string)}
	m.Success, _ = n.value("success")
	for _, o := range n.one("options").kids() {
		m.Options[o.name] = o.text
	}
	switch typ {
	case "file":
		l.resolveFileModule(n, m)
	case "ldap", "keystore", "jndi":
		if typ == "ldap" && n.one("options") == nil {
			l.errorf(n.pos, "E-3", "login module ldap needs <options>; add them")
		}
	default:
		if class, ok := strings.CutPrefix(typ, "class:"); ok {
			l.errorf(n.pos, "T-10", "login module class %q: modules written in Java are not supported; use one of: %s", shown(class), list(moduleTypes))
			return nil
		}
		l.errorf(n.pos, "T-9", "login module type %q is not known; it takes: %s", shown(typ), list(moduleTypes))
		return nil
	}
	return m
}

// kids gives the children of a node that may be nil.
func (n *node) kids() []*node {
	if n == nil {
		return nil
	}
	return n.children
}

func (l *loader) resolveFileModule(n *node, m *LoginModule) {
	s := settingsOf("options of module file", n.one("options"))
	if o := s.nodes["file"]; o != nil && o.name == "filename" {
		l.warnf(o.pos, "KZ-5", "<filename> is read as <file>; rename it")
	}
	if !s.has("file") {
		l.errorf(n.pos, "E-3", "login module file needs <options> with a <file>; name the user file")
		return
	}
	m.Options["file"] = s.text("file")
	m.File = l.path(s.text("file"))
	l.userFiles[m] = s.pos("file")
}
