package multicast

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
)

func testKeys(t testing.TB, cluster string, secrets ...string) []key {
	t.Helper()
	var raw [][]byte
	for _, s := range secrets {
		raw = append(raw, []byte(s))
	}
	keys, err := deriveKeys(cluster, raw)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func sample() datagram {
	return datagram{
		kind: query, flags: flagKeyed | flagEncrypted, instance: 0x1122334455667788, seq: 42,
		min: 1, max: 1, addr: netip.MustParseAddrPort("127.0.0.4:5942"),
	}
}

func TestDatagramLayout(t *testing.T) {
	k := testKeys(t, "alpha")
	d := sample()
	b := d.append(nil, &k[0])
	if got, want := len(b), 36+1+4+1+16; got != want {
		t.Fatalf("length = %d, want %d", got, want)
	}
	want := []byte("HAB1\x02\x03\x00\x3a")
	if !bytes.Equal(b[:8], want) {
		t.Errorf("front = %q, want %q", b[:8], want)
	}
	if got := binary.BigEndian.Uint16(b[34:]); got != 5942 {
		t.Errorf("port = %d, want 5942", got)
	}
	if got := b[36:41]; !bytes.Equal(got, []byte{4, 127, 0, 0, 4}) {
		t.Errorf("address = %v", got)
	}
}

func TestDatagramRoundTrip(t *testing.T) {
	for _, addr := range []string{"127.0.0.4:5942", "[2001:db8::4]:1", "10.0.0.1:65535"} {
		for _, kd := range []kind{announce, query, bye} {
			k := testKeys(t, "alpha", "0123456789abcdef")
			d := sample()
			d.kind, d.addr = kd, netip.MustParseAddrPort(addr)
			got, err := parse(d.append(nil, &k[0]), k)
			if err != nil || got != d {
				t.Errorf("%s kind %d: got %+v, %v, want %+v", addr, kd, got, err, d)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	k := testKeys(t, "alpha", "0123456789abcdef")
	sealed := func(change func(b []byte) []byte) []byte {
		d := sample()
		b := d.append(nil, &k[0])
		b = change(b[:len(b)-macLen])
		binary.BigEndian.PutUint16(b[6:], uint16(len(b)+macLen))
		return append(b, k[0].sign(b)...)
	}
	with := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] = v; return b }
	}
	good := func() []byte { d := sample(); return d.append(nil, &k[0]) }
	foreign := testKeys(t, "beta", "0123456789abcdef")
	wrong := testKeys(t, "alpha", "fedcba9876543210")
	d := sample()
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"empty", nil, errForeign},
		{"a Java gateway's", []byte("\x04\x00\x00\x00 join request"), errForeign},
		{"other cluster name", d.append(nil, &foreign[0]), errForeign},
		{"other key", d.append(nil, &wrong[0]), errForeign},
		{"bit flipped in the address", func() []byte { b := good(); b[38] ^= 1; return b }(), errMAC},
		{"bit flipped in the signature", func() []byte { b := good(); b[len(b)-1] ^= 1; return b }(), errMAC},
		{"longer than it says", append(good(), 0), errShape},
		{"kind 0", sealed(with(4, 0)), errShape},
		{"kind 4", sealed(with(4, 4)), errShape},
		{"port 0", sealed(func(b []byte) []byte { b[34], b[35] = 0, 0; return b }), errShape},
		{"address of 5 bytes", sealed(with(36, 5)), errShape},
		{"address cut", sealed(func(b []byte) []byte { return b[:39] }), errShape},
		{"unspecified address", sealed(func(b []byte) []byte { copy(b[37:], "\x00\x00\x00\x00"); return b }), errShape},
		{"multicast address", sealed(with(37, 224)), errShape},
		{"extension longer than the rest", sealed(with(41, 9)), errShape},
		{"no extension area", sealed(func(b []byte) []byte { return b[:41] }), errShape},
		{"only newer protocols", sealed(func(b []byte) []byte { b[32], b[33] = 2, 3; return b }), errProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parse(tt.in, k); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
	extended := sealed(func(b []byte) []byte { return append(b[:41], 3, 'x', 'y', 'z') })
	if got, err := parse(extended, k); err != nil || got != d {
		t.Errorf("unknown extension: got %+v, %v, want it skipped", got, err)
	}
}

func TestParseEveryLength(t *testing.T) {
	k := testKeys(t, "alpha")
	d := sample()
	b := d.append(nil, &k[0])
	for n := range b {
		if _, err := parse(b[:n], k); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(b))
		}
	}
}

func TestParseRotatedKeys(t *testing.T) {
	both := testKeys(t, "alpha", "new-new-new-new-", "old-old-old-old-")
	old := testKeys(t, "alpha", "old-old-old-old-")
	d := sample()
	if _, err := parse(d.append(nil, &old[0]), both); err != nil {
		t.Errorf("old key refused during rotation: %v", err)
	}
	if _, err := parse(d.append(nil, &both[0]), old); !errors.Is(err, errForeign) {
		t.Errorf("unknown new key: error = %v, want %v", err, errForeign)
	}
}

func TestGuard(t *testing.T) {
	var g guard
	for i, tt := range []struct {
		instance, seq uint64
		want          bool
	}{{1, 5, true}, {1, 5, false}, {1, 4, false}, {2, 4, true}, {1, 6, true}, {1, 5, false}} {
		if got := g.fresh(tt.instance, tt.seq); got != tt.want {
			t.Errorf("step %d: fresh(%d, %d) = %v, want %v", i, tt.instance, tt.seq, got, tt.want)
		}
	}
	for i := range uint64(3 * maxInstances) {
		g.fresh(100+i, 1)
	}
	if len(g.last) > maxInstances {
		t.Errorf("replay memory holds %d senders, limit %d", len(g.last), maxInstances)
	}
}

func FuzzParse(f *testing.F) {
	k, err := deriveKeys("alpha", [][]byte{[]byte("0123456789abcdef")})
	if err != nil {
		f.Fatal(err)
	}
	d := sample()
	b := d.append(nil, &k[0])
	// The fuzzer cannot guess a MAC: it mutates the body, we sign it.
	f.Add(b[8+tagLen:len(b)-macLen], b[4])
	f.Add([]byte{}, byte(0))
	f.Fuzz(func(t *testing.T, rest []byte, kd byte) {
		in := append([]byte(magic), kd, 0, 0, 0)
		in = append(in, k[0].tag[:]...)
		in = append(in, rest...)
		binary.BigEndian.PutUint16(in[6:], uint16(len(in)+macLen))
		in = append(in, k[0].sign(in)...)
		got, err := parse(in, k)
		if err != nil {
			return
		}
		again, err := parse(got.append(nil, &k[0]), k)
		if err != nil || again != got {
			t.Errorf("decode, encode, decode = %+v, %v, want %+v", again, err, got)
		}
	})
}
