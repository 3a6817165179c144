package balance

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// named is offer with a configured member name.
func named(host, name string) *Advert {
	a := offer(host)
	a.Name = name
	return a
}

// returns counts how often a client sent to a member comes back to it, by the
// cookie of one directory read at another.
func returns(t *testing.T, from, to *Directory, aff *Affinity, n int) (back int) {
	t.Helper()
	for range n {
		first := mustPick(t, from, &Query{Balancer: echo})
		value := aff.AppendSetCookie(nil, first, false, vectorNow)
		q := &Query{Balancer: echo}
		aff.Read(&q.Cookie, value, false, vectorNow)
		if mustPick(t, to, q).Member == first.Member {
			back++
		}
	}
	return back
}

// Members that were given one name keep their clients apart all the same, and
// are complained of once on each side (reliability.md F07).
func TestOneNameForTwoMembers(t *testing.T) {
	aff := vectorAffinity(t)
	var logs [2]bytes.Buffer
	var ds [2]*Directory
	for i := range ds {
		ds[i] = New(Options{SelfID: memberID(i), Rand: seeded(uint64(i)), Logger: slog.New(slog.NewTextHandler(&logs[i], nil))})
		ds[i].Bind(echo, aff)
	}
	set := func(member int, name string) {
		// Each side learns of itself first.
		ds[member%2].Set(memberID(member), named(memberID(member), name))
		ds[1-member%2].Set(memberID(member), named(memberID(member), name))
	}
	errors := func(want int) {
		t.Helper()
		for i := range logs {
			if n := strings.Count(logs[i].String(), "level=ERROR"); n != want {
				t.Errorf("side %d: %d errors, want %d:\n%s", i, n, want, logs[i].String())
			}
		}
	}
	sticky := func(what string) {
		t.Helper()
		for i := range ds {
			if n := returns(t, ds[i], ds[1-i], aff, 100); n != 100 {
				t.Errorf("%s: %d of 100 clients came back", what, n)
			}
		}
	}
	set(0, "copied")
	set(1, "copied")
	set(2, "third")
	errors(1)
	for _, part := range []string{"kz:name", "member=m00", "other=m01", "name=copied"} {
		if !strings.Contains(logs[0].String(), part) {
			t.Errorf("no %s in %s", part, logs[0].String())
		}
	}
	sticky("two with one name")
	for _, d := range ds {
		d.Drop(memberID(1))
	}
	sticky("one of them gone")
	set(1, "copied")
	errors(1)
	sticky("back again")
	set(2, memberID(0)) // the name that stands in for another member's
	errors(2)
	sticky("named like the id of another")
	set(1, "own")
	set(2, "third")
	sticky("names of their own")
	for _, name := range []string{"copied", "own", "third"} {
		if n := spread(t, ds[0], &Query{Balancer: echo, Cookie: wishFor(name)}, 50); len(n) != 1 {
			t.Errorf("the cookie of %s leads to %v", name, n)
		}
	}
	errors(2)
}
