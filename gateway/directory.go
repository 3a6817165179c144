package gateway

import (
	"errors"
	"io/fs"
	"net/http"
	"sync/atomic"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/directory"
)

// makeDirectory builds a directory service, with one handler for each accept
// path. A base directory that does not exist is no reason not to start the
// others: it is said once, and every request is answered 404.
func makeDirectory(g *Gateway, s *service) error {
	p := s.conf.Directory
	o := directory.Options{
		Dir: p.Directory, Welcome: p.WelcomeFile, ErrorPages: p.ErrorPages,
		Indexes: p.Indexes, FollowLinks: p.FollowLinks, DotFiles: p.ServeDotfiles, Ranges: p.Range,
		MIME: s.conf.MIME,
	}
	for _, l := range p.Locations {
		o.Locations = append(o.Locations, directory.Location{Patterns: l.Patterns, CacheControl: l.Text})
	}
	if _, err := directory.New(o); errors.Is(err, fs.ErrNotExist) {
		g.log.Warn("directory missing", "service", s.conf.Name, "directory", p.Directory)
	}
	s.http = func(a *conf.Accept) (http.Handler, error) {
		o := o
		o.Prefix = a.URI.Path
		open := func() (http.Handler, error) {
			h, err := directory.New(o)
			if err != nil || s.conf.AcceptOptions.KeepQuery {
				return h, err
			}
			return withoutQuery(h), nil
		}
		h, err := open()
		if errors.Is(err, fs.ErrNotExist) {
			return &missing{open: open}, nil
		}
		return h, err
	}
	return nil
}

// A missing directory answers 404 until it is there.
type missing struct {
	open  func() (http.Handler, error)
	found atomic.Pointer[http.Handler]
}

// ServeHTTP implements [http.Handler].
func (m *missing) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if h := m.found.Load(); h != nil {
		(*h).ServeHTTP(rw, r)
		return
	}
	h, err := m.open()
	if err != nil {
		page(rw, http.StatusNotFound)
		return
	}
	m.found.Store(&h)
	h.ServeHTTP(rw, r)
}

// withoutQuery keeps the query of a request off the redirect to a directory's
// own path (kz:location.query drop); nothing else there looks at it.
func withoutQuery(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		u := *r.URL
		u.RawQuery = ""
		plain := *r
		plain.URL = &u
		h.ServeHTTP(rw, &plain)
	})
}
