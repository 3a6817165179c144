package proc

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	cases := []struct {
		name, text string
		want       Stat
		bad        bool
	}{
		{"plain", "42 (server) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0", Stat{Parent: 7, CPU: 2 * time.Second}, false},
		{"brackets in the name", "42 (a) b) c) R 1 2 3 0 -1 0 1 2 3 4 1 0 9 9 20 0", Stat{Parent: 1, CPU: 10 * time.Millisecond}, false},
		{"no name", "42 S 7", Stat{}, true},
		{"cut", "42 (x) S 7 42 42", Stat{}, true},
		{"not a number", "42 (x) S 7 42 42 0 -1 0 1 0 0 0 x 50 0", Stat{}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseStat([]byte(c.text))
			if (err != nil) != c.bad || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseSmaps(t *testing.T) {
	text := "00400000-7fff000 ---p 00000000 00:00 0 [rollup]\nRss:   1024 kB\nPss: 9 kB\nAnonymous:   512 kB\nAnonHugePages: 7 kB\n"
	got, err := ParseSmaps([]byte(text))
	if want := (Memory{RSS: 1 << 20, Anonymous: 512 << 10}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "Rss: 1 kB\n", "Rss: x kB\nAnonymous: 1 kB\n", "Rss: 1 MB\nAnonymous: 1 kB\n"} {
		if got, err := ParseSmaps([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, got)
		}
	}
}

func TestSelf(t *testing.T) {
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Skip("no /proc here")
	}
	pids, err := Tree(os.Getpid())
	if err != nil || len(pids) == 0 || pids[0] != os.Getpid() {
		t.Fatalf("Tree: %v, %v", pids, err)
	}
	if m, err := Resident(pids[:1]); err != nil || m.RSS < 1<<20 || m.Anonymous > m.RSS {
		t.Errorf("Resident: %+v, %v", m, err)
	}
	if _, err := CPU(pids[:1]); err != nil {
		t.Errorf("CPU: %v", err)
	}
}
