package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sampleMeta() meta {
	return meta{flags: metaLeaving, instance: 0xfeed, stamp: stamp{1700000000000, 7}, hash: 9, port: 8080, product: "kzfast 1.2"}
}

func TestMetaLayout(t *testing.T) {
	m := sampleMeta()
	b := m.append(nil)
	if len(b) != 36+1+len(m.product) || b[0] != 1 || b[1] != 1 {
		t.Fatalf("encoded %d bytes %x", len(b), b)
	}
	if got := binary.BigEndian.Uint64(b[2:]); got != m.instance {
		t.Errorf("instance at 2 = %x, want %x", got, m.instance)
	}
	if got := binary.BigEndian.Uint16(b[34:]); got != m.port {
		t.Errorf("port at 34 = %d, want %d", got, m.port)
	}
	for _, in := range [][]byte{b, append(b, "later fields"...)} {
		if got, err := parseMeta(in); err != nil || got != m {
			t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
	}
	for n := range b {
		if _, err := parseMeta(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(b))
		}
	}
	for name, change := range map[string]func(b []byte){
		"other layout":    func(b []byte) { b[0] = 2 },
		"no instance":     func(b []byte) { clear(b[2:10]) },
		"endless epoch":   func(b []byte) { b[10] = 0xff },
		"product too big": func(b []byte) { b[36] = maxProduct + 1 },
	} {
		bad := bytes.Clone(b)
		change(bad)
		if _, err := parseMeta(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func sampleRecord() *record {
	return newRecord("127.0.0.4:5942", 0xfeed, stamp{1700000000000, 3}, stateUp, []byte("the advert"))
}

func TestRecordRoundTrip(t *testing.T) {
	for _, advert := range []string{"", "x", strings.Repeat("y", MaxAdvert)} {
		for _, name := range []string{"127.0.0.4:5942", "[2001:db8::4]:1"} {
			r := newRecord(name, 5, stamp{6, 7}, stateLeaving, []byte(advert))
			got, err := parseRecord(r.raw)
			if err != nil {
				t.Fatalf("%s with %d bytes: %v", name, len(advert), err)
			}
			if got.name != name || got.instance != 5 || got.stamp != (stamp{6, 7}) || got.state != stateLeaving ||
				string(got.advert) != advert || got.hash != r.hash {
				t.Errorf("%s with %d bytes: got %+v", name, len(advert), got)
			}
		}
	}
}

func TestRecordKeepsUnknownFields(t *testing.T) {
	raw := append(sampleRecord().raw, "fields of a later format"...)
	r, err := parseRecord(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := appendRecord(nil, r); !bytes.Equal(got[1:], raw) {
		t.Errorf("relayed %q, want %q", got[1:], raw)
	}
}

func TestRecordRefuses(t *testing.T) {
	b := sampleRecord().raw
	for n := range b {
		if _, err := parseRecord(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(b))
		}
	}
	for _, name := range []string{"", "host:1", "127.0.0.4", "127.0.0.4:0", "127.0.0.4:05942", "[::ffff:1.2.3.4]:1", "[fe80::1%eth0]:1", strings.Repeat("1", 65)} {
		if _, err := parseRecord(newRecord(name, 1, stamp{1, 1}, stateUp, nil).raw); err == nil {
			t.Errorf("member name %q accepted", name)
		}
	}
	if _, err := parseRecord(newRecord("1.2.3.4:1", 1, stamp{maxEpoch + 1, 1}, stateUp, nil).raw); err == nil {
		t.Error("endless epoch accepted")
	}
	if _, err := parseRecord(make([]byte, maxRecord+1)); !errors.Is(err, errRecord) {
		t.Errorf("oversized record: %v", err)
	}
}

func TestMessageRoundTrip(t *testing.T) {
	digest := []known{{"1.2.3.4:5", stamp{6, 7}}, {"[::1]:9", stamp{8, 9}}}
	for name, tt := range map[string]struct {
		in   []byte
		want message
	}{
		"want":   {appendWant(nil, "1.1.1.1:1", "2.2.2.2:2", stamp{3, 4}), message{typ: msgWant, from: "1.1.1.1:1", name: "2.2.2.2:2", stamp: stamp{3, 4}}},
		"digest": {appendDigest(nil, "1.1.1.1:1", digest), message{typ: msgDigest, from: "1.1.1.1:1", digest: digest}},
		"load":   {appendLoad(nil, "1.1.1.1:1", 5, 6, []byte("busy")), message{typ: msgLoad, from: "1.1.1.1:1", inst: 5, seq: 6, payload: []byte("busy")}},
	} {
		got, err := parseMessage(tt.in)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, tt.want)
		}
		for n := range tt.in {
			if _, err := parseMessage(tt.in[:n]); err == nil && name != "load" {
				t.Errorf("%s: the first %d of %d bytes were accepted", name, n, len(tt.in))
			}
		}
	}
	if _, err := parseMessage([]byte{99, 1}); err == nil {
		t.Error("unknown type accepted")
	}
	if _, err := parseMessage(appendLoad(nil, "1.1.1.1:1", 5, 6, make([]byte, maxLoad+1))); err == nil {
		t.Error("oversized load accepted")
	}
	many := appendDigest(nil, "1.1.1.1:1", nil)
	binary.BigEndian.PutUint16(many[len(many)-2:], maxDigest)
	if _, err := parseMessage(many); err == nil {
		t.Error("digest with a count beyond its size accepted")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(sampleRecord().raw)
	f.Add(append(sampleRecord().raw, 1, 2, 3))
	f.Add([]byte{1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(slices.Clip(b))
		if err != nil {
			return
		}
		again := newRecord(r.name, r.instance, r.stamp, r.state, r.advert)
		back, err := parseRecord(again.raw)
		if err != nil || back.name != r.name || back.stamp != r.stamp || !bytes.Equal(back.advert, r.advert) || back.state != r.state {
			t.Errorf("decode, encode, decode: %+v, %v, want %+v", back, err, r)
		}
		if !bytes.HasPrefix(b, again.raw) {
			t.Errorf("two encodings of one record: %x and %x", b, again.raw)
		}
	})
}

// FuzzMessage covers user messages and the push/pull exchange they travel in.
func FuzzMessage(f *testing.F) {
	f.Add(appendRecord(nil, sampleRecord()))
	f.Add(appendWant(nil, "1.1.1.1:1", "2.2.2.2:2", stamp{3, 4}))
	f.Add(appendDigest(nil, "1.1.1.1:1", []known{{"1.2.3.4:5", stamp{6, 7}}}))
	f.Add(appendLoad(nil, "1.1.1.1:1", 5, 6, []byte("busy")))
	f.Add(appendState(appendState(nil, []byte{1}), []byte{2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseMessage(b); err == nil {
			var again []byte
			switch m.typ {
			case msgRecord:
				again = appendRecord(nil, m.record)
			case msgWant:
				again = appendWant(nil, m.from, m.name, m.stamp)
			case msgDigest:
				again = appendDigest(nil, m.from, m.digest)
			case msgLoad:
				again = appendLoad(nil, m.from, m.inst, m.seq, m.payload)
			}
			back, err := parseMessage(again)
			if err != nil || !reflect.DeepEqual(back, m) {
				t.Errorf("decode, encode, decode: %+v, %v, want %+v", back, err, m)
			}
		}
		for rest := b; len(rest) > 0; {
			msg, next, ok := cutState(rest)
			if !ok {
				break
			}
			parseMessage(msg)
			rest = next
		}
		parseMeta(b)
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add(newGreeting([]byte("k"), 1, "1.1.1.1:1", "2.2.2.2:2").raw[1:])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := readGreeting(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(g.from) > maxName || len(g.to) > maxName || !bytes.HasPrefix(b, g.raw[1:]) {
			t.Errorf("greeting %+v of %x", g, b)
		}
	})
}
