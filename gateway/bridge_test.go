package gateway

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// The vendor's bridge pages come from a directory of the operator's, by name.
func TestBridgePages(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"xs.html": "<p>bridge", "xsc.html": "<p>kept"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const ip = "127.0.0.27"
	port := freePort(t, ip)
	addr := hostPort(ip, port)
	echo := echoAt("a", fmt.Sprintf("ws://%s/echo", addr), "")
	start(t, echo+"<kz:gateway><kz:bridge.directory>"+dir+"</kz:bridge.directory></kz:gateway>")
	for _, c := range []struct {
		target string
		status int
		body   string
		cache  string
	}{
		{"/?.kr=xs", 200, "<p>bridge", ""},
		{"/?.kr=xsc", 200, "<p>kept", "private, must-revalidate"},
		{"/?.kr=nothing", 404, "", ""},
		{"/?.kr=..%2Fxs", 404, "", ""},
		{"/", 404, "", ""},
	} {
		resp := get(t, addr, c.target, addr)
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != c.status || c.body != "" && string(body) != c.body || resp.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: %d %q %q, want %d %q %q", c.target, resp.StatusCode, body, resp.Header.Get("Cache-Control"), c.status, c.body, c.cache)
		}
	}
}
