package httpproxy

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestMapPath(t *testing.T) {
	tests := []struct {
		prefix  string
		connect string
		escaped string
		path    string
		status  int
	}{
		{"", "/", "/", "/", 0},
		{"", "/", "/x", "/x", 0},
		{"", "/b/", "/x/y/", "/b/x/y/", 0},
		{"a", "/", "/a/", "/", 0},
		{"a", "/b/", "/a/", "/b/", 0},
		{"a", "/b/", "/a/x", "/b/x", 0},
		{"a", "/b/c/", "/a/x/", "/b/c/x/", 0},
		{"a", "/b/", "/%61/x", "/b/x", 0},
		{"a", "/b/", "/a/x%20y%3Fz", "/b/x%20y%3Fz", 0},
		{"a", "/b/", "//a///x//y", "/b/x/y", 0},
		{"a", "/b/", "/a/./x/.", "/b/x/", 0},
		{"a", "/b/", "/a/x/../y", "/b/y", 0},
		{"a", "/b/", "/a/x/y/../..", "/b/", 0},
		{"a", "/b/", "/a/%252e%252e/x", "/b/%252e%252e/x", 0},
		{"a/c", "/b/", "/a/c/x", "/b/x", 0},
		{"a", "/b/", "/a", "", 404},
		{"a", "/b/", "/ab/x", "", 404},
		{"a", "/b/", "/", "", 404},
		{"a", "/b/", "", "", 404},
		{"a", "/b/", "*", "", 404},
		{"a", "/b/", "/a/../b", "", 404},
		{"a", "/b/", "/a/../a/x", "", 404},
		{"a", "/b/", "/a/..", "", 404},
		{"a", "/b/", "/../", "", 404},
		{"a", "/b/", "/../a/x", "", 404},
		{"a", "/b/", "/a/x/../../a/y", "", 404},
		{"", "/b/", "/..", "", 404},
		{"", "/b/", "/x/../../y", "", 404},
		{"a/c", "/b/", "/a/x/../c/y", "", 404},
		{"a", "/b/", "/a/%2e%2e/x", "", 400},
		{"a", "/b/", "/a/x/.%2E/y", "", 400},
		{"a", "/b/", "/a/x%2fy", "", 400},
		{"a", "/b/", "/a/..%2f..", "", 400},
		{"a", "/b/", "/a/x%5cy", "", 400},
		{"a", "/b/", `/a/x\y`, "", 400},
		{"a", "/b/", "/a/x%00", "", 400},
		{"a", "/b/", "/a/..;v=1/x", "", 400},
		{"a", "/b/", "/a/%zz", "", 400},
	}
	for _, tt := range tests {
		got, status := mapPath(segments(tt.prefix), tt.connect, tt.escaped)
		if got != tt.path || status != tt.status {
			t.Errorf("mapPath(%q, %q, %q) = %q, %d, want %q, %d", tt.prefix, tt.connect, tt.escaped, got, status, tt.path, tt.status)
		}
	}
}

func segments(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '/' })
}

// However a path is written, what the back end gets lies below the connect
// path and means the same to a parser that resolves dot segments.
func FuzzMapPath(f *testing.F) {
	for _, s := range []string{"/a/x", "/a/../b", "/a/%2e%2e/", "/a/x/./..//y", "/a/..;/x", "/a/%5c", "/a/\xff", "/%61/", "a"} {
		f.Add(s)
	}
	prefix := []string{"a"}
	f.Fuzz(func(t *testing.T, escaped string) {
		got, status := mapPath(prefix, "/b/", escaped)
		if status != 0 {
			if got != "" || status != 400 && status != 404 {
				t.Errorf("mapPath(%q) = %q, %d", escaped, got, status)
			}
			return
		}
		rest, ok := strings.CutPrefix(got, "/b/")
		if !ok {
			t.Fatalf("mapPath(%q) = %q, outside /b/", escaped, got)
		}
		plain, err := url.PathUnescape(rest)
		if err != nil {
			t.Fatalf("mapPath(%q) = %q: %v", escaped, got, err)
		}
		parts := strings.Split(plain, "/")
		if slices.Contains(parts, "..") || slices.Contains(parts, ".") || slices.Contains(parts[:len(parts)-1], "") {
			t.Errorf("mapPath(%q) = %q, which has dot or empty segments", escaped, got)
		}
		again, status := mapPath(prefix, "/b/", "/a/"+rest)
		if status != 0 || again != got {
			t.Errorf("mapPath of %q = %q, %d, want it unchanged: %q", "/a/"+rest, again, status, got)
		}
	})
}

func TestRoutePrefersLongestThenHost(t *testing.T) {
	h, err := New(Options{Connect: parse(t, "http://b/"), Accepts: []*url.URL{
		parse(t, "http://one.test/a/"), parse(t, "https://two.test/a/"), parse(t, "http://one.test/a/deep/"), parse(t, "http://one.test:81/"),
	}})
	check(t, err)
	for _, tt := range []struct{ host, target, uri, path string }{
		{"one.test", "/a/x", "http://one.test/a/", "/x"},
		{"ONE.test:80", "/a/x", "http://one.test/a/", "/x"},
		{"two.test", "/a/x", "https://two.test/a/", "/x"},
		{"two.test:443", "/a/x", "https://two.test/a/", "/x"},
		{"other.test", "/a/x", "http://one.test/a/", "/x"},
		{"two.test", "/a/deep/x", "http://one.test/a/deep/", "/x"},
		{"one.test", "/y", "http://one.test:81/", "/y"},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Host = tt.host
		a, path, status := h.route(r)
		if status != 0 || a.uri != tt.uri || path != tt.path {
			t.Errorf("%s%s: got %v, %q, %d, want %s, %q", tt.host, tt.target, a, path, status, tt.uri, tt.path)
		}
	}
}
