package httpproxy

import (
	"net/http"
	"net/url"
	"strings"
)

// A rewriter turns the back end's names for itself into the gateway's. It is
// immutable.
type rewriter struct {
	location, domain, path    bool
	locations, domains, paths []Mapping

	scheme, authority, host string // of the connect URI
	base                    string // escaped path of the connect URI, ends in a slash
}

func newRewriter(o *Options) rewriter {
	c := o.Connect
	return rewriter{
		location: !o.KeepLocation, domain: o.RewriteCookieDomain, path: o.RewriteCookiePath,
		locations: o.LocationMappings, domains: o.CookieDomainMappings, paths: o.CookiePathMappings,
		scheme: c.Scheme, authority: authority(c.Scheme, c.Host), host: strings.ToLower(c.Hostname()), base: c.EscapedPath(),
	}
}

// response rewrites Location and Set-Cookie in place.
func (rw *rewriter) response(head http.Header, a *accept) {
	if locations := head["Location"]; rw.location {
		for i := range locations {
			locations[i] = rw.mapLocation(locations[i], a)
		}
	}
	if rw.domain || rw.path {
		cookies := head["Set-Cookie"]
		for i := range cookies {
			cookies[i] = rw.mapCookie(cookies[i], a)
		}
	}
}

// mapLocation replaces the connect URI at the front of a Location by the accept
// URI: an absolute one as a whole, a path-absolute one in its path.
func (rw *rewriter) mapLocation(location string, a *accept) string {
	for _, m := range rw.locations {
		if rest, ok := strings.CutPrefix(location, m.From); ok && m.From != "" {
			return m.To + rest
		}
	}
	if strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//") {
		if rest, ok := strings.CutPrefix(location, rw.base); ok {
			return a.path + rest
		}
		return location
	}
	u, err := url.Parse(location)
	if err != nil || !strings.EqualFold(u.Scheme, rw.scheme) || authority(rw.scheme, u.Host) != rw.authority || u.User != nil {
		return location
	}
	// What follows the authority is kept as the back end wrote it.
	_, rest, _ := strings.Cut(location, "://")
	rest = rest[len(u.Host):]
	if rest == "" || rest[0] != '/' {
		rest = "/" + rest
	}
	if rest, ok := strings.CutPrefix(rest, rw.base); ok {
		return a.uri + rest
	}
	return location
}

// mapCookie rewrites the Domain and Path attributes of one Set-Cookie value.
func (rw *rewriter) mapCookie(cookie string, a *accept) string {
	parts := strings.Split(cookie, ";")
	kept := parts[:1]
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		mapped := value
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "domain":
			if rw.domain {
				mapped = rw.mapDomain(strings.TrimSpace(value), a)
			}
		case "path":
			if rw.path {
				mapped = rw.mapPath(strings.TrimSpace(value), a)
			}
		default:
			kept = append(kept, part)
			continue
		}
		if mapped == value {
			kept = append(kept, part)
		} else if mapped != "" {
			kept = append(kept, name+"="+mapped)
		}
	}
	return strings.Join(kept, ";")
}

func (rw *rewriter) mapDomain(domain string, a *accept) string {
	bare := strings.TrimPrefix(domain, ".")
	for _, m := range rw.domains {
		if strings.EqualFold(bare, strings.TrimPrefix(m.From, ".")) {
			return m.To
		}
	}
	if strings.EqualFold(bare, rw.host) {
		return a.host
	}
	return domain
}

func (rw *rewriter) mapPath(path string, a *accept) string {
	for _, m := range rw.paths {
		if to, ok := replacePrefix(path, m.From, m.To); ok {
			return to
		}
	}
	if to, ok := replacePrefix(path, rw.base, a.path); ok {
		return to
	}
	return path
}

// replacePrefix replaces from at the front of a path, when a segment ends there.
func replacePrefix(path, from, to string) (string, bool) {
	if path+"/" == from {
		path = from
	}
	rest, ok := strings.CutPrefix(path, from)
	if !ok || from == "" || rest != "" && rest[0] != '/' && !strings.HasSuffix(from, "/") {
		return "", false
	}
	if strings.HasSuffix(from, "/") && !strings.HasSuffix(to, "/") && rest != "" {
		to += "/"
	}
	return to + rest, true
}
