package balance

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const echo = "ws://balancer.example.com:8081/echo"

// offer is an advert of one echo service under the balancer echo.
func offer(host string) *Advert {
	return &Advert{State: Up, Entries: []Entry{{
		Balance: echo, Service: "echo", Type: "echo",
		Targets: []string{"ws://" + host + ":8081/echo"},
	}}}
}

func memberID(i int) string { return fmt.Sprintf("m%02d", i) }

// seeded returns a reproducible source of numbers for any goroutine.
func seeded(seed uint64) func() uint64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, seed))
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Uint64()
	}
}

// cluster is a directory of n members that offer echo.
func cluster(o Options, n int) *Directory {
	d := New(o)
	for i := range n {
		d.Set(memberID(i), offer(memberID(i)))
	}
	return d
}

func vectorKey() Key {
	k := make([]byte, 32)
	for i := range k {
		k[i] = byte(i)
	}
	return Key{ID: 1, Secret: k}
}

func vectorAffinity(t testing.TB) *Affinity {
	t.Helper()
	a, err := NewAffinity(AffinityOptions{Service: "Echo balancer", Keys: []Key{vectorKey()}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// vectorNow is a day before the exp of the test vector.
var vectorNow = time.Unix(0x69570a80-86400, 0)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustPick(t testing.TB, d *Directory, q *Query) *Target {
	t.Helper()
	tg, ok := d.Pick(q)
	if !ok {
		t.Fatalf("Pick(%+v): no target", *q)
	}
	return tg
}
