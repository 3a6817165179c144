package conf

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

const tiny = `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway"><service><name>né</name><accept>ws://h:1/</accept><type>echo</type></service></gateway-config>`

func utf16Bytes(s string, order binary.AppendByteOrder, mark bool) []byte {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestEncodings(t *testing.T) {
	latin := func(s string) []byte {
		var b []byte
		for _, r := range s {
			b = append(b, byte(r))
		}
		return b
	}
	for name, c := range map[string]struct {
		data  []byte
		fault string
	}{
		"UTF-8":              {[]byte(tiny), ""},
		"UTF-8 declared":     {[]byte(`<?xml version="1.0" encoding="utf-8"?>` + tiny), ""},
		"UTF-8 mark":         {append([]byte{0xef, 0xbb, 0xbf}, tiny...), ""},
		"UTF-16BE mark":      {utf16Bytes(`<?xml version="1.0" encoding="UTF-16"?>`+tiny, binary.BigEndian, true), ""},
		"UTF-16LE mark":      {utf16Bytes(tiny, binary.LittleEndian, true), ""},
		"UTF-16BE":           {utf16Bytes(tiny, binary.BigEndian, false), ""},
		"UTF-16LE":           {utf16Bytes(tiny, binary.LittleEndian, false), ""},
		"ISO-8859-1":         {latin(`<?xml version='1.0' encoding = 'ISO-8859-1'?>` + tiny), ""},
		"UTF-16 odd":         {append(utf16Bytes(tiny, binary.BigEndian, true), 0), "middle of a character"},
		"UTF-16 broken pair": {append(utf16Bytes(tiny, binary.BigEndian, true), 0xd8, 0x00), "broken character"},
		"mark against name":  {append([]byte{0xef, 0xbb, 0xbf}, `<?xml version="1.0" encoding="ISO-8859-1"?>`+tiny...), "byte order mark"},
		"other":              {[]byte(`<?xml version="1.0" encoding="Shift_JIS"?>` + tiny), "not supported"},
		"latin undeclared":   {latin(tiny), "invalid UTF-8"},
		"text after":         {[]byte(tiny + "x"), "outside the document element"},
		"text before":        {[]byte("x" + tiny), "outside the document element"},
		"two roots":          {[]byte(tiny + tiny), "second document element"},
		"cut":                {[]byte(tiny[:60]), "not well-formed"},
		"doctype":            {[]byte("<!DOCTYPE x>" + tiny), "DOCTYPE"},
		"entity":             {[]byte(strings.Replace(tiny, "né", "&nope;", 1)), "not well-formed"},
		"nul":                {[]byte(strings.Replace(tiny, "né", "\x00", 1)), "not well-formed"},
		"large":              {[]byte(tiny + strings.Repeat(" ", maxFileBytes)), "larger than 4 MB"},
		"many":               {[]byte(`<g>` + strings.Repeat("<a/>", maxElements) + `</g>`), "more than 20000"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ds := Parse("x.xml", c.data, Options{})
			switch {
			case c.fault == "" && (ds.Failed() || got.Services[0].Name != "né"):
				t.Errorf("got %v, want service né", ds)
			case c.fault != "" && (len(ds) != 1 || ds[0].Rule != "X-1" || !strings.Contains(ds[0].Text, c.fault)):
				t.Errorf("got %v, want one X-1 with %q", ds, c.fault)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	doc := "<?xml version=\"1.0\"?>\n<gateway-config xmlns=\"http://xmlns.kaazing.org/2016/06/gateway\">\n\n   <nonsense/>\n\t<service><name>a</name><type>echo</type><accept>ws://\n  x ${nope}</accept></service></gateway-config>"
	_, ds := Parse("m.xml", []byte(doc), Options{})
	var got []string
	for _, d := range ds {
		got = append(got, fmt.Sprintf("%s:%d:%d %s", d.File, d.Line, d.Col, d.Rule))
	}
	want := "m.xml:6:5 D-1, m.xml:4:4 E-1, m.xml:5:42 E-2"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestDiagnosticsAreBounded(t *testing.T) {
	doc := `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway">` + strings.Repeat("<x/>", 2000) + `</gateway-config>`
	_, ds := Parse("m.xml", []byte(doc), Options{})
	if len(ds) != maxDiagnostics+1 || !strings.Contains(ds[maxDiagnostics].Text, "1500 or more") {
		t.Errorf("got %d findings, last %v", len(ds), ds[len(ds)-1])
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(tiny))
	for _, name := range []string{"good-kz", "good-services", "good-security", "good-substitution", "good-3x-shapes", "bad-many-at-once", "good-binds"} {
		data, err := readFile("testdata/" + name + ".xml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(utf16Bytes(tiny, binary.BigEndian, true))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ds := Parse("testdata/fuzz.xml", data, Options{Hostname: "h"})
		if (c == nil) != ds.Failed() {
			t.Errorf("config %v but findings %v", c, ds)
		}
		if len(ds) > maxDiagnostics+1 {
			t.Errorf("%d findings", len(ds))
		}
		if c != nil {
			CheckMembers([]*Config{c, c})
		}
	})
}
