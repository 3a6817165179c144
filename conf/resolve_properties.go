package conf

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// resolveProperties fills the typed block of the service's type (§12.1).
func (l *loader) resolveProperties(n *node, s *Service) {
	block := n.one("properties")
	p := settingsOf(findType(s.Type).block, block)
	switch s.Type {
	case "echo":
		s.Echo = &EchoProperties{Repeat: p.integer("repeat")}
	case "proxy", "amqp.proxy":
		l.resolveProxy(n, s, p)
	case "http.proxy":
		l.resolveHTTPProxy(n, s, p, block)
	case "directory":
		l.resolveDirectory(n, s, p, block)
	case "broadcast":
		l.resolveBroadcast(n, s, p)
	case "balancer":
		l.resolveBalancer(n, s, p)
	case "http.redirect":
		l.resolveRedirect(n, s, p)
	}
}

func (l *loader) resolveProxy(n *node, s *Service, p settings) {
	if c := p.nodes["connect"]; c != nil {
		if u, ok := l.serviceURI(n, c, findType(s.Type)); ok && !slices.Contains(s.Connects, u) {
			s.Connects = append(s.Connects, u)
		}
	}
	l.needConnect(n, s, p.has("connect"))
	s.Proxy = &ProxyProperties{
		MaximumPendingBytes:     p.size("maximum.pending.bytes"),
		MaximumRecoveryInterval: time.Duration(p.integer("maximum.recovery.interval")) * time.Second,
		PreparedConnections:     p.integer("prepared.connection.count"),
		ConnectStrategy:         p.text("connect.strategy"),
	}
	x := s.Proxy
	switch {
	case x.ConnectStrategy == "" && x.PreparedConnections > 0:
		x.ConnectStrategy = "prepared"
	case x.ConnectStrategy == "":
		x.ConnectStrategy = "immediate"
	case x.ConnectStrategy != "prepared" && x.PreparedConnections > 0:
		l.errorf(p.pos("connect.strategy"), "S-12", "%s: <connect.strategy> %s contradicts <prepared.connection.count> %d; use prepared, or remove the count", l.service(n), x.ConnectStrategy, x.PreparedConnections)
	}
}

func (l *loader) needConnect(n *node, s *Service, inProperties bool) {
	if len(n.all("connect")) == 0 && !inProperties {
		l.errorf(n.pos, "S-8", "%s: missing connect: a %s needs a back end; add <connect>", l.service(n), s.Type)
	}
}

func (l *loader) resolveHTTPProxy(n *node, s *Service, p settings, block *node) {
	s.HTTPProxy = &HTTPProxyProperties{
		RewriteCookieDomain: p.on("rewrite-cookie-domain", "enabled"),
		RewriteCookiePath:   p.on("rewrite-cookie-path", "enabled"),
		RewriteLocation:     p.on("rewrite-location", "enabled"),
		CookieDomains:       mappings(block.all("cookie-domain-mapping")),
		CookiePaths:         mappings(block.all("cookie-path-mapping")),
		Locations:           mappings(block.all("location-mapping")),
		UseForwarded:        p.text("use-forwarded"),
		CompatErrors:        p.on("kz:errors", "compat"),
		ConnectTimeout:      p.interval("kz:connect.timeout"),
		ResponseTimeout:     p.interval("kz:response.timeout"),
	}
	for _, a := range s.Accepts {
		l.slashed(a.Pos, n, "accept", a.URI)
	}
	for _, u := range s.Connects {
		l.slashed(n.one("connect").pos, n, "connect", u)
	}
}

func (l *loader) slashed(at Pos, n *node, kind string, u URI) {
	if !strings.HasSuffix(u.Path, "/") {
		l.errorf(at, "S-9", "%s: path %s of %s %s does not end in a slash; write %s/", l.service(n), u.Path, kind, u, u.Path)
	}
}

func mappings(nodes []*node) []Mapping {
	var out []Mapping
	for _, n := range nodes {
		from, _ := n.value("from")
		to, _ := n.value("to")
		out = append(out, Mapping{from, to})
	}
	return out
}

func (l *loader) resolveDirectory(n *node, s *Service, p settings, block *node) {
	d := &DirectoryProperties{
		WelcomeFile:   p.text("welcome-file"),
		ErrorPages:    filepath.Dir(l.cfg.WebDir),
		Indexes:       p.has("options"),
		Range:         p.on("kz:range", "on"),
		FollowLinks:   p.on("kz:symbolic-links", "follow"),
		ServeDotfiles: p.on("kz:dotfiles", "serve"),
	}
	s.Directory = d
	if p.has("directory") {
		d.Directory = l.webPath(n, p.nodes["directory"], l.cfg.WebDir)
	}
	if p.has("error-pages-directory") {
		d.ErrorPages = l.webPath(n, p.nodes["error-pages-directory"], d.ErrorPages)
	}
	if strings.ContainsAny(d.WelcomeFile, "/\\:;") || d.WelcomeFile == ".." {
		l.errorf(p.pos("welcome-file"), "S-10", "%s: <welcome-file> %q is not a file name; write the name without a directory, such as index.html", l.service(n), shown(d.WelcomeFile))
	}
	if l.ns.implicitLocation() { // first, so that a location with the same pattern counts more
		d.Locations = append(d.Locations, Location{[]string{"**/*"}, []CacheDirective{{Name: "max-age", HasValue: true}}, "max-age=0"})
	}
	for _, c := range block.all("location") {
		loc := settingsOf("location", c)
		if !loc.has("patterns") || !loc.has("cache-control") {
			continue
		}
		directives, _ := parseCacheControl(loc.text("cache-control"))
		d.Locations = append(d.Locations, Location{strings.Fields(loc.text("patterns")), directives, compact(loc.text("cache-control"))})
	}
}

func compact(s string) string { return strings.Join(strings.Fields(s), "") }

// webPath resolves a directory against base, even with a leading slash; only a
// file: URI is absolute.
func (l *loader) webPath(n, c *node, base string) string {
	text := filepath.FromSlash(c.text)
	u, err := url.Parse(c.text)
	switch {
	case err == nil && u.Scheme == "file" && u.Path != "" && (u.Host == "" || u.Host == "localhost"):
		return filepath.Clean(filepath.FromSlash(u.Path))
	case strings.Contains(c.text, "://") || err == nil && u.Scheme == "file":
		l.errorf(c.pos, "S-10", "%s: <%s> %q is not a file path; write a path below the web root, or file:///absolute/path", l.service(n), c.name, shown(c.text))
		return ""
	case escapes(text):
		l.errorf(c.pos, "S-10", "%s: <%s> %q leaves %s; write a path below it, or file:///absolute/path", l.service(n), c.name, shown(c.text), base)
		return ""
	}
	return filepath.Join(base, text)
}

// escapes reports whether a relative path climbs above its start.
func escapes(path string) bool {
	rel := strings.TrimLeft(path, string(os.PathSeparator))
	return rel != "" && !filepath.IsLocal(rel)
}

func (l *loader) resolveBroadcast(n *node, s *Service, p settings) {
	if len(s.Connects) == 0 {
		l.needConnect(n, s, p.has("accept"))
	}
	s.Broadcast = &BroadcastProperties{
		EchoClients:         p.on("on.client.message", "broadcast"),
		ReconnectDelay:      time.Duration(p.integer("reconnect.delay")) * time.Millisecond,
		DropOldest:          p.on("kz:slow.consumer", "drop-oldest"),
		MaximumPendingBytes: p.size("kz:maximum.pending.bytes"),
	}
}

func (l *loader) resolveBalancer(n *node, s *Service, p settings) {
	s.Balancer = &BalancerProperties{
		Mode:             p.text("kz:balancer.mode"),
		Policy:           p.text("kz:balancer.policy"),
		Affinity:         p.text("kz:balancer.affinity"),
		AffinityTTL:      p.interval("kz:affinity.ttl"),
		AffinitySameSite: p.text("kz:affinity.samesite"),
		AffinityDomain:   strings.ToLower(p.text("kz:affinity.domain")),
		None:             p.integer("kz:balancer.none"),
		Location:         p.text("kz:balancer.location"),
		KeepQuery:        p.on("kz:balancer.location.query", "keep"),
		Secure:           p.text("kz:balancer.secure"),
	}
	if domain := s.Balancer.AffinityDomain; domain != "" {
		l.checkDomain(n, s, p, domain)
	}
}

// checkDomain holds a cookie domain against protocol.md §4.6: two labels at
// least, no address, a suffix of every accept host.
func (l *loader) checkDomain(n *node, s *Service, p settings, domain string) {
	at := p.pos("kz:affinity.domain")
	if !strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") || strings.ContainsAny(domain, ":;, =/") || isAddress(domain) {
		l.errorf(at, "KZ-16", "%s: <kz:affinity.domain> %q is not a domain of at least two labels; write example.com", l.service(n), shown(domain))
		return
	}
	for _, a := range s.Accepts {
		if a.URI.Host != domain && !strings.HasSuffix(a.URI.Host, "."+domain) {
			l.errorf(at, "KZ-16", "%s: browsers refuse a cookie of domain %s from %s; use a domain that ends the host of %s", l.service(n), domain, a.URI.Host, a.URI)
		}
	}
}

func isAddress(host string) bool {
	_, ok := URI{Host: host}.Addr()
	return ok
}

func (l *loader) resolveRedirect(n *node, s *Service, p settings) {
	s.Redirect = &RedirectProperties{
		Location:     p.text("location"),
		CacheControl: p.text("cache-control"),
		Status:       p.integer("status-code"),
	}
	if !p.has("location") {
		return
	}
	if u, err := url.Parse(s.Redirect.Location); err != nil || s.Redirect.Location == "" || !isFieldValue(s.Redirect.Location) || u.Host == "" && u.Path == "" {
		l.errorf(p.pos("location"), "S-11", "%s: <location> %q is not a URI; write http://host/path", l.service(n), shown(s.Redirect.Location))
	}
}
