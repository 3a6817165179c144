package gateway

import (
	"errors"
	"io/fs"
	"net/http"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/directory"
)

// makeDirectory builds a directory service. A base directory that does not
// exist is no reason not to start the others: it is said once, and every
// request is answered 404.
func makeDirectory(g *Gateway, s *service) error {
	p := s.conf.Directory
	o := directory.Options{
		Prefix: acceptPath(s.conf), Dir: p.Directory, Welcome: p.WelcomeFile, ErrorPages: p.ErrorPages,
		Indexes: p.Indexes, FollowLinks: p.FollowLinks, DotFiles: p.ServeDotfiles, Ranges: p.Range,
		MIME: s.conf.MIME,
	}
	for _, l := range p.Locations {
		o.Locations = append(o.Locations, directory.Location{Patterns: l.Patterns, CacheControl: l.Text})
	}
	h, err := directory.New(o)
	if errors.Is(err, fs.ErrNotExist) {
		g.log.Warn("directory missing", "service", s.conf.Name, "directory", p.Directory)
		s.http = http.NotFoundHandler()
		return nil
	}
	s.http = h
	return err
}

// acceptPath is the path of a service's accepts.
func acceptPath(c *conf.Service) string { return c.Accepts[0].URI.Path }
