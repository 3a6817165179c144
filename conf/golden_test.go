package conf

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden loads every testdata/NAME.xml and compares the full list of
// findings, and the model when there is one, with NAME.golden. A comment
// <!-- test: -Dname=value -strict --> in the file sets options.
func TestGolden(t *testing.T) {
	for _, pattern := range []string{"testdata/*.xml", "testdata/vendor/*-config.xml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, file := range files {
			if filepath.Base(file) == "jaas-config.xml" {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".xml"), func(t *testing.T) {
				golden(t, file)
			})
		}
	}
}

func golden(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, ds := Load(file, testOptions(data))
	var got bytes.Buffer
	got.WriteString(relative(t, ds.String()))
	if c != nil {
		got.WriteString(relative(t, dump(c)))
	}
	checkGolden(t, strings.TrimSuffix(file, ".xml")+".golden", got.Bytes())
	name := filepath.Base(file)
	if strings.HasPrefix(name, "bad-") && !ds.Failed() {
		t.Errorf("%s loads; a bad-*.xml must be refused", name)
	}
	if !strings.HasPrefix(name, "bad-") && ds.Failed() {
		t.Errorf("%s is refused:\n%s", name, ds.Errors())
	}
}

func checkGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run with -update after a look)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

var testDirective = regexp.MustCompile(`<!-- test: (.*?) -->`)

func testOptions(data []byte) Options {
	o := Options{Hostname: "testhost"}
	if m := testDirective.FindSubmatch(data); m != nil {
		text := string(m[1])
		o.GatewayOpts = text
		o.Strict = strings.Contains(text, "-strict")
		o.PortMapping = strings.Contains(text, "-port-mapping")
	}
	return o
}

// relative takes this directory out of a text, so that goldens travel.
func relative(t *testing.T, s string) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, dir, "DIR"), "testdata/", "")
}

// TestEveryRuleHasAGolden keeps the rule table, the code and the files of
// testdata together.
func TestEveryRuleHasAGolden(t *testing.T) {
	rules := Rules()
	elsewhere := map[string]string{
		"A-1": "TestUnreadableFile",
		"B-4": "TestCheckHost", "B-5": "TestCheckHost", "B-6": "TestCheckHost", "C-7": "TestCheckHost",
		"C-11": "TestCheckHost", "H-9": "TestCheckHost", "O-2": "TestCheckHost",
		"M-1": "TestCheckMembers", "M-2": "TestCheckMembers", "M-3": "TestCheckMembers", "M-4": "TestCheckMembers",
		"M-6": "TestCheckMembers", "M-7": "TestCheckMembers", "M-9": "TestCheckMembers", "M-10": "TestCheckMembers",
		"M-11": "TestCheckMembers", "M-12": "TestCheckMembers", "M-15": "TestCheckMembers",
		"M-8": "H-3 and H-4 say it", "M-13": "S-2 says it",
	}
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	id := regexp.MustCompile(`(?m)^\S+: \[([A-Z]+-[0-9]+)\] `)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range id.FindAllSubmatch(data, -1) {
			seen[string(m[1])] = true
			if rules[string(m[1])] == "" {
				t.Errorf("%s: rule %s is not in Rules", f, m[1])
			}
		}
	}
	for rule := range rules {
		if !seen[rule] && elsewhere[rule] == "" {
			t.Errorf("rule %s (%s) has no golden file", rule, rules[rule])
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	for _, path := range []string{"testdata/does-not-exist.xml", "testdata"} {
		c, ds := Load(path, Options{})
		if c != nil || len(ds) != 1 || ds[0].Rule != "A-1" || !strings.Contains(ds[0].Text, "-config") {
			t.Errorf("Load(%q) = %v, %v; want one A-1", path, c, ds)
		}
	}
}
