package demo

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// pages are the contents of the web folder by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := fs.WalkDir(web, "web", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(web, path)
		all[strings.TrimPrefix(path, "web/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPageAsksNobodyElse(t *testing.T) {
	foreign := regexp.MustCompile(`(?:https?|wss?)://[a-z0-9.]+`)
	known := map[string]bool{
		"http://www.w3.org": true, // a name, not an address
		"ws://localhost":    true, "ws://127.0.0.4": true, "ws://127.0.0.5": true,
	}
	for name, text := range pages(t) {
		for _, u := range foreign.FindAllString(text, -1) {
			if !known[u] {
				t.Errorf("%s refers to %s", name, u)
			}
		}
	}
}

func TestPageKeepsItsPolicy(t *testing.T) {
	index := pages(t)["index.html"]
	if !strings.Contains(index, `http-equiv="Content-Security-Policy" content="default-src 'none';`) {
		t.Error("no strict policy")
	}
	for _, forbidden := range []string{" style=", "<style", "onclick", "javascript:", "unsafe-"} {
		if strings.Contains(index, forbidden) {
			t.Errorf("index.html contains %q", forbidden)
		}
	}
	for i := range places {
		if !strings.Contains(index, "ws://"+places[i].address().String()) {
			t.Errorf("the policy does not allow %s", places[i].Name)
		}
	}
	for name, text := range pages(t) {
		for _, forbidden := range []string{"innerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.HasSuffix(name, ".js") && strings.Contains(text, forbidden) {
				t.Errorf("%s contains %q", name, forbidden)
			}
		}
	}
}

func TestPageHasWhatItsScriptsUse(t *testing.T) {
	all := pages(t)
	uses := regexp.MustCompile(`\$\('([a-z-]+)'\)`)
	for name, text := range all {
		for _, m := range uses.FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(name, ".js") && !strings.Contains(all["index.html"], `id="`+m[1]+`"`) {
				t.Errorf("%s uses #%s, which index.html does not have", name, m[1])
			}
		}
	}
	imports := regexp.MustCompile(`from '\./([a-z]+\.js)'`)
	for name, text := range all {
		for _, m := range imports.FindAllStringSubmatch(text, -1) {
			if _, ok := all[m[1]]; !ok && m[1] != "kzfast.js" {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
	}
}
