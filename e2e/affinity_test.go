//go:build linux

package e2e

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// visits asks all doors in turn, n times, with a cookie, and counts which
// member each answer leads to and how many answers set a new cookie.
func (f *fleet) visits(n int, cookie string) (to map[*member]int, set int) {
	f.t.Helper()
	to = make(map[*member]int)
	doors := f.doors()
	for i := range n {
		r, err := ask(plain, doors[i%len(doors)], f.uri(), "Cookie: "+cookie)
		if err != nil {
			f.t.Fatal(err)
		}
		m := f.byURI(r.location())
		if m == nil {
			f.t.Fatalf("status %d, location %q", r.status, r.location())
		}
		to[m]++
		if r.cookie() != "" {
			set++
		}
	}
	return to, set
}

// TestA3AffinityWhileTheMemberLives brings the cookie back to every member's
// balancer, then kills the member it stands for.
func TestA3AffinityWhileTheMemberLives(t *testing.T) {
	f := newFleet(t, fleetSpec{})
	f.start()
	door := f.members[0].addr()
	r, err := ask(plain, door, f.uri())
	if err != nil {
		t.Fatal(err)
	}
	home, cookie := f.byURI(r.location()), r.cookie()
	if home == nil || cookie == "" {
		t.Fatalf("location %q, cookie %q", r.location(), cookie)
	}
	const tries = 100
	to, set := f.visits(tries, cookie)
	if to[home] != tries {
		t.Errorf("%d of %d tries led to %s: %v", to[home], tries, home.name, names(to))
	}
	if set != 0 {
		t.Errorf("%d of %d answers set the cookie again", set, tries)
	}
	if free, _ := f.visits(60, "other=1"); len(free) != len(f.members) {
		t.Errorf("without the cookie all led to %v; the test could not fail", names(free))
	}

	others := f.but(home)
	killed := time.Now()
	home.kill()
	var wrong int
	for {
		asked := time.Now()
		r, err := ask(plain, others[0].addr(), f.uri(), "Cookie: "+cookie)
		if err != nil {
			t.Fatal(err)
		}
		if m := f.byURI(r.location()); m != nil && m != home {
			if r.cookie() == "" || r.cookie() == cookie {
				t.Errorf("no new cookie on the way to %s", m.name)
			}
			cookie, home = r.cookie(), m
			break
		}
		wrong++
		if asked.Sub(killed) > time.Second {
			t.Fatalf("led to the dead member %v after its end", asked.Sub(killed))
		}
	}
	t.Logf("affinity: %d of %d tries back home; elsewhere %.0f ms after kill -9, %d answers to the dead member before",
		to[f.byURI(r.location())], tries, float64(time.Since(killed).Microseconds())/1000, wrong)
	for range 20 {
		r, err := ask(plain, others[1].addr(), f.uri(), "Cookie: "+cookie)
		if err != nil {
			t.Fatal(err)
		}
		if m := f.byURI(r.location()); m != home {
			t.Fatalf("the new cookie leads to %s, want %s", where(m), where(home))
		}
	}
}

// TestA3CookiesThatDoNotCount shows that forged, expired and foreign cookies
// are as good as none: any member is chosen, and a new cookie is set.
func TestA3CookiesThatDoNotCount(t *testing.T) {
	maker := cookieMaker{key: bytes.Repeat([]byte{7}, 32), kid: "2a", service: "echo balancer"}
	f := newFleet(t, fleetSpec{Cluster: []setting{{"kz:affinity.key-file", maker.keyFile(t)}}})
	f.start()
	home := f.members[1]
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	good := maker.pair(home.name, soon)

	if to, _ := f.visits(60, good); to[home] != 60 {
		t.Fatalf("a cookie made by the recipe led to %v, want %s: the cases below would show nothing", names(to), home.name)
	}
	otherKey, otherID, otherService := maker, maker, maker
	otherKey.key = bytes.Repeat([]byte{8}, 32)
	otherID.kid = "2b"
	otherService.service = "chat balancer"
	flipped := []byte(good)
	flipped[len(flipped)-3] ^= 1
	name, value, _ := strings.Cut(good, "=")
	for _, c := range []struct{ name, cookie string }{
		{"mac changed", string(flipped)},
		{"mac missing", good[:len(good)-23]},
		{"member changed, mac kept", strings.Replace(good, maker.value(home.name, soon)[14:26], maker.value(f.members[0].name, soon)[14:26], 1)},
		{"expired", maker.pair(home.name, past)},
		{"too far ahead", maker.pair(home.name, time.Now().Add(48*time.Hour))},
		{"another cluster's key", otherKey.pair(home.name, soon)},
		{"unknown key id", otherID.pair(home.name, soon)},
		{"another balancer's", otherService.pair(home.name, soon)},
		{"another balancer's under our name", name + "=" + otherService.value(home.name, soon)},
		{"a member that never was", maker.pair("member-9", soon)},
		{"another name", "x" + good},
		{"twice as long", good + value},
		{"quoted rubbish", name + `="';--"`},
		{"empty", name + "="},
		{"fifty of them", strings.Repeat(name+"=1.2a.00000000.AAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA; ", 50) + "a=b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			to, set := f.visits(48, c.cookie)
			if len(to) != len(f.members) || set != 48 {
				t.Errorf("led to %v with %d new cookies of 48; want all members, and a cookie each time", names(to), set)
			}
		})
	}
	if to, _ := f.visits(12, "a=b; "+good+"; c=d"); to[home] != 12 {
		t.Errorf("among other cookies it led to %v", names(to))
	}
	if to, _ := f.visits(12, otherService.pair(f.members[0].name, soon)+"; "+good); to[home] != 12 {
		t.Errorf("beside another balancer's cookie it led to %v", names(to))
	}
}

func names(to map[*member]int) map[string]int {
	n := make(map[string]int)
	for m, k := range to {
		n[m.name] = k
	}
	return n
}
