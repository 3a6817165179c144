package directory

import (
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestResolve(t *testing.T) {
	tests := []struct {
		prefix  string
		escaped string
		name    string
		status  int
	}{
		{"", "", ".", 0},
		{"", "/", ".", 0},
		{"", "/a/b.html", "a/b.html", 0},
		{"", "//a///b//", "a/b", 0},
		{"", "/./a/./b/.", "a/b", 0},
		{"", "/a%20b", "a b", 0},
		{"", "/%252e%252e/a", "%2e%2e/a", 0},
		{"", "/...", "...", 0},
		{"", "/..", "", 400},
		{"", "/a/../b", "", 400},
		{"", "/%2e%2e/x", "", 400},
		{"", "/%2E./x", "", 400},
		{"", "/a%2fb", "", 400},
		{"", "/a%5cb", "", 400},
		{"", "/a\\b", "", 400},
		{"", "/a%00b", "", 400},
		{"", "/a%zz", "", 400},
		{"doc", "/doc", ".", 0},
		{"doc", "/doc/", ".", 0},
		{"doc", "/%64oc/x", "x", 0},
		{"doc", "/docs", "", 404},
		{"doc", "/", "", 404},
		{"doc", "/doc/../x", "", 400},
	}
	for _, tt := range tests {
		var prefix []string
		if tt.prefix != "" {
			prefix = []string{tt.prefix}
		}
		got, status := resolve(prefix, tt.escaped)
		if got.name != tt.name || status != tt.status {
			t.Errorf("resolve(%q, %q) = %q, %d, want %q, %d", tt.prefix, tt.escaped, got.name, status, tt.name, tt.status)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"/", "/doc/a", "/../x", "/%2e%2e%2f", "//e.com/", "/a%5c..", "/.%00", "/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		got, status := resolve(nil, escaped)
		if status != 0 {
			return
		}
		if !filepath.IsLocal(got.name) || got.name != "." && strings.Contains("/"+got.name+"/", "/./") {
			t.Errorf("resolve(%q) names %q, not local and clean", escaped, got.name)
		}
		if !strings.HasPrefix(got.escaped, "/") || strings.HasPrefix(got.escaped, "//") || strings.Contains(got.escaped, `\`) {
			t.Errorf("resolve(%q) redirects to %q, another host", escaped, got.escaped)
		}
		again, status := resolve(nil, got.escaped)
		if status != 0 || again.name != got.name {
			t.Errorf("resolve(%q) = %q, %d, want %q", got.escaped, again.name, status, got.name)
		}
	})
}

// secret stands outside every base directory of the attack table.
const secret = "top secret"

// attackTree builds outside/secret.txt and base with links of every kind.
func attackTree(t *testing.T) string {
	t.Helper()
	top := tree(t, map[string]string{
		"outside/secret.txt":  secret,
		"outside/index.html":  secret,
		"base-secret/x.txt":   secret,
		"base/in/file.txt":    "inside",
		"base/in/.hidden":     "hidden",
		"base/.git/config":    "hidden",
		"base/plain.txt":      "inside",
		"base/listing/ok.txt": "inside",
	})
	links := map[string]string{
		"base/out.txt":         "../outside/secret.txt",
		"base/outdir":          "../outside",
		"base/outabs":          filepath.Join(top, "outside"),
		"base/outabs.txt":      filepath.Join(top, "outside/secret.txt"),
		"base/chain":           "outdir",
		"base/in/up":           "../../outside/secret.txt",
		"base/sibling":         "../base-secret",
		"base/rel.txt":         "in/file.txt",
		"base/reldir":          "in",
		"base/abs.txt":         filepath.Join(top, "base/in/file.txt"),
		"base/absdir":          filepath.Join(top, "base/in"),
		"base/loop":            "loop",
		"base/dangling":        "nowhere",
		"base/proc":            "/proc/self/environ",
		"base/listing/out.txt": "../../outside/secret.txt",
		"base/listing/dir":     "../in",
		"base/listing/bad":     "nowhere",
	}
	for name, to := range links {
		check(t, os.Symlink(to, filepath.Join(top, filepath.FromSlash(name))))
	}
	check(t, syscall.Mkfifo(filepath.Join(top, "base/fifo"), 0o644))
	return filepath.Join(top, "base")
}

func TestTraversalAndLinks(t *testing.T) {
	base := attackTree(t)
	restrict := newHandler(t, Options{Dir: base})
	follow := newHandler(t, Options{Dir: base, FollowLinks: true})
	tests := []struct {
		path             string
		restrict, follow int
	}{
		{"/plain.txt", 200, 200},
		{"/in/file.txt", 200, 200},
		{"/rel.txt", 200, 200},
		{"/reldir/file.txt", 200, 200},
		{"/abs.txt", 200, 200},
		{"/absdir/file.txt", 200, 200},
		{"/out.txt", 404, 200},
		{"/outdir/secret.txt", 404, 200},
		{"/outdir", 404, 302},
		{"/outdir/", 404, 404},
		{"/outabs/secret.txt", 404, 200},
		{"/outabs.txt", 404, 200},
		{"/chain/secret.txt", 404, 200},
		{"/in/up", 404, 200},
		{"/reldir/up", 404, 200},
		{"/absdir/up", 404, 200},
		{"/sibling/x.txt", 404, 200},
		{"/loop", 404, 404},
		{"/loop/x", 404, 404},
		{"/dangling", 404, 404},
		{"/fifo", 404, 404},
		{"/plain.txt/", 404, 404},
		{"/plain.txt/x", 404, 404},
		{"/.git/config", 404, 404},
		{"/.git", 404, 404},
		{"/in/.hidden", 404, 404},
		{"/" + strings.Repeat("a", 300), 404, 404},
		{"/../outside/secret.txt", 400, 400},
		{"/in/../../outside/secret.txt", 400, 400},
		{"/%2e%2e/outside/secret.txt", 400, 400},
		{"/..%2foutside/secret.txt", 400, 400},
		{"/%2e%2e%2foutside%2fsecret.txt", 400, 400},
		{"/..%5coutside%5csecret.txt", 400, 400},
		{"/in/..%00/plain.txt", 400, 400},
		{"/%252e%252e/outside/secret.txt", 404, 404},
		{"/....//outside/secret.txt", 404, 404},
		{"//etc/passwd", 404, 404},
		{"/%c0%ae%c0%ae/outside/secret.txt", 404, 404},
	}
	for _, tt := range tests {
		for mode, h := range map[string]*Handler{"restricted": restrict, "follow": follow} {
			u, err := url.ParseRequestURI(tt.path)
			check(t, err)
			w := do(&pathHandler{h, u}, "GET", "/", nil)
			want := tt.restrict
			if mode == "follow" {
				want = tt.follow
			}
			if w.Code != want {
				t.Errorf("%s GET %s = %d, want %d", mode, tt.path, w.Code, want)
			}
			if mode == "restricted" && strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s GET %s gives away the secret", mode, tt.path)
			}
		}
	}
}

// A pathHandler replaces the URL, because httptest.NewRequest refuses some.
type pathHandler struct {
	h *Handler
	u *url.URL
}

func (p *pathHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.URL = p.u
	p.h.ServeHTTP(w, r)
}

func TestDotFilesAllowed(t *testing.T) {
	h := newHandler(t, Options{Dir: attackTree(t), DotFiles: true})
	for _, path := range []string{"/.git/config", "/in/.hidden"} {
		if w := do(h, "GET", path, nil); w.Code != 200 {
			t.Errorf("GET %s = %d, want 200", path, w.Code)
		}
	}
}

// A link that is exchanged while it is resolved must not lead out: the second
// look of the restricted opener goes through the same root.
func TestCanonicalStaysInside(t *testing.T) {
	base := attackTree(t)
	for _, name := range []string{"out.txt", "outdir/secret.txt", "outabs.txt", "chain/secret.txt", "proc"} {
		if rel, ok := restricted(base).canonical(name); ok {
			t.Errorf("canonical(%q) = %q, want none", name, rel)
		}
		if f, err := restricted(base).Open(name); err == nil {
			f.Close()
			t.Errorf("Open(%q) succeeded", name)
		}
	}
}

// The base is found by name for each request, so a release switch is seen.
func TestBaseMayBeRelinked(t *testing.T) {
	top := tree(t, map[string]string{"one/v.txt": "1", "two/v.txt": "2"})
	current := filepath.Join(top, "current")
	check(t, os.Symlink("one", current))
	h := newHandler(t, Options{Dir: current})
	if got := do(h, "GET", "/v.txt", nil).Body.String(); got != "1" {
		t.Errorf("got %q, want 1", got)
	}
	check(t, os.Remove(current))
	if w := do(h, "GET", "/v.txt", nil); w.Code != 404 {
		t.Errorf("no base: got %d, want 404", w.Code)
	}
	check(t, os.Symlink("two", current))
	if got := do(h, "GET", "/v.txt", nil).Body.String(); got != "2" {
		t.Errorf("got %q, want 2", got)
	}
}

func TestStatusOfOwnTrouble(t *testing.T) {
	for err, want := range map[error]int{
		&fs.PathError{Op: "open", Err: syscall.EMFILE}: 500,
		&fs.PathError{Op: "open", Err: syscall.EACCES}: 404,
		&fs.PathError{Op: "open", Err: syscall.ELOOP}:  404,
		fs.ErrNotExist: 404,
	} {
		if got := statusOf(err); got != want {
			t.Errorf("statusOf(%v) = %d, want %d", err, got, want)
		}
	}
}
