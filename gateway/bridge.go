package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/kzfast/kzfast/service/directory"
	"github.com/kzfast/kzfast/session"
)

// buildBridge makes the route of the vendor's bridge pages, `/?.kr=NAME` on every
// authority (spec/protocol.md §1.9), from the directory the vendor's library lies
// in. We have no such pages of our own.
func (g *Gateway) buildBridge() error {
	dir := g.cfg.Gateway.BridgeDirectory
	if dir == "" {
		return nil
	}
	h, err := directory.New(directory.Options{Dir: dir})
	if err != nil {
		return fmt.Errorf("kz:bridge.directory: %w", err)
	}
	g.bridge = &session.Route{Name: "bridge", Type: "directory", Path: "/", HTTP: true}
	g.handlers[g.bridge] = bridge{h}
	return nil
}

// A bridge serves NAME.html of its directory for `.kr=NAME`.
type bridge struct{ pages http.Handler }

// ServeHTTP implements [http.Handler].
func (b bridge) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get(".kr")
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		page(rw, http.StatusNotFound)
		return
	}
	if name == "xsc" || name == "xsp" {
		rw.Header().Set("Cache-Control", "private, must-revalidate")
	}
	page := *r
	page.URL = &url.URL{Path: "/" + name + ".html"}
	b.pages.ServeHTTP(rw, &page)
}
