package conf

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	file := map[string]string{
		"a": "A", "b": "<${a}>", "c": "${b}${b}", "empty": "", "esc": "$${a}", "over": "file",
		"loop": "x${pool}", "pool": "${loop}", "self": "${self}", "bad": "${nowhere}", "x y": "blank",
	}
	for i := range 40 {
		file[fmt.Sprint("deep", i)] = fmt.Sprintf("${deep%d}", i+1)
	}
	defs := map[string]string{"over": "define", "blank": "", "ref": "${a}", "self2": "${self2}"}
	for _, c := range []struct{ text, want, fault string }{
		{"plain", "plain", ""},
		{"${a}", "A", ""},
		{"x${a}y${b}z", "xAy<A>z", ""},
		{"${ a }", "A", ""},
		{"${c}", "<A><A>", ""},
		{"${over}", "define", ""},
		{"${ref}", "A", ""},
		{"${hostname}", "thishost", ""},
		{"${x y}", "blank", ""},
		{"$${a}", "${a}", ""},
		{"$$${a}", "$${a}", ""},
		{"${esc}", "${a}", ""},
		{"${a", "${a", ""},
		{"$a", "$a", ""},
		{"$", "$", ""},
		{"${}", "${}", ""},
		{"${a${a}}", "${aA}", ""},
		{"{a}", "{a}", ""},
		{"$$", "$$", ""},
		{"$$a${a}", "$$aA", ""},
		{"${nowhere}", "${nowhere}", "nowhere"},
		{"${empty}", "${empty}", "${empty} has no value"},
		{"${blank}", "${blank}", "${blank} has no value"},
		{"${bad}", "${bad}", "nowhere"},
		{"${a:default}", "${a:default}", "a:default"},
		{"${HOME}", "${HOME}", "HOME"},
		{"${cloud.host}", "${cloud.host}", "cloud.host"},
		{"${loop}", "${loop}", "loop -> pool -> loop"},
		{"${self}", "${self}", "self -> self"},
		{"${self2}", "${self2}", "self2 -> self2"},
		{"${deep0}", "${deep0}", "deeper than 16"},
		{"${deep30}", "${deep30}", "deep40"},
	} {
		p := newParameters(defs, file, "thishost")
		got, errs := p.expand(c.text)
		fault := fmt.Sprint(errs)
		if got != c.want || (len(errs) > 0) != (c.fault != "") || !strings.Contains(fault, c.fault) {
			t.Errorf("expand(%q) = %q, %v; want %q, fault %q", c.text, got, errs, c.want, c.fault)
		}
	}
}

func TestExpandNamesEachFaultOnce(t *testing.T) {
	p := newParameters(nil, nil, "h")
	_, errs := p.expand("${a}${b}${a}")
	if len(errs) != 2 {
		t.Errorf("got %v, want one fault each for a and b", errs)
	}
}

func TestParseDefines(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                          {},
		"-Da=b":                     {"a": "b"},
		"-Xmx512m -Da=b  -Dc=d=e\n": {"a": "b", "c": "d=e"},
		`-Da="x y" -Db='p "q"'`:     {"a": "x y", "b": `p "q"`},
		"-Dflag -D -D=x":            {"flag": ""},
		`"-Da=b c"`:                 {"a": "b c"},
	} {
		if got := ParseDefines(text); !maps.Equal(got, want) {
			t.Errorf("ParseDefines(%q) = %v, want %v", text, got, want)
		}
	}
}

// A value never becomes markup.
func TestNoMarkupFromValues(t *testing.T) {
	doc := `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway">
  <properties><property><name>v</name><value>&lt;/accept>&lt;evil/></value></property></properties>
  <service><name>${v}</name><accept>ws://h:1/</accept><type>echo</type></service>
</gateway-config>`
	c, ds := Parse("x.xml", []byte(doc), Options{})
	if ds.Failed() || c.Services[0].Name != "</accept><evil/>" {
		t.Errorf("got %v, %v; want the value as the plain name", c, ds)
	}
}

func FuzzSubstitute(f *testing.F) {
	for _, s := range []string{"${a}", "$${a}", "${a${b}}", "${ a }", "${", "$", "${a}${a}", "}{$", "${b}"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		p := newParameters(nil, map[string]string{"a": value, "b": "${a}${a}"}, "h")
		got, errs := p.expand(text)
		if len(got) > maxFileBytes+maxExpandedBytes+len(text) {
			t.Errorf("expanded to %d bytes", len(got))
		}
		if !strings.Contains(text, "$") && (got != text || errs != nil) {
			t.Errorf("expand(%q) = %q, %v; want it unchanged", text, got, errs)
		}
	})
}
