package conf

import (
	"slices"
	"strings"
)

// A claim is one accept of one running service on its socket.
type claim struct {
	s      *Service
	a      *Accept
	socket string // of a.Bind
}

// checkSockets is B-1, B-2, T-6, T-7, T-8 and KZ-1: what accepts of one socket
// may share (§6.2). Host names are compared as written.
func (l *loader) checkSockets() {
	byPort := make(map[int][]claim)
	for _, s := range l.cfg.Services {
		if s.Tolerated != "" {
			continue
		}
		for _, a := range s.Accepts {
			c := claim{s, a, a.Bind.Socket()}
			for _, other := range byPort[a.Bind.Port] {
				if overlap(other, c) && l.clash(other, c) {
					break
				}
			}
			byPort[a.Bind.Port] = append(byPort[a.Bind.Port], c)
			if a.TLS {
				l.checkTLSAccept(c)
			}
			if raw(a.URI) && s.Protected {
				l.errorf(a.Pos, "KZ-11", "service %q: accept %s: realm %q cannot protect it, a %s client cannot be asked for credentials; use ws, or a service without realm", shown(s.Name), a.URI, shown(s.RealmName), a.URI.Scheme)
			}
		}
		l.checkTLSConnects(s)
	}
}

// checkTLSConnects refuses TLS towards back ends that event loops speak to.
// http.proxy has a client of its own.
func (l *loader) checkTLSConnects(s *Service) {
	if s.Type == "http.proxy" || !s.ConnectOptions.TLS.Encryption {
		return
	}
	for _, u := range s.Connects {
		if u.Secure() {
			l.errorf(s.Pos, "KZ-1", "service %q: connect %s: TLS back ends of a %s are not served yet; begin TLS behind the gateway and set ssl.encryption to disabled in connect-options", shown(s.Name), u, s.Type)
		}
	}
}

// overlap reports whether two accepts may meet on one address.
func overlap(a, b claim) bool {
	if (a.a.URI.Scheme == "udp") != (b.a.URI.Scheme == "udp") {
		return false
	}
	return a.socket == b.socket || a.a.Bind.Any() || b.a.Bind.Any()
}

func raw(u URI) bool { return u.Scheme == "tcp" || u.Scheme == "ssl" || u.Scheme == "udp" }

// socketUse names what a socket carries for an accept.
func socketUse(c claim) string {
	switch {
	case c.a.TLS:
		return "TLS"
	case c.a.URI.Secure():
		return "TLS ended in front"
	}
	return "plain traffic"
}

// clash reports two accepts that cannot share the socket they meet on.
func (l *loader) clash(first, c claim) bool {
	a, b := first.a, c.a
	switch {
	case raw(a.URI) || raw(b.URI):
		l.errorf(b.Pos, "B-1", "services %q and %q meet on %s: %s and %s cannot share a socket, a raw %s takes all its bytes; use different ports", shown(first.s.Name), shown(c.s.Name), b.Bind, a.URI, b.URI, rawOf(a.URI, b.URI))
	case socketUse(first) != socketUse(c):
		l.errorf(b.Pos, "B-2", "%s carries %s for service %q and %s for service %q; use different ports", b.Bind, socketUse(first), shown(first.s.Name), socketUse(c), shown(c.s.Name))
	case sameKey(a.URI, b.URI) && a.URI == b.URI:
		l.errorf(b.Pos, "B-1", "services %q and %q both accept %s on %s; give one of them another host, port or path", shown(first.s.Name), shown(c.s.Name), b.URI, b.Bind)
	case sameKey(a.URI, b.URI):
		l.errorf(b.Pos, "B-1", "services %q and %q accept %s and %s on %s, which take the same requests; give one of them another path", shown(first.s.Name), shown(c.s.Name), a.URI, b.URI, b.Bind)
	case a.TLS:
		return l.unequalTLS(first, c)
	default:
		return false
	}
	return true
}

func rawOf(a, b URI) string {
	if raw(a) {
		return a.Scheme
	}
	return b.Scheme
}

// sameKey compares the matching keys of §6.3: kind, authority, and path up to
// a trailing slash.
func sameKey(a, b URI) bool {
	kind := func(u URI) bool { return u.Scheme == "ws" || u.Scheme == "wss" }
	return kind(a) == kind(b) && a.Host == b.Host && a.Port == b.Port &&
		strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/")
}

// unequalTLS is T-7.
func (l *loader) unequalTLS(first, c claim) bool {
	x, y := first.s.AcceptOptions.TLS, c.s.AcceptOptions.TLS
	for _, o := range []struct{ name, x, y string }{
		{"ssl.verify-client", x.VerifyClient, y.VerifyClient},
		{"ssl.ciphers", list(x.Ciphers), list(y.Ciphers)},
		{"ssl.protocols", list(x.Protocols), list(y.Protocols)},
	} {
		if o.x != o.y {
			l.errorf(c.a.Pos, "T-7", "accept %s of service %q and %s of service %q share %s but differ in %s: %q / %q; make them equal or use different ports", first.a.URI, shown(first.s.Name), c.a.URI, shown(c.s.Name), c.a.Bind, o.name, o.x, o.y)
			return true
		}
	}
	return false
}

func (l *loader) checkTLSAccept(c claim) {
	l.errorf(c.a.Pos, "KZ-1", "service %q: accept %s: TLS accepts are not served yet; end TLS in front of the gateway and set ssl.encryption to disabled", shown(c.s.Name), c.a.URI)
	switch {
	case l.cfg.KeyStore == nil:
		l.errorf(c.a.Pos, "T-6", "service %q: accept %s: there is no key store with a certificate for %q; add <security> with a <keystore>", shown(c.s.Name), c.a.URI, c.a.URI.Host)
	case c.s.AcceptOptions.TLS.VerifyClient != "none" && l.cfg.TrustStore == nil:
		l.warnf(c.a.Pos, "T-8", "service %q: accept %s asks for client certificates but there is no <truststore>; the system's roots will be trusted", shown(c.s.Name), c.a.URI)
	}
}

// checkUse looks at stores, realms and user files in the light of who uses
// them: what nobody needs is a warning (§13).
func (l *loader) checkUse() {
	keys, trust := false, false
	for _, s := range l.cfg.Services {
		for _, a := range s.Accepts {
			keys = keys || a.TLS && s.Tolerated == ""
			trust = trust || a.TLS && s.AcceptOptions.TLS.VerifyClient != "none"
		}
		for _, u := range s.Connects {
			trust = trust || u.Secure() && s.Tolerated == ""
		}
	}
	sec := l.root.one("security")
	l.checkStore("key store", l.cfg.KeyStore, sec.one("keystore"), keys)
	l.checkStore("trust store", l.cfg.TrustStore, sec.one("truststore"), trust)
	l.checkRealms()
}

func (l *loader) checkStore(what string, st *Store, n *node, needed bool) {
	if st == nil || st.File == "" {
		return
	}
	severity, unused := Error, ""
	if !needed {
		severity, unused = Warning, " (nothing uses the store)"
	}
	if !st.Present {
		l.add(st.Pos, "T-2", severity, "%s %s cannot be read%s; create it or correct <file>", what, st.File, unused)
		return
	}
	if pw, ok := n.value("password-file"); ok && st.Password == "" {
		l.add(st.Pos, "T-3", severity, "password file %s of the %s is missing or empty%s; its first line is the password", l.path(pw), what, unused)
	}
	switch {
	case st.Detected == "":
		l.add(st.Pos, "T-4", severity, "%s %s is of no known type, declared: %s%s; use JKS, JCEKS, PKCS12 or PEM", what, st.File, orNone(st.Type), unused)
	case what == "trust store" && needed && st.Detected == "PKCS12":
		l.errorf(st.Pos, "T-4", "trust store %s is a PKCS12 store, which is not read yet; export its certificates as PEM or JKS", st.File)
	case st.Type != "" && st.Type != st.Detected:
		l.warnf(st.Pos, "T-4", "%s %s is declared %s but is %s, and is read as that; correct <type>", what, st.File, st.Type, st.Detected)
	}
}

func (l *loader) checkRealms() {
	protects := make(map[*Realm]*Service)
	for _, s := range l.cfg.Services {
		if s.Protected && s.Tolerated == "" {
			protects[s.Realm] = s
			if s.Realm.Unsupported != "" {
				l.errorf(s.Pos, "KZ-11", "service %q cannot be protected by realm %q: %s", shown(s.Name), shown(s.Realm.Name), s.Realm.Unsupported)
			}
		}
	}
	byUse := slices.Clone(l.cfg.Realms)
	slices.SortStableFunc(byUse, func(a, b *Realm) int {
		switch ua, ub := protects[a] != nil, protects[b] != nil; {
		case ua == ub:
			return 0
		case ua:
			return -1
		}
		return 1
	})
	for _, r := range byUse {
		severity := Warning
		if protects[r] != nil {
			severity = Error
		} else if r.Unsupported != "" {
			l.warnf(r.Pos, "KZ-11", "realm %q protects no service, and could not: %s", shown(r.Name), r.Unsupported)
		}
		for _, m := range r.Modules {
			if m.File != "" {
				m.Users = l.loadUsers(m.File, l.userFiles[m], severity)
			}
		}
	}
}
