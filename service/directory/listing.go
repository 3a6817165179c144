package directory

import (
	"cmp"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// An item is one line of a listing.
type item struct {
	name string
	dir  bool
}

// serveListing answers with the names in a directory. It is never cacheable by
// validators: it carries neither ETag nor Last-Modified.
func (h *Handler) serveListing(w http.ResponseWriter, r *http.Request, t target, dir fs.File) {
	items, err := h.items(t.name, dir)
	if err != nil {
		h.fail(w, r, statusOf(err))
		return
	}
	title, err := url.PathUnescape(t.escaped)
	if err != nil {
		title = t.escaped
	}
	page := listing(title, t.depth > 0, items)
	h.date(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusOK)
	io.WriteString(w, page)
}

// items are the servable entries of a directory: directories first, each kind
// by name. A link counts as what it leads to and is left out when it leads to
// nothing that would be served.
func (h *Handler) items(name string, dir fs.File) ([]item, error) {
	reader, ok := dir.(fs.ReadDirFile)
	if !ok {
		return nil, fs.ErrInvalid
	}
	entries, err := reader.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	items := make([]item, 0, len(entries))
	for _, e := range entries {
		if e.Name()[0] == '.' && !h.dotFiles {
			continue
		}
		it, regular := item{e.Name(), e.IsDir()}, e.Type().IsRegular()
		if e.Type()&fs.ModeSymlink != 0 {
			f, info, status := h.open(path.Join(name, e.Name()))
			if status != 0 {
				continue
			}
			f.Close()
			it.dir, regular = info.IsDir(), true
		}
		if it.dir || regular {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, func(a, b item) int {
		if a.dir != b.dir {
			if a.dir {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	return items, nil
}

// listing renders the page. Names are foreign text: escaped as text, and as a
// path of their own in links.
func listing(title string, parent bool, items []item) string {
	var b strings.Builder
	title = html.EscapeString(title)
	b.WriteString("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Index of " + title +
		"</title></head>\n<body><h1>Index of " + title + "</h1>\n<ul>\n")
	if parent {
		b.WriteString("<li><a href=\"../\">../</a></li>\n")
	}
	for _, it := range items {
		name := it.name
		if it.dir {
			name += "/"
		}
		link := url.URL{Path: "./" + name}
		b.WriteString("<li><a href=\"" + html.EscapeString(link.EscapedPath()) + "\">" + html.EscapeString(name) + "</a></li>\n")
	}
	b.WriteString("</ul></body></html>\n")
	return b.String()
}
