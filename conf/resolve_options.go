package conf

import (
	"slices"
	"strings"
	"time"
)

// resolveOptions merges the option blocks of a service, option by option over
// those of service-defaults (§8).
func (l *loader) resolveOptions(n *node, s *Service) {
	defaults := l.root.one("service-defaults")
	a := settingsOf("accept-options", defaults.one("accept-options"), n.one("accept-options"))
	c := settingsOf("connect-options", defaults.one("connect-options"), n.one("connect-options"))
	s.AcceptOptions = l.acceptOptions(n, a)
	s.ConnectOptions = l.connectOptions(n, c)
}

func (l *loader) acceptOptions(n *node, s settings) AcceptOptions {
	o := AcceptOptions{
		Binds:               l.binds(n, s),
		MaximumMessageSize:  l.messageSize(n, s),
		InactivityTimeout:   s.interval("ws.inactivity.timeout"),
		ServerHeader:        s.on("http.server.header", "enabled"),
		MaximumOutboundRate: s.rate("tcp.maximum.outbound.rate"),
		TLS:                 l.tlsOptions(n, s),
		UDPInterface:        s.text("udp.interface"),
		ReusePort:           s.on("kz:tcp.reuse.port", "enabled"),
		HeaderMax:           s.size("kz:http.header.max"),
		ObsFold:             s.on("kz:http.obs-fold", "accept"),
		UTF8:                s.on("kz:ws.utf8", "on"),
		Compression:         s.on("kz:ws.compression", "enabled"),
		WSEStrict:           s.on("kz:wse.strict", "enabled"),
		CookieAPI:           s.on("kz:http.cookie.api", "compat"),
		MaximumPendingBytes: s.size("kz:maximum.pending.bytes"),
		KeepQuery:           s.on("kz:location.query", "keep"),
	}
	o.KeepaliveTimeout = l.keepalive(n, s, o.InactivityTimeout)
	if r := s.nodes["http.realm"]; r != nil && n.one("realm-name") != nil {
		l.errorf(r.pos, "O-5", "%s: <http.realm> %q and <realm-name> %q exclude each other; keep realm-name", l.service(n), shown(r.text), shown(n.one("realm-name").text))
	} else if r != nil {
		for _, name := range strings.Fields(r.text) {
			if l.realm(name) == nil {
				l.errorf(r.pos, "O-5", "%s: <http.realm> names realm %q, which is not defined; defined realms: %s", l.service(n), shown(name), l.realmNames())
			}
		}
	}
	return o
}

// messageSize is ws.maximum.message.size. 0 is neither "no message" nor "no
// limit" anywhere: the default stays, and that is said.
func (l *loader) messageSize(n *node, s settings) int64 {
	const tag = "ws.maximum.message.size"
	size := s.size(tag)
	if size == 0 {
		def := entry(s.block, tag).Default
		l.warnf(s.pos(tag), "KZ-5", "%s: <%s> 0 does not lift the limit, the default of %s stays; write the size of the largest message, such as 1M", l.service(n), tag, def)
		size, _ = parseSize(def)
	}
	return size
}

// keepalive is http.keepalive.timeout in whole seconds: 30 s when it is not
// set or 0, unless an inactivity timeout takes its place (§10.1).
func (l *loader) keepalive(n *node, s settings, inactivity time.Duration) time.Duration {
	d := wholeSeconds(s.interval("http.keepalive.timeout"))
	set := s.has("http.keepalive.timeout") && d > 0
	switch {
	case !set && inactivity > 0:
		return wholeSeconds(inactivity)
	case !set:
		return 30 * time.Second
	case d < inactivity:
		l.warnf(s.pos("http.keepalive.timeout"), "O-7", "%s: <http.keepalive.timeout> %v is shorter than <ws.inactivity.timeout> %v in <%s>; raise it", l.service(n), d, inactivity, s.block)
	}
	return d
}

func (l *loader) binds(n *node, s settings) map[string]Bind {
	binds := make(map[string]Bind)
	for tag, c := range s.nodes {
		scheme, ok := strings.CutSuffix(tag, ".bind")
		if !ok {
			continue
		}
		if b, err := parseBind(tag, c.text); err == nil {
			binds[scheme] = b
		}
	}
	l.uselessBinds(n, s)
	return binds
}

// uselessBinds tells of a service's own bind options that no accept uses.
func (l *loader) uselessBinds(n *node, s settings) {
	var used []string
	for _, a := range n.all("accept") {
		sch, _, _ := strings.Cut(a.text, "://")
		if sch = strings.ToLower(sch); sch == "tls" {
			sch = "ssl"
		}
		used = append(used, bindLayers[sch]...)
	}
	for _, tag := range sortedKeys(s.nodes) {
		c := s.nodes[tag]
		scheme, ok := strings.CutSuffix(tag, ".bind")
		if ok && c.parent.parent == n && !slices.Contains(used, scheme) {
			l.warnf(c.pos, "KZ-14", "%s: <%s> has no effect, no accept of the service uses it; remove it or bind the scheme that is accepted", l.service(n), c.tag())
		}
	}
}

var tlsProtocols = []string{"SSLv2Hello", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

func (l *loader) tlsOptions(n *node, s settings) TLSOptions {
	o := TLSOptions{
		Ciphers:      s.csv("ssl.ciphers"),
		Encryption:   s.on("ssl.encryption", "enabled"),
		VerifyClient: s.text("ssl.verify-client"),
	}
	if !s.has("ssl.protocols") {
		return o
	}
	at := s.pos("ssl.protocols")
	for _, p := range s.csv("ssl.protocols") {
		switch {
		case !slices.Contains(tlsProtocols, p):
			l.errorf(at, "E-4", "%s: %q is not a TLS version <ssl.protocols> takes; it takes %s", l.service(n), shown(p), list(tlsProtocols))
			return o
		case strings.HasPrefix(p, "SSL"):
			l.warnf(at, "KZ-5", "%s: <ssl.protocols> %s is broken and not spoken here; remove it", l.service(n), p)
		default:
			o.Protocols = append(o.Protocols, p)
		}
	}
	if len(o.Protocols) == 0 {
		l.errorf(at, "E-4", "%s: <ssl.protocols> leaves no version to speak; add TLSv1.2 or TLSv1.3", l.service(n))
	}
	return o
}

func (l *loader) connectOptions(n *node, s settings) ConnectOptions {
	o := ConnectOptions{
		Keepalive:            s.on("http.keepalive", "enabled"),
		KeepaliveConnections: s.integer("http.keepalive.connections"),
		InactivityTimeout:    s.interval("ws.inactivity.timeout"),
		MaximumRedirects:     s.integer("http.maximum.redirects"),
		AuthAttempts:         s.integer("http.max.authentication.attempts"),
		UDPInterface:         s.text("udp.interface"),
		TLS:                  l.tlsOptions(n, s),
	}
	o.KeepaliveTimeout = l.keepalive(n, s, o.InactivityTimeout)
	if s.has("http.keepalive.connections") && o.KeepaliveConnections == 0 {
		l.errorf(s.pos("http.keepalive.connections"), "O-6", "%s: <http.keepalive.connections> 0 keeps no connection; use a number above 0, or http.keepalive disabled", l.service(n))
	}
	if v := s.text("ws.version"); v == "draft-75" {
		l.errorf(s.pos("ws.version"), "KZ-3", "%s: <ws.version> draft-75 is not supported; use rfc6455", l.service(n))
	}
	return o
}
