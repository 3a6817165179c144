package directory

import (
	"maps"
	"path"
	"strings"
)

// builtinMIME is the table of config.md §8 and protocol.md §8.1.
var builtinMIME = map[string]string{
	"apk":      "application/vnd.android.package-archive",
	"appcache": "text/cache-manifest",
	"aspx":     "text/html",
	"css":      "text/css",
	"gif":      "image/gif",
	"htc":      "text/x-component",
	"htm":      "text/html",
	"html":     "text/html",
	"jar":      "application/java-archive",
	"jnlp":     "application/x-java-jnlp-file",
	"jpeg":     "image/jpeg",
	"jpg":      "image/jpeg",
	"js":       "text/javascript",
	"json":     "application/json",
	"manifest": "text/cache-manifest",
	"png":      "image/png",
	"svg":      "image/svg+xml",
	"swf":      "application/x-shockwave-flash",
	"txt":      "text/plain",
	"vtt":      "text/vtt",
	"woff2":    "font/woff2",
	"xap":      "application/x-silverlight-app",
}

func mimeTable(extra map[string]string) map[string]string {
	table := maps.Clone(builtinMIME)
	for ext, mediaType := range extra {
		table[strings.ToLower(strings.TrimPrefix(ext, "."))] = mediaType
	}
	return table
}

// mediaType is the media type of a file name, "" when its extension is unmapped.
func (h *Handler) mediaType(name string) string {
	ext := path.Ext(name)
	if ext == "" {
		return ""
	}
	return h.mime[strings.ToLower(ext[1:])]
}
