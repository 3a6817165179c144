// Package directory serves the files below one directory over plain HTTP
// (protocol.md §8.1, config.md §12.1 row "directory").
//
// It is a net/http handler for requests whose connection has left the event
// loops. It never writes, never lists a directory unless told to, and with the
// default options never opens anything outside its base directory: every
// element of a path is resolved by [os.Root], so no symbolic link leads out.
//
//	request path ── prefix ── segments ──▶ file ──▶ preconditions ──▶ 200 206 304 412
//	                   404       400        404 302 (directory without "/")
//
// Header order and set are those of protocol.md §1.4 and §8.1 when net/http
// writes the answer. A Server or Date header that was set before the call is
// kept; Date is set otherwise. The status line carries net/http's reason
// phrase, the HTML body the predecessor's (they differ for 500).
//
//	h, err := directory.New(directory.Options{Dir: "/srv/web", Welcome: "index.html"})
//	mux.Handle("/", h)
package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options says what a [Handler] serves and how. Dir or FS is required, all
// other zero values are the predecessor's defaults.
type Options struct {
	// Prefix is the path of the accept URI, decoded; "" is "/". Only whole
	// segments match it: "/doc" serves "/doc" and "/doc/x", not "/docs".
	Prefix string

	// Dir is the base directory. It is opened anew for each request, so a
	// release may be switched by renaming or relinking it.
	Dir string

	// FS is served instead of Dir when set, such as an embed.FS. Files without
	// a modification time get an entity tag from their content and no
	// Last-Modified.
	FS fs.FS

	// Welcome is the name of the file that stands for a directory; "" = none.
	Welcome string

	// ErrorPages is a directory whose <code>.html files replace the built-in
	// error bodies; "" = none. It need not exist.
	ErrorPages string

	// Indexes lists a directory that has no welcome file.
	Indexes bool

	// FollowLinks serves symbolic links that lead out of Dir
	// (symbolic-links=follow). Otherwise such a link is 404, whichever element
	// of the path it is. Without effect on FS.
	FollowLinks bool

	// DotFiles serves and lists names that begin with a dot, which are 404
	// otherwise.
	DotFiles bool

	// Ranges answers single byte ranges with 206.
	Ranges bool

	// CompatConditional evaluates conditional requests as the predecessor did:
	// If-Modified-Since by equality, "If-None-Match: *" ignored, If-Match and
	// If-Unmodified-Since ignored (directory.conditional=compat).
	CompatConditional bool

	// Locations give Cache-Control and Expires to the files they match.
	Locations []Location

	// MIME adds to or replaces entries of the built-in table: extension without
	// dot, any case, to media type. An empty media type removes the entry.
	MIME map[string]string

	// Now is the clock for Date, Expires and cache lifetimes; nil = time.Now.
	Now func() time.Time
}

// A Handler serves one directory. It is safe for any goroutine, holds no file
// open between requests and needs no closing.
type Handler struct {
	files      fs.FS
	prefix     []string
	welcome    string
	errorPages string
	indexes    bool
	dotFiles   bool
	ranges     bool
	compat     bool
	rules      []rule
	mime       map[string]string
	now        func() time.Time

	tags sync.Map // path to entity tag, only for files without modification time
}

// New checks o and returns its handler. The error names the faulty option.
func New(o Options) (*Handler, error) {
	h := &Handler{
		files: o.FS, welcome: o.Welcome, errorPages: o.ErrorPages,
		indexes: o.Indexes, dotFiles: o.DotFiles, ranges: o.Ranges,
		compat: o.CompatConditional, mime: mimeTable(o.MIME), now: o.Now,
	}
	if h.now == nil {
		h.now = time.Now
	}
	for _, s := range strings.Split(o.Prefix, "/") {
		if s != "" {
			h.prefix = append(h.prefix, s)
		}
	}
	if strings.ContainsAny(o.Welcome, `/\:`) || o.Welcome == "." || o.Welcome == ".." {
		return nil, fmt.Errorf("directory: welcome file %q: not a plain file name", o.Welcome)
	}
	if h.files == nil {
		if err := isDirectory(o.Dir); err != nil {
			return nil, fmt.Errorf("directory: base %q: %w", o.Dir, err)
		}
		base, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("directory: base %q: %w", o.Dir, err)
		}
		h.files = restricted(base)
		if o.FollowLinks {
			h.files = following(base)
		}
	}
	var err error
	if h.rules, err = compile(o.Locations); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return h, nil
}

func isDirectory(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	return nil
}

// ServeHTTP answers one request. Methods other than GET and HEAD are 405; their
// body is left to net/http, which drains a short one and closes the connection
// for a long one.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.fail(w, r, http.StatusMethodNotAllowed)
		return
	}
	t, status := resolve(h.prefix, r.URL.EscapedPath())
	if status == 0 && t.hidden && !h.dotFiles {
		status = http.StatusNotFound
	}
	if status != 0 {
		h.fail(w, r, status)
		return
	}
	f, info, status := h.open(t.name)
	if status != 0 {
		h.fail(w, r, status)
		return
	}
	defer f.Close()
	switch {
	case info.IsDir() && !t.slash:
		h.redirect(w, r, t)
	case info.IsDir():
		h.serveDirectory(w, r, t, f)
	case t.slash:
		h.fail(w, r, http.StatusNotFound)
	default:
		h.serveFile(w, r, t.name, f, info)
	}
}

// redirect adds the slash that relative links in a directory need. The query
// is kept.
func (h *Handler) redirect(w http.ResponseWriter, r *http.Request, t target) {
	location := t.escaped + "/"
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", location)
	h.empty(w, r, http.StatusFound)
}

func (h *Handler) serveDirectory(w http.ResponseWriter, r *http.Request, t target, dir fs.File) {
	if h.welcome != "" {
		name := path.Join(t.name, h.welcome)
		f, info, status := h.open(name)
		if status == 0 {
			defer f.Close()
			if !info.IsDir() {
				h.serveFile(w, r, name, f, info)
				return
			}
		} else if !h.indexes || status != http.StatusNotFound {
			h.fail(w, r, status)
			return
		}
	}
	if !h.indexes {
		h.fail(w, r, http.StatusNotFound)
		return
	}
	h.serveListing(w, r, t, dir)
}

// open returns a regular file or a directory, or the status that is owed.
func (h *Handler) open(name string) (fs.File, fs.FileInfo, int) {
	f, err := h.files.Open(name)
	if err != nil {
		return nil, nil, statusOf(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, statusOf(err)
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		f.Close()
		return nil, nil, http.StatusNotFound
	}
	return f, info, 0
}

// statusOf tells our own trouble from whatever a path can be made to cause.
func statusOf(err error) int {
	for _, own := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if errors.Is(err, own) {
			return http.StatusInternalServerError
		}
	}
	return http.StatusNotFound
}
