package directory

import (
	"crypto/sha256"
	"embed"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

//go:embed testdata/pages
var pages embed.FS

func TestConditional(t *testing.T) {
	base := tree(t, map[string]string{"a.txt": "0123456789"})
	h := newHandler(t, Options{Dir: base})
	compat := newHandler(t, Options{Dir: base, CompatConditional: true})
	tag := tagOf(t, h, "/a.txt")
	const before, same, after = "Fri, 02 Jan 2026 03:04:04 GMT", mtimeText, "Fri, 02 Jan 2026 03:04:06 GMT"
	tests := []struct {
		name         string
		head         map[string]string
		want, compat int
	}{
		{"none", nil, 200, 200},
		{"tag", map[string]string{"If-None-Match": tag}, 304, 304},
		{"tag in list", map[string]string{"If-None-Match": `"x", ` + tag + `,W/"y"`}, 304, 304},
		{"strong form", map[string]string{"If-None-Match": strings.TrimPrefix(tag, "W/")}, 200, 200},
		{"star", map[string]string{"If-None-Match": "*"}, 304, 200},
		{"star and date", map[string]string{"If-None-Match": "*", "If-Modified-Since": same}, 304, 304},
		{"other tag beats date", map[string]string{"If-None-Match": `"x"`, "If-Modified-Since": same}, 200, 200},
		{"same date", map[string]string{"If-Modified-Since": same}, 304, 304},
		{"later date", map[string]string{"If-Modified-Since": after}, 304, 200},
		{"earlier date", map[string]string{"If-Modified-Since": before}, 200, 200},
		{"no date", map[string]string{"If-Modified-Since": "yesterday"}, 200, 200},
		{"match star", map[string]string{"If-Match": "*"}, 200, 200},
		{"match weak", map[string]string{"If-Match": tag}, 412, 200},
		{"match other", map[string]string{"If-Match": `"x"`}, 412, 200},
		{"match star hides date", map[string]string{"If-Match": "*", "If-Unmodified-Since": before}, 200, 200},
		{"unmodified", map[string]string{"If-Unmodified-Since": same}, 200, 200},
		{"modified", map[string]string{"If-Unmodified-Since": before}, 412, 200},
		{"412 before 304", map[string]string{"If-Match": `"x"`, "If-None-Match": tag}, 412, 304},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			if w := do(h, method, "/a.txt", tt.head); w.Code != tt.want {
				t.Errorf("%s %s: got %d, want %d", method, tt.name, w.Code, tt.want)
			}
			if w := do(compat, method, "/a.txt", tt.head); w.Code != tt.compat {
				t.Errorf("compat %s %s: got %d, want %d", method, tt.name, w.Code, tt.compat)
			}
		}
	}
}

func TestEntityTag(t *testing.T) {
	files := map[string]string{"d/a.txt": "same", "d/b.txt": "same"}
	one, two := tree(t, files), tree(t, files)
	h := newHandler(t, Options{Dir: one})
	tag := tagOf(t, h, "/d/a.txt")
	if other := tagOf(t, newHandler(t, Options{Dir: two}), "/d/a.txt"); other != tag {
		t.Errorf("copies on two members: got %s and %s, want equal", tag, other)
	}
	if below := tagOf(t, newHandler(t, Options{Dir: one, Prefix: "/x"}), "/x/d/a.txt"); below != tag {
		t.Errorf("below a prefix: got %s, want %s", below, tag)
	}
	seen := map[string]bool{tag: true, tagOf(t, h, "/d/b.txt"): true}
	check(t, os.Chtimes(filepath.Join(one, "d/a.txt"), testMtime, testMtime.Add(1)))
	seen[tagOf(t, h, "/d/a.txt")] = true
	check(t, os.WriteFile(filepath.Join(one, "d/a.txt"), []byte("longer"), 0o644))
	check(t, os.Chtimes(filepath.Join(one, "d/a.txt"), testMtime, testMtime.Add(1)))
	seen[tagOf(t, h, "/d/a.txt")] = true
	if len(seen) != 4 {
		t.Errorf("path, time and size give %d tags, want 4", len(seen))
	}
}

func TestRanges(t *testing.T) {
	base := tree(t, map[string]string{"a.txt": "0123456789", "empty.txt": ""})
	h := newHandler(t, Options{Dir: base, Ranges: true})
	tag := tagOf(t, h, "/a.txt")
	tests := []struct {
		value, ifRange string
		code           int
		body, content  string
	}{
		{"bytes=0-3", "", 206, "0123", "bytes 0-3/10"},
		{"bytes=4-", "", 206, "456789", "bytes 4-9/10"},
		{"bytes=-2", "", 206, "89", "bytes 8-9/10"},
		{"bytes=-20", "", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=9-99999999999999999999", "", 206, "9", "bytes 9-9/10"},
		{"Bytes= 0-0", "", 206, "0", "bytes 0-0/10"},
		{"bytes=10-", "", 416, "", "bytes */10"},
		{"bytes=99999999999999999999-", "", 416, "", "bytes */10"},
		{"bytes=-0", "", 416, "", "bytes */10"},
		{"bytes=5-4", "", 200, "0123456789", ""},
		{"bytes=0-1,3-4", "", 200, "0123456789", ""},
		{"bytes=-", "", 200, "0123456789", ""},
		{"bytes=--1", "", 200, "0123456789", ""},
		{"lines=0-1", "", 200, "0123456789", ""},
		{"bytes", "", 200, "0123456789", ""},
		{"bytes=0-3", mtimeText, 206, "0123", "bytes 0-3/10"},
		{"bytes=0-3", "Fri, 02 Jan 2026 03:04:06 GMT", 200, "0123456789", ""},
		{"bytes=0-3", tag, 200, "0123456789", ""},
	}
	for _, tt := range tests {
		head := map[string]string{"Range": tt.value}
		if tt.ifRange != "" {
			head["If-Range"] = tt.ifRange
		}
		w := do(h, "GET", "/a.txt", head)
		if w.Code != tt.code || w.Header().Get("Content-Range") != tt.content || tt.code != 416 && w.Body.String() != tt.body {
			t.Errorf("%s if %q: got %d %q %q, want %d %q %q", tt.value, tt.ifRange,
				w.Code, w.Body, w.Header().Get("Content-Range"), tt.code, tt.body, tt.content)
		}
	}
	if w := do(h, "GET", "/empty.txt", map[string]string{"Range": "bytes=0-"}); w.Code != 416 {
		t.Errorf("range of an empty file: got %d, want 416", w.Code)
	}
	if w := do(h, "HEAD", "/a.txt", map[string]string{"Range": "bytes=0-3"}); w.Code != 200 || w.Header().Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD: got %d %v, want 200 with Accept-Ranges", w.Code, w.Header())
	}
	off := newHandler(t, Options{Dir: base})
	if w := do(off, "GET", "/a.txt", map[string]string{"Range": "bytes=0-3"}); w.Code != 200 || w.Header().Get("Accept-Ranges") != "" {
		t.Errorf("off: got %d %v, want a plain 200", w.Code, w.Header())
	}
}

func TestListing(t *testing.T) {
	base := tree(t, map[string]string{
		"b.txt": "", "a.txt": "", "z/": "", "m/": "", ".secret": "",
		`<img src=x onerror=alert(1)>.txt`: "", `q"u'o&te.txt`: "", "ja:va.txt": "", "per%cent?#.txt": "",
		"sub/deep.txt": "", "welcomed/index.html": "hello",
	})
	h := newHandler(t, Options{Dir: base, Indexes: true, Welcome: "index.html"})
	w := do(h, "GET", "/", nil)
	got := w.Body.String()
	want := []string{
		`<a href="./m/">m/</a>`, `<a href="./sub/">sub/</a>`, `<a href="./welcomed/">welcomed/</a>`, `<a href="./z/">z/</a>`,
		`<a href="./%3Cimg%20src=x%20onerror=alert%281%29%3E.txt">&lt;img src=x onerror=alert(1)&gt;.txt</a>`,
		`<a href="./a.txt">a.txt</a>`, `<a href="./b.txt">b.txt</a>`,
		`<a href="./ja:va.txt">ja:va.txt</a>`, `<a href="./per%25cent%3F%23.txt">per%cent?#.txt</a>`,
		`<a href="./q%22u%27o&amp;te.txt">q&#34;u&#39;o&amp;te.txt</a>`,
	}
	at := 0
	for _, line := range want {
		i := strings.Index(got[at:], line)
		if i < 0 {
			t.Fatalf("listing lacks, or has in another order, %s:\n%s", line, got)
		}
		at += i
	}
	for _, bad := range []string{"<img", ".secret", `href="../"`} {
		if strings.Contains(got, bad) {
			t.Errorf("listing contains %q", bad)
		}
	}
	//lint:ignore SA1008 the predecessor writes it so, and so do we
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html" || w.Header()["ETag"] != nil {
		t.Errorf("got %d %v, want 200 text/html without validators", w.Code, w.Header())
	}
	if got := do(h, "GET", "/sub/", nil).Body.String(); !strings.Contains(got, `<a href="../">../</a>`) {
		t.Errorf("listing below the base has no parent link:\n%s", got)
	}
	if got := do(h, "GET", "/welcomed/", nil).Body.String(); got != "hello" {
		t.Errorf("welcome file: got %q, want hello", got)
	}
	// Every link leads to what it names.
	for _, name := range []string{"/%3Cimg%20src=x%20onerror=alert%281%29%3E.txt", "/per%25cent%3F%23.txt", "/ja:va.txt"} {
		if w := do(h, "GET", name, nil); w.Code != 200 {
			t.Errorf("GET %s = %d, want 200", name, w.Code)
		}
	}
}

func TestListingOfLinks(t *testing.T) {
	h := newHandler(t, Options{Dir: attackTree(t), Indexes: true})
	got := do(h, "GET", "/listing/", nil).Body.String()
	for _, want := range []string{"./dir/", "./ok.txt"} {
		if !strings.Contains(got, want) {
			t.Errorf("listing lacks %q:\n%s", want, got)
		}
	}
	for _, bad := range []string{"out.txt", "bad"} {
		if strings.Contains(got, bad) {
			t.Errorf("listing shows %q, which is not served", bad)
		}
	}
}

func TestErrorPages(t *testing.T) {
	top := tree(t, map[string]string{"web/a.txt": "a", "errors/404.html": "<p>gone</p>", "errors/405.html": "no", "outside": secret})
	check(t, os.Symlink("../outside", filepath.Join(top, "errors/400.html")))
	h := newHandler(t, Options{Dir: filepath.Join(top, "web"), ErrorPages: filepath.Join(top, "errors")})
	for _, tt := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/none", 404, "<p>gone</p>"},
		{"POST", "/", 405, "no"},
		{"GET", "/..", 400, "<html><head></head><body><h1>400 Bad Request</h1></body></html>"},
	} {
		w := do(h, tt.method, tt.path, nil)
		if w.Code != tt.code || w.Body.String() != tt.body {
			t.Errorf("%s %s: got %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.code, tt.body)
		}
	}
	got := raw(t, h, "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	want := "HTTP/1.1 404 Not Found\r\nContent-Length: 11\r\n" + dateLine + srvLine + "Connection: close\r\n\r\n<p>gone</p>"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestMIME(t *testing.T) {
	h := newHandler(t, Options{FS: fstest.MapFS{}, MIME: map[string]string{"TXT": "text/x-mine", ".md": "text/markdown", "png": ""}})
	for name, want := range map[string]string{
		"a.HTML": "text/html", "a.js": "text/javascript", "a.svg": "image/svg+xml", "a.json": "application/json",
		"a.woff2": "font/woff2", "a.txt": "text/x-mine", "a.md": "text/markdown", "a.png": "", "a": "", "a.": "", "a.tar.gz": "",
		"a.jpg": "image/jpeg", "d.js/a": "", "a.manifest": "text/cache-manifest", "a.apk": "application/vnd.android.package-archive",
	} {
		if got := h.mediaType(name); got != want {
			t.Errorf("mediaType(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestEmbedded(t *testing.T) {
	h := newHandler(t, Options{FS: pages, Prefix: "/demo", Welcome: "index.html", Indexes: true, Ranges: true})
	w := do(h, "GET", "/demo/testdata/pages/", nil)
	tag := tagOf(t, h, "/demo/testdata/pages/")
	if w.Code != 200 || w.Header().Get("Last-Modified") != "" || !strings.Contains(w.Body.String(), "embedded") {
		t.Errorf("got %d %v %q, want the page without Last-Modified", w.Code, w.Header(), w.Body)
	}
	if w := do(h, "GET", "/demo/testdata/pages/index.html", map[string]string{"If-None-Match": tag}); w.Code != 304 {
		t.Errorf("got %d, want 304", w.Code)
	}
	if w := do(h, "GET", "/demo/testdata/pages/index.html", map[string]string{"Range": "bytes=0-0"}); w.Code != 206 || w.Body.Len() != 1 {
		t.Errorf("got %d, %d bytes, want 206 and 1", w.Code, w.Body.Len())
	}
	if w := do(h, "GET", "/demo/testdata", nil); w.Code != 302 || w.Header().Get("Location") != "/demo/testdata/" {
		t.Errorf("got %d %q, want 302 to the directory", w.Code, w.Header().Get("Location"))
	}
	if w := do(h, "GET", "/demo/", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "./testdata/") {
		t.Errorf("got %d %q, want a listing", w.Code, w.Body)
	}
}

// A recorder with ReadFrom shows what net/http is given: a limited *os.File,
// which it hands to sendfile.
type readerFrom struct {
	*httptest.ResponseRecorder
	file bool
}

func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		_, r.file = l.R.(*os.File)
	}
	return io.Copy(r.ResponseRecorder, src)
}

func TestFileReachesReadFrom(t *testing.T) {
	base := tree(t, map[string]string{"a.txt": "abc"})
	for _, follow := range []bool{false, true} {
		w := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
		newHandler(t, Options{Dir: base, FollowLinks: follow}).ServeHTTP(w, httptest.NewRequest("GET", "/a.txt", nil))
		if !w.file {
			t.Errorf("follow %v: the writer was not given the file", follow)
		}
	}
}

func TestLargeFile(t *testing.T) {
	base := t.TempDir()
	data := make([]byte, 32<<20)
	rnd := rand.NewChaCha8([32]byte{1})
	rnd.Read(data)
	check(t, os.WriteFile(filepath.Join(base, "big.bin"), data, 0o644))
	srv := httptest.NewServer(newHandler(t, Options{Dir: base}))
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/big.bin")
	check(t, err)
	defer resp.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, resp.Body)
	check(t, err)
	if want := sha256.Sum256(data); n != int64(len(data)) || [32]byte(sum.Sum(nil)) != want {
		t.Errorf("got %d bytes with another sum, want %d", n, len(data))
	}
}

func TestNewRefuses(t *testing.T) {
	base := tree(t, map[string]string{"file": ""})
	for name, tt := range map[string]struct {
		o    Options
		text string
	}{
		"no base":        {Options{}, `base ""`},
		"missing base":   {Options{Dir: filepath.Join(base, "none")}, "no such file"},
		"file as base":   {Options{Dir: filepath.Join(base, "file")}, "not a directory"},
		"welcome path":   {Options{Dir: base, Welcome: "a/b"}, `welcome file "a/b"`},
		"welcome parent": {Options{Dir: base, Welcome: ".."}, `welcome file ".."`},
		"no patterns":    {Options{Dir: base, Locations: []Location{{CacheControl: "no-cache"}}}, "location 1: no patterns"},
		"empty pattern":  {Options{Dir: base, Locations: []Location{{Patterns: []string{"/"}, CacheControl: "no-cache"}}}, `pattern "/"`},
		"bad control":    {Options{Dir: base, Locations: []Location{{Patterns: []string{"*"}, CacheControl: "max-age=x"}}}, "no number"},
	} {
		if _, err := New(tt.o); err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.text)
		}
	}
}

func TestZeroClock(t *testing.T) {
	h, err := New(Options{FS: pages})
	check(t, err)
	date, err := http.ParseTime(do(h, "GET", "/none", nil).Header().Get("Date"))
	if err != nil || time.Since(date) > time.Hour {
		t.Errorf("got date %v, %v, want now", date, err)
	}
}
