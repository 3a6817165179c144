package directory

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"**/*", "a.html", true},
		{"**/*", "a/b/c.html", true},
		{"**/*.js", "a.js", true},
		{"**/*.js", "d/e/a.js", true},
		{"**/*.js", "a.jsx", false},
		{"*.js", "a.js", true},
		{"*.js", "d/a.js", false},
		{"/*.js", "a.js", true},
		{"img/", "img/a/b.png", true},
		{"img/**", "img/a.png", true},
		{"img/**", "image/a.png", false},
		{"a?c", "abc", true},
		{"a?c", "a/c", false},
		{"[ab].txt", "a.txt", false},
		{"[ab].txt", "[ab].txt", true},
		{"{a,b}.txt", "a.txt", false},
		{"{a,b}.txt", "{a,b}.txt", true},
		{`a\*`, "a*", false},
		{`a\*`, `a\b`, true},
		{"d/***/x", "d/e/f/x", true},
		{"index.html", "index.html", true},
		{"index.html", "d/index.html", false},
	}
	for _, tt := range tests {
		r := newRule(tt.pattern, nil)
		if got := doublestar.MatchUnvalidated(r.glob, tt.name); got != tt.want {
			t.Errorf("%q (as %q) matches %q = %v, want %v", tt.pattern, r.glob, tt.name, got, tt.want)
		}
	}
}

func TestMostSpecificPatternWins(t *testing.T) {
	locations := []Location{
		{[]string{"index.html"}, "exact"},
		{[]string{"img/**", "media/**"}, "below"},
		{[]string{"**/*.js", "**/*.css"}, "kind"},
		{[]string{"**/*"}, "all"},
		{[]string{"img/*.png"}, "kind-there"},
		{[]string{"same/*.a"}, "first"},
		{[]string{"same/*.a"}, "last"},
		{[]string{"**/?.txt"}, "one"},
		{[]string{"**/*.txt"}, "any"},
	}
	h := newHandler(t, Options{FS: fstest.MapFS{}, Locations: locations})
	for name, want := range map[string]string{
		"index.html": "exact", "d/index.html": "all", "img/a.png": "kind-there", "img/d/a.png": "below",
		"media/x": "below", "a.js": "kind", "d/a.css": "kind", "same/x.a": "last", "a.txt": "one", "ab.txt": "any",
	} {
		p := h.policy(name)
		if p == nil || p.directives[0].name != want {
			t.Errorf("policy(%q) = %v, want %s", name, p, want)
		}
	}
	if p := newHandler(t, Options{FS: fstest.MapFS{}, Locations: locations[:1]}).policy("other"); p != nil {
		t.Errorf("no match: got %v, want none", p)
	}
}

func TestCacheControl(t *testing.T) {
	const now = 1000000
	tests := []struct {
		setting string
		age     int64 // of the file, seconds
		control string
		expires int64 // seconds from now, -1 = absent
	}{
		{"no-cache", 0, "no-cache", -1},
		{"public, max-age=60", 0, "public, max-age=60", 60},
		{"max-age=0", 0, "max-age=0", 0},
		{"max-age=2m", 0, "max-age=120", 120},
		{"max-age=1.5 min", 0, "max-age=90", 90},
		{"max-age=500ms", 0, "max-age=0", 0},
		{"max-age=1h, must-revalidate", 0, "max-age=3600, must-revalidate", 3600},
		{"max-age=1 day", 0, "max-age=86400", 86400},
		{"max-age=1w", 0, "max-age=604800", 604800},
		{"max-age=1 Year", 0, "max-age=31536000", 31536000},
		{"max-age=100000 years", 0, "max-age=2147483647", 2147483647},
		{"max-age=m+100", 30, "max-age=70", 70},
		{"max-age=m+100", 100, "max-age=0", 0},
		{"max-age=m+100", 500, "max-age=0", 0},
		{"max-age=m+1m", 0, "max-age=60", 60},
		{"max-age=50,max-age=m+100", 30, "max-age=50", 50},
		{"max-age=50,max-age=m+100", 80, "max-age=20", 20},
		{"max-age=m+100, private, max-age=50", 80, "max-age=20, private", 20},
		{"max-age=9,max-age=5", 0, "max-age=5", 5},
		{"s-maxage=m+10, max-age=3", 4, "s-maxage=6, max-age=3", 3},
		{"Max-Age=7", 0, "max-age=7", 7},
	}
	for _, tt := range tests {
		p, err := parsePolicy(tt.setting)
		if err != nil {
			t.Errorf("%q: %v", tt.setting, err)
			continue
		}
		head := http.Header{}
		p.set(head, time.Unix(now, 0), time.Unix(now-tt.age, 0))
		expires := ""
		if tt.expires >= 0 {
			expires = time.Unix(now+tt.expires, 0).UTC().Format(http.TimeFormat)
		}
		if got := head.Get("Cache-Control"); got != tt.control || head.Get("Expires") != expires {
			t.Errorf("%q, age %d: got %q, %q, want %q, %q", tt.setting, tt.age, got, head.Get("Expires"), tt.control, expires)
		}
	}
	for _, bad := range []string{"", ",", "max-age=", "max-age=x", "max-age=-1", "max-age=1.5.5", "max-age=5 parsecs", "max-age=m5",
		"max-age=m+", "a b", "max-age=1\r\nX: y", "é", "max-age=1e3", "max-age=.", `no-cache="x"`} {
		if p, err := parsePolicy(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, p)
		}
	}
}

func TestZeroModificationTime(t *testing.T) {
	p, err := parsePolicy("max-age=m+100")
	check(t, err)
	head := http.Header{}
	p.set(head, testNow, time.Time{})
	if got := head.Get("Cache-Control"); got != "max-age=0" {
		t.Errorf("got %q, want max-age=0", got)
	}
}

func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{"max-age=0", "public, max-age=m+3 days", "max-age=5,max-age=m+1.5h", "a=9999999999999999999999y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePolicy(s)
		if err != nil {
			return
		}
		head := http.Header{}
		p.set(head, testNow, testMtime)
		got := head.Get("Cache-Control")
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q gives %q, not a header value", s, got)
		}
		again, err := parsePolicy(got)
		if err != nil {
			t.Fatalf("%q gives %q, which does not parse: %v", s, got, err)
		}
		second := http.Header{}
		again.set(second, testNow, testMtime)
		if second.Get("Cache-Control") != got || second.Get("Expires") != head.Get("Expires") {
			t.Fatalf("%q gives %q, then %q", s, got, second.Get("Cache-Control"))
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("**/*.js", "a/b.js")
	f.Add("[a-", "[a-")
	f.Add("{{,", "x")
	f.Add(`\`, `\`)
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 64 || len(name) > 256 || !utf8.ValidString(pattern) {
			return
		}
		r := newRule(pattern, nil)
		if !doublestar.ValidatePattern(r.glob) {
			t.Fatalf("%q becomes %q, which is no pattern", pattern, r.glob)
		}
		doublestar.MatchUnvalidated(r.glob, name)
		literal := strings.TrimLeft(pattern, "/")
		if !strings.ContainsAny(pattern, "*?") && literal != "" && !strings.HasSuffix(literal, "/") &&
			!doublestar.MatchUnvalidated(r.glob, literal) {
			t.Fatalf("%q (as %q) does not match itself", pattern, r.glob)
		}
	})
}
