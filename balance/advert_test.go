package balance

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func sampleAdvert() *Advert {
	return &Advert{
		State: Draining, Name: "member-1", Zone: "eu", Version: "1.2", Conns: 70000, Capacity: 1 << 31,
		Entries: []Entry{
			{Balance: echo, Service: "echo", Type: "echo", Targets: []string{"ws://a:1/", "wss://a:2/"}, Weight: 65535, Conns: 3},
			{Balance: "wss://b:1/x", Service: "é", Type: "proxy"},
		},
	}
}

func TestAdvertRoundTrip(t *testing.T) {
	for name, a := range map[string]*Advert{"zero": {}, "full": sampleAdvert()} {
		got, err := DecodeAdvert(a.Append([]byte("kept"))[4:])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, a) {
			t.Errorf("%s: got %+v, want %+v", name, got, a)
		}
	}
}

func TestAdvertIsCanonical(t *testing.T) {
	a, b := sampleAdvert(), sampleAdvert()
	b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0]
	b.Entries[1].Targets = []string{"wss://a:2/", "ws://a:1/", "wss://a:2/"}
	if !bytes.Equal(a.Append(nil), b.Append(nil)) {
		t.Error("order of entries or targets changes the wire form")
	}
	if b.Entries[1].Targets[0] != "wss://a:2/" {
		t.Error("Append changed its receiver")
	}
}

func TestAdvertSkipsUnknownFields(t *testing.T) {
	b := []byte{formatByte}
	b = appendText(b, 99, "from the future")
	b = appendNumber(b, tagConns, 7)
	entry := appendText(nil, 77, "x")
	entry = appendText(entry, tagBalance, echo)
	b = binary.AppendUvarint(b, tagEntry)
	b = binary.AppendUvarint(b, uint64(len(entry)))
	b = append(b, entry...)
	got, err := DecodeAdvert(b)
	want := &Advert{Conns: 7, Entries: []Entry{{Balance: echo}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestDecodeAdvertRefuses(t *testing.T) {
	entries := []byte{formatByte}
	for range MaxEntries + 1 {
		entries = append(entries, tagEntry, 10, tagBalance, 8)
		entries = append(entries, "ws://a:1"...)
	}
	targets := appendText(nil, tagBalance, echo)
	for range MaxTargets + 1 {
		targets = appendText(targets, tagTarget, "ws://a:1")
	}
	one := func(tag uint64, body string) []byte { return appendText([]byte{formatByte}, tag, body) }
	for name, b := range map[string][]byte{
		"empty":              {},
		"other format":       {2},
		"too long":           make([]byte, MaxAdvertBytes+1),
		"tag only":           {formatByte, tagName},
		"length beyond end":  {formatByte, tagName, 2, 'x'},
		"endless tag":        append([]byte{formatByte}, bytes.Repeat([]byte{0xff}, 20)...),
		"state above 255":    one(tagState, "\x80\x02"),
		"conns above 32 bit": one(tagConns, "\xff\xff\xff\xff\x7f"),
		"number with tail":   one(tagConns, "\x01\x01"),
		"number of no bytes": {formatByte, tagConns, 0},
		"name too long":      one(tagName, strings.Repeat("x", MaxNameBytes+1)),
		"name not UTF-8":     one(tagName, "\xff"),
		"name with LF":       one(tagName, "a\nb"),
		"entry without URI":  {formatByte, tagEntry, 0},
		"URI with CR":        one(tagEntry, string(appendText(nil, tagBalance, "ws://a\r"))),
		"URI too long":       one(tagEntry, string(appendText(nil, tagBalance, strings.Repeat("x", MaxURIBytes+1)))),
		"too many entries":   entries,
		"too many targets":   one(tagEntry, string(targets)),
	} {
		if a, err := DecodeAdvert(b); err == nil {
			t.Errorf("%s: got %+v, want an error", name, a)
		}
	}
}

func TestDecodeAdvertEveryCut(t *testing.T) {
	b := sampleAdvert().Append(nil)
	for i := range b {
		if a, err := DecodeAdvert(b[:i]); err == nil && bytes.Equal(a.Append(nil), b) {
			t.Errorf("cut at %d of %d decodes to the whole", i, len(b))
		}
	}
}

func TestValidateAgreesWithDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "a", "é", "a\x00b", strings.Repeat("n", 256), "\xff"})
		uri := rapid.SampledFrom([]string{"", "ws://a:1/", "ws://b c/", "ws://é/", strings.Repeat("u", 2049)})
		a := &Advert{State: State(rapid.IntRange(0, 255).Draw(t, "state")), Name: text.Draw(t, "name"), Conns: rapid.Uint32().Draw(t, "conns")}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			a.Entries = append(a.Entries, Entry{
				Balance: uri.Draw(t, "balance"), Service: text.Draw(t, "service"),
				Targets: rapid.SliceOfN(uri, 0, 3).Draw(t, "targets"), Weight: rapid.Uint16().Draw(t, "weight"),
			})
		}
		invalid := a.Validate()
		got, err := DecodeAdvert(a.Append(nil))
		if invalid == nil && err != nil {
			t.Fatalf("valid advert %+v refused: %v", a, err)
		}
		if err == nil && !bytes.Equal(got.Append(nil), a.Append(nil)) {
			t.Fatalf("decoded %+v differs from %+v", got, a)
		}
	})
}

func FuzzDecodeAdvert(f *testing.F) {
	f.Add(sampleAdvert().Append(nil))
	f.Add((&Advert{}).Append(nil))
	f.Add([]byte{formatByte, 99, 1, 0, tagEntry, 3, tagBalance, 1, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := DecodeAdvert(b)
		if err != nil {
			return
		}
		if err := a.Validate(); err != nil {
			t.Fatalf("decoded advert does not validate: %v", err)
		}
		wire := a.Append(nil)
		again, err := DecodeAdvert(wire)
		if err != nil || !reflect.DeepEqual(a, again) {
			t.Fatalf("second decode: %+v, %v, want %+v", again, err, a)
		}
		if !bytes.Equal(again.Append(nil), wire) {
			t.Fatal("second encode differs")
		}
	})
}
