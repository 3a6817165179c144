package archtest

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kzfast/kzfast/"

// rules is the package table of docs/architecture.md: what of ours each
// package may import directly. A package that is not listed may not exist.
var rules = map[string][]string{
	"cmd/kzfast":            {"gateway", "client", "demo"},
	"gateway":               {"auth", "balance", "cluster", "conf", "engine", "session", "wsproto", "wsproto/*", "service/*"},
	"conf":                  {},
	"engine":                {},
	"wsproto":               {},
	"wsproto/*":             {"wsproto", "wsproto/*"},
	"session":               {"wsproto", "wsproto/*"},
	"service/*":             {"session", "wsproto"},
	"balance":               {},
	"auth":                  {},
	"cluster":               {"cluster/multicast"},
	"cluster/multicast":     {},
	"client":                {"wsproto"},
	"client/js":             {},
	"demo":                  {"client", "client/js"},
	"bench":                 {"wsproto", "client"},
	"bench/*":               {"wsproto", "client", "bench/*"},
	"e2e":                   {"wsproto", "client"},
	"internal/vendorclient": {"wsproto", "wsproto/*"},
	"internal/archtest":     {},
}

// reach is who may have a package anywhere below it.
var reach = map[string][]string{
	"github.com/panjf2000/gnet/v2":    {"engine", "gateway", "cmd/kzfast"},
	"github.com/hashicorp/memberlist": {"cluster", "gateway", "cmd/kzfast"},
}

type pkg struct {
	ImportPath  string
	Doc         string
	Imports     []string
	Deps        []string
	GoFiles     []string
	TestGoFiles []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,Deps,GoFiles,TestGoFiles", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// rule finds the row of a package: its own or that of its folder.
func rule(name string) ([]string, bool) {
	if r, ok := rules[name]; ok {
		return r, true
	}
	for d := path.Dir(name); d != "."; d = path.Dir(d) {
		if r, ok := rules[d+"/*"]; ok {
			return r, true
		}
	}
	return nil, false
}

func allowed(list []string, name string) bool {
	return slices.ContainsFunc(list, func(a string) bool {
		folder, any := strings.CutSuffix(a, "/*")
		return a == name || any && strings.HasPrefix(name, folder+"/")
	})
}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, ok := rule(name)
		if !ok {
			t.Errorf("%s: no row in the package table; add its sentence to docs/architecture.md and its row here", name)
			continue
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok && !allowed(may, own) {
				t.Errorf("%s imports %s; it may import %v", name, own, may)
			}
		}
		for lib, who := range reach {
			if slices.ContainsFunc(p.Deps, func(d string) bool { return strings.HasPrefix(d, lib) }) && !slices.Contains(who, name) && !strings.HasPrefix(name, "bench/") {
				t.Errorf("%s depends on %s; only %v may", name, lib, who)
			}
		}
	}
}

func TestPackagesHaveDocs(t *testing.T) {
	for _, p := range list(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
