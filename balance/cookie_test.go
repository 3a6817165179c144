package balance

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const vectorPair = "__Host-gwha-YZo3oS_B=1.01.69570a80.c05Kz8d59Eyj.t7TMYTh3dIEWmkIO4z006A"

func vectorTarget(t testing.TB, a *Affinity) *Target {
	t.Helper()
	d := New(Options{})
	d.Bind(echo, a)
	ad := offer("node1")
	ad.Name = "member-1"
	d.Set("10.0.0.1:5942", ad)
	return mustPick(t, d, &Query{Balancer: echo})
}

func TestCookieVector(t *testing.T) {
	a := vectorAffinity(t)
	if got := a.Group(); got != "YZo3oS_B" {
		t.Errorf("group %q", got)
	}
	for _, c := range []struct {
		name string
		got  [32]byte
		want string
	}{
		{"Kid", a.keys[0].kid, "12db92b0ae88157106e6f085c0a6066ef2d8ad864239396540ae4655a2852f9b"},
		{"Kmac", a.keys[0].kmac, "0847ee41bcca2eee34120511c153f84172855f9e8750445fca463bf3d5594d0b"},
	} {
		if !bytes.Equal(c.got[:], unhex(t, c.want)) {
			t.Errorf("%s: got %x, want %s", c.name, c.got, c.want)
		}
	}
	tg := vectorTarget(t, a)
	got := string(a.AppendSetCookie(nil, tg, true, vectorNow))
	if want := vectorPair + "; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=None"; got != want {
		t.Errorf("Set-Cookie\n got %s\nwant %s", got, want)
	}
	var c Cookie
	a.Read(&c, []byte(vectorPair), true, vectorNow)
	if !c.Present() || !tg.ids.has(&c.found[0]) {
		t.Errorf("the vector is not accepted for its member: %+v", c)
	}
}

func TestSetCookieAttributes(t *testing.T) {
	key := []Key{vectorKey()}
	const value = "=1.01.69570a80.c05Kz8d59Eyj.t7TMYTh3dIEWmkIO4z006A"
	for _, c := range []struct {
		name   string
		o      AffinityOptions
		secure bool
		want   string
	}{
		{"plaintext", AffinityOptions{Keys: key}, false, "gwha-YZo3oS_B" + value + "; Path=/echo; Max-Age=86400; HttpOnly"},
		{"session", AffinityOptions{Keys: key, Session: true}, true, "__Host-gwha-YZo3oS_B" + value + "; Path=/; HttpOnly; Secure; SameSite=None"},
		{"partitioned lax", AffinityOptions{Keys: key, Partitioned: true, SameSite: SameSiteLax}, true,
			"__Host-gwha-YZo3oS_B" + value + "; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax; Partitioned"},
		{"domain", AffinityOptions{Keys: key, Domain: "example.com", SameSite: SameSiteStrict}, true,
			"__Secure-gwha-YZo3oS_B" + value + "; Path=/echo; Domain=example.com; Max-Age=86400; HttpOnly; Secure; SameSite=Strict"},
		{"domain in plaintext", AffinityOptions{Keys: key, Domain: "example.com"}, false,
			"gwha-YZo3oS_B" + value + "; Path=/echo; Domain=example.com; Max-Age=86400; HttpOnly"},
	} {
		c.o.Service = "Echo balancer"
		a, err := NewAffinity(c.o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := string(a.AppendSetCookie(nil, vectorTarget(t, a), c.secure, vectorNow)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestNewAffinityRefuses(t *testing.T) {
	k := vectorKey()
	other := Key{ID: 2, Secret: k.Secret}
	for name, o := range map[string]AffinityOptions{
		"no key":    {},
		"four keys": {Keys: []Key{{1, k.Secret}, {2, k.Secret}, {3, k.Secret}, {4, k.Secret}}},
		"short key": {Keys: []Key{{1, k.Secret[:15]}}},
		"same id":   {Keys: []Key{k, other, k}},
		"ttl":       {Keys: []Key{k}, TTL: -time.Second},
		"subsecond": {Keys: []Key{k}, TTL: time.Millisecond},
		"same site": {Keys: []Key{k}, SameSite: 9},
	} {
		if _, err := NewAffinity(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestReadCookie(t *testing.T) {
	a := vectorAffinity(t)
	tg := vectorTarget(t, a)
	valid := func(at time.Time) string {
		s, _, _ := strings.Cut(string(a.AppendSetCookie(nil, tg, true, at)), ";")
		return s
	}
	good := valid(vectorNow)
	flip := func(i int) string {
		b := []byte(good)
		b[len("__Host-gwha-YZo3oS_B=")+i] ^= 1
		return string(b)
	}
	junk := "__Host-gwha-YZo3oS_B=x; "
	type row struct {
		name, header string
		secure       bool
		want         uint8
	}
	rows := []row{
		{"alone", good, true, 1},
		{"among others", "a=b; " + good + "; c", true, 1},
		{"no space, tabs", "a=b;\t" + good + " \t;c=d", true, 1},
		{"fourth", strings.Repeat(junk, 3) + good, true, 1},
		{"fifth", strings.Repeat(junk, 4) + good, true, 0},
		{"five valid", strings.Repeat(good+"; ", 5), true, 4},
		{"in plaintext", good, false, 0},
		{"other case of name", strings.Replace(good, "gwha", "GWHA", 1), true, 0},
		{"prefix of name", "x" + good, true, 0},
		{"quoted", strings.Replace(good, "=", `="`, 1) + `"`, true, 0},
		{"longer", good + "A", true, 0},
		{"shorter", good[:len(good)-1], true, 0},
		{"65 bytes", good + strings.Repeat("A", 16), true, 0},
		{"expired", valid(vectorNow.Add(-25 * time.Hour)), true, 0},
		{"expires now", valid(vectorNow.Add(-24 * time.Hour)), true, 0},
		{"300 s ahead", valid(vectorNow.Add(300 * time.Second)), true, 1},
		{"301 s ahead", valid(vectorNow.Add(301 * time.Second)), true, 0},
		{"empty", "", true, 0},
		{"separators", ";;;=;", true, 0},
	}
	for i := range valueLen {
		rows = append(rows, row{"bit flipped", flip(i), true, 0})
	}
	for _, r := range rows {
		var c Cookie
		a.Read(&c, []byte(r.header), r.secure, vectorNow)
		if c.n != r.want {
			t.Errorf("%s: %q: got %d wishes, want %d", r.name, r.header, c.n, r.want)
		}
	}
}

func TestReadCookieOfOtherServiceOrKey(t *testing.T) {
	a := vectorAffinity(t)
	for name, o := range map[string]AffinityOptions{
		"service": {Service: "Other", Keys: []Key{vectorKey()}},
		"secret":  {Service: "Echo balancer", Keys: []Key{{1, make([]byte, 32)}}},
		"key id":  {Service: "Echo balancer", Keys: []Key{{2, vectorKey().Secret}}},
	} {
		b, err := NewAffinity(o)
		if err != nil {
			t.Fatal(err)
		}
		_, value, _ := strings.Cut(string(b.AppendSetCookie(nil, vectorTarget(t, b), true, vectorNow)), "=")
		value, _, _ = strings.Cut(value, ";")
		var c Cookie
		a.Read(&c, []byte(a.CookieName(true)+"="+value), true, vectorNow)
		if c.Present() {
			t.Errorf("cookie of another %s accepted", name)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	old := vectorKey()
	fresh := Key{ID: 2, Secret: bytes.Repeat([]byte{7}, 32)}
	both, err := NewAffinity(AffinityOptions{Service: "Echo balancer", Keys: []Key{fresh, old}})
	if err != nil {
		t.Fatal(err)
	}
	before := vectorAffinity(t)
	oldTarget, newTarget := vectorTarget(t, before), vectorTarget(t, both)
	var c Cookie
	both.Read(&c, []byte(vectorPair), true, vectorNow)
	if both.Due(&c, newTarget, vectorNow) {
		t.Error("a cookie under the old key does not hold")
	}
	if got := string(both.AppendSetCookie(nil, newTarget, true, vectorNow)); !strings.Contains(got, "=1.02.") {
		t.Errorf("not signed by the newest key: %s", got)
	}
	// A target picked before the new keys were bound gets the same cookie.
	if a, b := both.AppendSetCookie(nil, oldTarget, true, vectorNow), both.AppendSetCookie(nil, newTarget, true, vectorNow); !bytes.Equal(a, b) {
		t.Errorf("got %s\nwant %s", a, b)
	}
}

func TestDue(t *testing.T) {
	a := vectorAffinity(t)
	tg := vectorTarget(t, a)
	d := cluster(Options{}, 1)
	d.Bind(echo, a)
	other := mustPick(t, d, &Query{Balancer: echo})
	var c Cookie
	a.Read(&c, []byte(vectorPair), true, vectorNow)
	for _, r := range []struct {
		name string
		c    *Cookie
		t    *Target
		at   time.Duration
		want bool
	}{
		{"fresh", &c, tg, 0, false},
		{"no cookie", &Cookie{}, tg, 0, true},
		{"other member", &c, other, 0, true},
		{"half its life", &c, tg, 12 * time.Hour, false},
		{"more than half", &c, tg, 12*time.Hour + time.Second, true},
	} {
		if got := a.Due(r.c, r.t, vectorNow.Add(r.at)); got != r.want {
			t.Errorf("%s: got %v, want %v", r.name, got, r.want)
		}
	}
}

func TestDeriveKey(t *testing.T) {
	a, b, c := DeriveKey("one"), DeriveKey("one"), DeriveKey("two")
	if !bytes.Equal(a.Secret, b.Secret) || bytes.Equal(a.Secret, c.Secret) || len(a.Secret) != 32 {
		t.Errorf("got %x, %x, %x", a.Secret, b.Secret, c.Secret)
	}
}

func TestCheckDomain(t *testing.T) {
	hosts := []string{"balancer.example.com", "example.com"}
	for domain, want := range map[string]bool{
		"example.com": true, "ample.com": false, "com": false, "10.0.0.1": false, "": false, ".com": false,
		"a..b": false, "example.com;x": false, "balancer.example.com": false,
	} {
		if err := CheckDomain(domain, hosts...); (err == nil) != want {
			t.Errorf("%q: %v", domain, err)
		}
	}
}

func TestShortMAC(t *testing.T) {
	key := [32]byte{1, 2, 3}
	for n := range maxMACInput + 10 {
		msg := bytes.Repeat([]byte{byte(n)}, n)
		if got, want := shortMAC(&key, msg), longMAC(key[:], string(msg)); got != want {
			t.Fatalf("%d bytes: got %x, want %x", n, got, want)
		}
	}
}

func TestCookieAllocations(t *testing.T) {
	a := vectorAffinity(t)
	tg := vectorTarget(t, a)
	header := []byte("a=b; " + vectorPair + "; " + vectorPair)
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		var c Cookie
		a.Read(&c, header, true, vectorNow)
		if a.Due(&c, tg, vectorNow) {
			t.Fatal("not read")
		}
		buf = a.AppendSetCookie(buf[:0], tg, true, vectorNow)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzReadCookie(f *testing.F) {
	f.Add([]byte("a=b; "+vectorPair), true)
	f.Add([]byte("gwha-YZo3oS_B=1.01.69570a80.c05Kz8d59Eyj.t7TMYTh3dIEWmkIO4z006A"), false)
	a := vectorAffinity(f)
	tg := vectorTarget(f, a)
	f.Fuzz(func(t *testing.T, header []byte, secure bool) {
		var c Cookie
		kept := bytes.Clone(header)
		a.Read(&c, header, secure, vectorNow)
		if !bytes.Equal(kept, header) {
			t.Fatal("header changed")
		}
		if c.n > maxCookies || c.seen > maxCookies || c.n > c.seen {
			t.Fatalf("%d of %d cookies", c.n, c.seen)
		}
		for i := range c.n {
			if !tg.ids.has(&c.found[i]) {
				t.Fatalf("forged a cookie: %q", header)
			}
		}
	})
}
