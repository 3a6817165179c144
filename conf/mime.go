package conf

import (
	"maps"
	"strings"
)

// builtinMIME is the predecessor's table (§8), and what a page of today needs.
var builtinMIME = map[string]string{
	"html": "text/html", "htm": "text/html", "aspx": "text/html",
	"js": "text/javascript", "mjs": "text/javascript",
	"css": "text/css",
	"png": "image/png", "gif": "image/gif",
	"jpg": "image/jpeg", "jpeg": "image/jpeg",
	"svg":      "image/svg+xml",
	"swf":      "application/x-shockwave-flash",
	"xap":      "application/x-silverlight-app",
	"htc":      "text/x-component",
	"jar":      "application/java-archive",
	"jnlp":     "application/x-java-jnlp-file",
	"apk":      "application/vnd.android.package-archive",
	"manifest": "text/cache-manifest", "appcache": "text/cache-manifest",
	"vtt":   "text/vtt",
	"txt":   "text/plain",
	"json":  "application/json",
	"wasm":  "application/wasm",
	"woff2": "font/woff2",
}

// resolveMIME layers built-in, service-defaults and service mappings.
func (l *loader) resolveMIME(n *node, s *Service) {
	if s.Type != "directory" {
		return
	}
	s.MIME = maps.Clone(builtinMIME)
	for _, holder := range []*node{l.root.one("service-defaults"), n} {
		for _, m := range holder.all("mime-mapping") {
			ext, ok1 := m.value("extension")
			typ, ok2 := m.value("mime-type")
			if ok1 && ok2 {
				s.MIME[strings.TrimPrefix(strings.ToLower(ext), ".")] = typ
			}
		}
	}
}
