package gateway

import (
	"flag"
	"os"
	"testing"

	"github.com/kzfast/kzfast/conf"
)

var update = flag.Bool("update", false, "rewrite docs/services.md")

const tableFile = "../docs/services.md"

// docs/services.md is what 'kzfast services' prints.
func TestServiceTableIsPublished(t *testing.T) {
	if *update {
		if err := os.WriteFile(tableFile, []byte(ServiceTable()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != ServiceTable() {
		t.Errorf("%s is not what the registry says; run: go test ./gateway -run TestServiceTable -update", tableFile)
	}
}

// A service type is marked as served when there is something that makes it,
// and only then.
func TestServedTypesHaveMakers(t *testing.T) {
	served := make(map[string]bool)
	for _, e := range conf.Registry() {
		if e.Parent == "service type" && e.State == conf.Served {
			served[e.Name] = true
			if makers[e.Name] == nil {
				t.Errorf("type %s is marked as served, but nothing makes it", e.Name)
			}
		}
	}
	for name := range makers {
		if !served[name] {
			t.Errorf("type %s is made, but not marked as served", name)
		}
	}
}

// What is not served has a sentence for who named it.
func TestUnservedRowsSayWhy(t *testing.T) {
	for _, e := range conf.Registry() {
		if e.Alias == "" && e.State != conf.Served && e.Note == "" {
			t.Errorf("%s/%s is %v without a word", e.Parent, e.Name, e.State)
		}
	}
}
