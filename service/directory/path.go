package directory

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A target is a request path in the terms of the base directory.
type target struct {
	name    string // slash-separated, without dot segments; "." is the base itself
	escaped string // the request path, prefix included, without trailing slash, safe in a Location
	slash   bool   // the request path ended in a slash
	hidden  bool   // some element of name begins with a dot
	depth   int    // elements of name
}

// resolve maps an escaped request path below prefix. Status is 0, 404 for a
// path outside the prefix, or 400 for one that cannot name a file: a ".."
// segment in any spelling, or a segment that decodes to a slash, backslash or
// NUL (protocol.md §1.1, §8.1). Empty and "." segments vanish.
func resolve(prefix []string, escaped string) (t target, status int) {
	t.slash = escaped == "" || strings.HasSuffix(escaped, "/")
	var names, raw []string
	for s := range strings.SplitSeq(escaped, "/") {
		name, err := url.PathUnescape(s)
		if err != nil || name == ".." || strings.ContainsAny(name, "/\\\x00") {
			return target{}, http.StatusBadRequest
		}
		if name == "" || name == "." {
			continue
		}
		names = append(names, name)
		raw = append(raw, s)
	}
	if len(names) < len(prefix) || !slices.Equal(names[:len(prefix)], prefix) {
		return target{}, http.StatusNotFound
	}
	t.escaped = "/" + strings.Join(raw, "/")
	names = names[len(prefix):]
	t.depth = len(names)
	t.hidden = slices.ContainsFunc(names, func(s string) bool { return s[0] == '.' })
	t.name = "."
	if len(names) > 0 {
		t.name = strings.Join(names, "/")
	}
	return t, 0
}
