package balance

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	long := "ws://a:1/" + strings.Repeat("x", MaxURIBytes)
	good := func(name string) Entry {
		return Entry{Balance: echo, Service: name, Type: "echo", Targets: []string{"ws://a:1/" + name}}
	}
	with := func(edit func(*Entry)) Entry {
		e := good("bad")
		edit(&e)
		return e
	}
	many := func(n int, uri string) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("ws://a:1/%d%s", i, uri))
		}
		return list
	}
	for _, tt := range []struct {
		name string
		bad  Entry
		left *Entry
		say  []string
	}{
		{"nothing", good("fine"), &Entry{Balance: echo, Service: "fine", Type: "echo", Targets: []string{"ws://a:1/fine"}}, nil},
		{"no targets", Entry{Balance: echo}, &Entry{Balance: echo}, nil},
		{"target not ASCII", with(func(e *Entry) { e.Targets = []string{"ws://a:1/é"} }), nil, []string{`service "bad"`, "0xc3", "<accept>"}},
		{"target too long", with(func(e *Entry) { e.Targets = []string{long} }), nil, []string{`service "bad"`, "limit 1 to 2048", "<accept>"}},
		{"one of two targets", with(func(e *Entry) { e.Targets = []string{"ws://a:1/é", "ws://a:1/e"} }),
			&Entry{Balance: echo, Service: "bad", Type: "echo", Targets: []string{"ws://a:1/e"}}, []string{`service "bad"`, "<accept>"}},
		{"balance not ASCII", with(func(e *Entry) { e.Balance = "ws://b:1/é" }), nil, []string{`service "bad"`, "<balance>"}},
		{"service name too long", with(func(e *Entry) { e.Service = strings.Repeat("n", 300) }), nil, []string{`service "nnn`, "300 bytes, limit 255", "choose another name"}},
		{"service name with a control character", with(func(e *Entry) { e.Service = "a\nb" }), nil, []string{`service "a\nb"`}},
		{"targets too many", with(func(e *Entry) { e.Targets = many(MaxTargets+2, "") }),
			&Entry{Balance: echo, Service: "bad", Type: "echo", Targets: many(MaxTargets, "")}, []string{`service "bad"`, "2 of its accepts"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &Advert{State: Up, Name: "m", Entries: []Entry{good("first"), tt.bad, good("last")}}
			want := []Entry{good("first")}
			if tt.left != nil {
				want = append(want, *tt.left)
			}
			want = append(want, good("last"))
			faults := a.Fit()
			if !reflect.DeepEqual(a.Entries, want) {
				t.Errorf("entries %+v, want %+v", a.Entries, want)
			}
			if err := a.Validate(); err != nil {
				t.Errorf("does not validate: %v", err)
			}
			if n := min(len(tt.say), 1); len(faults) != n {
				t.Fatalf("faults %v, want %d", faults, n)
			}
			for _, s := range tt.say {
				if text := faults[0].Error(); !strings.Contains(text, s) || len(text) > 500 {
					t.Errorf("fault %q, want %q in it", text, s)
				}
			}
		})
	}
	t.Run("member name", func(t *testing.T) {
		a := &Advert{Name: strings.Repeat("n", 300), Entries: []Entry{good("e")}}
		faults := a.Fit()
		if a.Name != "" || len(a.Entries) != 1 || len(faults) != 1 || !strings.Contains(faults[0].Error(), "kz:name") {
			t.Errorf("name %q, faults %v", a.Name, faults)
		}
	})
	for _, tt := range []struct {
		name, path string
		n, left    int
	}{
		{"entries too many", "", 1100, MaxEntries},
		{"bytes too many", strings.Repeat("x", 1200), 300, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &Advert{Name: "m"}
			for i, target := range many(tt.n, tt.path) {
				// Sorted by balance URI, the last would come first.
				a.Entries = append(a.Entries, Entry{Balance: fmt.Sprintf("ws://b:1/%04d", tt.n-i), Service: fmt.Sprint("s", i), Targets: []string{target}})
			}
			faults := a.Fit()
			left := len(a.Entries)
			if len(faults) != 1 || !strings.Contains(faults[0].Error(), fmt.Sprintf("%d of %d", tt.n-left, tt.n)) {
				t.Fatalf("%d left, faults %v", left, faults)
			}
			if left == 0 || tt.left != 0 && left != tt.left || a.Entries[left-1].Service != fmt.Sprint("s", left-1) {
				t.Errorf("%d entries left, the last is %q", left, a.Entries[left-1].Service)
			}
			if size := len(a.Append(nil)); tt.left == 0 && MaxAdvertBytes-size > 2000 {
				t.Errorf("%d bytes used of %d", size, MaxAdvertBytes)
			}
			if _, err := DecodeAdvert(a.Append(nil)); err != nil {
				t.Error(err)
			}
		})
	}
}
