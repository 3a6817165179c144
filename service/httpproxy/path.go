package httpproxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An accept is one external accept URI.
type accept struct {
	uri       string   // as configured, ends in a slash
	scheme    string   // http or https
	authority string   // lower-case host:port, port never missing
	host      string   // lower-case, without port
	path      string   // escaped, ends in a slash
	segments  []string // decoded, without empty ones
}

func newAccept(u *url.URL) accept {
	a := accept{
		uri: u.String(), scheme: u.Scheme, authority: authority(u.Scheme, u.Host),
		host: strings.ToLower(u.Hostname()), path: u.EscapedPath(),
	}
	for s := range strings.SplitSeq(u.Path, "/") {
		if s != "" {
			a.segments = append(a.segments, s)
		}
	}
	return a
}

// authority is host with the scheme's default port added, in lower case.
func authority(scheme, host string) string {
	u := url.URL{Host: strings.ToLower(host)}
	if u.Port() != "" {
		return u.Host
	}
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return strings.TrimSuffix(u.Host, ":") + port
}

// route finds the accept URI a request came in by, the longest path first and
// among equals the one named by Host, and the back end's path for it.
func (h *Handler) route(r *http.Request) (best *accept, path string, status int) {
	status = http.StatusNotFound
	for i := range h.accepts {
		a := &h.accepts[i]
		p, s := mapPath(a.segments, h.connect.EscapedPath(), r.URL.EscapedPath())
		if s != 0 {
			if best == nil {
				status = s
			}
			continue
		}
		longer := best == nil || len(a.segments) > len(best.segments)
		same := best != nil && len(a.segments) == len(best.segments)
		if longer || same && a.authority == authority(a.scheme, r.Host) && best.authority != authority(best.scheme, r.Host) {
			best, path, status = a, p, 0
		}
	}
	return best, path, status
}

// mapPath replaces the accept path by the connect path, both of which end in a
// slash. Empty and "." segments vanish, ".." ones are resolved here: the back
// end sees neither. Status is 404 for a path outside the accept path, at its end
// or at any point on the way, and 400 for what no two parsers read alike: a
// segment that decodes to a slash, backslash or NUL, and ".." disguised by
// escapes or a path parameter (protocol.md §1.1, §8.2).
func mapPath(prefix []string, connect, escaped string) (path string, status int) {
	rest, rooted := strings.CutPrefix(escaped, "/")
	if !rooted {
		return "", http.StatusNotFound
	}
	var names, raw []string
	slash := false
	for s := range strings.SplitSeq(rest, "/") {
		name, err := url.PathUnescape(s)
		if err != nil || strings.ContainsAny(name, "/\\\x00") || strings.HasPrefix(name, "..;") || name == ".." && s != ".." {
			return "", http.StatusBadRequest
		}
		slash = name == "" || name == "." || name == ".."
		switch {
		case name == "..":
			if len(names) <= len(prefix) {
				return "", http.StatusNotFound
			}
			names, raw = names[:len(names)-1], raw[:len(raw)-1]
		case !slash:
			names, raw = append(names, name), append(raw, s)
		}
	}
	n := len(prefix)
	if len(names) < n || !slices.Equal(names[:n], prefix) || len(names) == n && !slash {
		return "", http.StatusNotFound
	}
	path = connect + strings.Join(raw[n:], "/")
	if slash && len(names) > n {
		path += "/"
	}
	return path, 0
}
