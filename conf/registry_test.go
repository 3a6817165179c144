package conf

import (
	"strings"
	"testing"
)

// TestRegistryIsSound: every row has a parent that exists, a default of its
// own type, and a sentence where it is not served.
func TestRegistryIsSound(t *testing.T) {
	blocks := map[string]bool{"gateway-config": true, "service type": true, "options of module file": true}
	for _, e := range Registry() {
		if e.block != "" {
			blocks[e.block] = true
		}
	}
	for _, s := range serviceTypes {
		if s.block != "" {
			blocks[s.block] = true
		}
	}
	seen := make(map[string]bool)
	for _, e := range Registry() {
		id := e.Parent + "/" + e.Name
		if seen[id] {
			t.Errorf("%s stands twice", id)
		}
		seen[id] = true
		if !blocks[e.Parent] {
			t.Errorf("%s: nothing holds %q", id, e.Parent)
		}
		if e.Default != "" && e.Type != Text && e.Type != BindValue {
			if fault, _ := valueFault(e.Default, &e); fault != "" {
				t.Errorf("%s: default %q: %s", id, e.Default, fault)
			}
		}
		if (e.State == Served) != (e.Note == "") {
			t.Errorf("%s: state %v with note %q", id, e.State, e.Note)
		}
		if e.Alias != "" && entry(e.Parent, e.Alias) == nil {
			t.Errorf("%s: alias of %s, which is not there", id, e.Alias)
		}
		if e.Meaning == "" && e.Alias == "" && e.Parent != "service type" {
			t.Errorf("%s says nothing about itself", id)
		}
		if e.rule != "" && Rules()[e.rule] == "" || e.many != "" && Rules()[e.many] == "" {
			t.Errorf("%s: rule %q or %q is not in Rules", id, e.rule, e.many)
		}
		if e.KZ() && strings.HasPrefix(e.Name[len("kz:"):], "kz:") {
			t.Errorf("%s: prefix twice", id)
		}
	}
}

// Every service type of spec/config.md §12 has a row and a policy.
func TestServiceTypes(t *testing.T) {
	want := map[string]State{
		"balancer": Served, "echo": Served, "proxy": Served, "directory": Served, "broadcast": Served,
		"http.proxy": Served, "amqp.proxy": Served, "http.redirect": Served,
		"management.jmx": Ignored, "management.snmp": Ignored, "update.check": Ignored, "turn.rest": Ignored,
		"jms": Ignored, "jms.proxy": Ignored, "redis": Ignored, "kerberos5.proxy": Ignored,
		"session": Refused, "*-extension": Refused, "class:*": Refused,
	}
	got := make(map[string]State)
	for _, e := range Registry() {
		if e.Parent == "service type" {
			got[e.Name] = e.State
		}
	}
	for name, state := range want {
		if s, ok := got[name]; !ok || s != state {
			t.Errorf("type %s: %v, %v; want %v", name, s, ok, state)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d types, want %d", len(got), len(want))
	}
}

// TestRegistryIsACopy: what a caller does to it stays with the caller.
func TestRegistryIsACopy(t *testing.T) {
	Registry()[0].Name = "x"
	if Registry()[0].Name == "x" {
		t.Error("Registry hands out its own table")
	}
}

// TestEveryOptionLoads writes each simple element of the option blocks with
// its default, or a fitting value, and loads it.
func TestEveryOptionLoads(t *testing.T) {
	sample := map[ValueType]string{
		Text: "x", Name: "x", Size: "1k", Rate: "1MB/s", Interval: "1 s", CSV: "HIGH", Switch: "enabled",
		Integer: "1", BindValue: "8001", Path: "x", URIValue: "tcp://h:1",
	}
	for _, e := range Registry() {
		if e.Parent != "accept-options" && e.Parent != "connect-options" || e.State == Refused {
			continue
		}
		value := sample[e.Type]
		switch {
		case e.Type == Enum:
			value = e.Values[0]
		case e.Default != "":
			value = e.Default
		case canonicalTag(&e) == "ssl.protocols":
			value = "TLSv1.3"
		}
		body := `<service><name>p</name><accept>ws://h:1/</accept><connect>tcp://h:2</connect><type>proxy</type><` + e.Parent + `><` + e.Name + `>` + value + `</` + e.Name + `></` + e.Parent + `></service>`
		_, ds := Parse("m.xml", []byte(document(body)), Options{})
		if ds.Failed() {
			t.Errorf("%s %s %q:\n%s", e.Parent, e.Name, value, ds)
		}
		warned := strings.Contains(ds.String(), "KZ-2") || strings.Contains(ds.String(), "KZ-5")
		if e.Alias == "" && warned != (e.State != Served) {
			t.Errorf("%s %s is %q but the warning is %v:\n%s", e.Parent, e.Name, e.Status(), warned, ds)
		}
	}
}
