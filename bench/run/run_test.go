package run

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/bench/conf"
	"github.com/kzfast/kzfast/bench/load"
	"github.com/kzfast/kzfast/bench/proc"
)

func TestParseTrace(t *testing.T) {
	ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
	cases := []struct {
		name, line string
		want       Collection
		ok         bool
	}{
		{"plain", "gc 4 @0.101s 2%: 0.5+1.25+0.25 ms clock, 1+0.5/0.25/8+0.125 ms cpu, 4->4->0 MB, 5 MB goal, 0 MB stacks, 0 MB globals, 2 P",
			Collection{Cycles: 1, CPU: ms(1.875), Pause: ms(0.75), Worst: ms(0.5)}, true},
		{"forced", "gc 9 @120.0s 0%: 0.25+1+0.5 ms clock, 0.25+0/1/0+0.5 ms cpu, 4->4->0 MB, 5 MB goal, 0 MB stacks, 0 MB globals, 1 P (forced)",
			Collection{Cycles: 1, CPU: ms(1.75), Pause: ms(0.75), Worst: ms(0.5)}, true},
		{"scavenger", "scav 0 KiB work (bg), 0 KiB work (eager)", Collection{}, false},
		{"a log line", "gc is fine: really", Collection{}, false},
		{"two figures", "gc 4 @0.1s 2%: 0.5+1.25 ms clock, 1+0.5/0.25/8+0.125 ms cpu", Collection{}, false},
		{"no slashes", "gc 4 @0.1s 2%: 0.5+1+1 ms clock, 1+0.5+0.125 ms cpu", Collection{}, false},
		{"not a number", "gc 4 @0.1s 2%: x+1+1 ms clock, 1+0.5/0/0+0.125 ms cpu", Collection{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := parseTrace(c.line); got != c.want || ok != c.ok {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestTracesBetween(t *testing.T) {
	var ts traces
	line := "gc 4 @0.1s 2%: 0.5+1.25+0.25 ms clock, 1+0.5/0.25/8+0.125 ms cpu, x"
	start := time.Unix(1000, 0)
	for i := range 5 {
		ts.add(start.Add(time.Duration(i)*time.Second), line)
	}
	if got := ts.between(start.Add(time.Second), start.Add(3*time.Second)); got.Cycles != 3 || got.Worst != 500*time.Microsecond {
		t.Errorf("got %+v, want 3 cycles", got)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.list); got != c.want {
			t.Errorf("%v: got %v, want %v", c.list, got, c.want)
		}
	}
}

// cpu makes a sample of the echo workload at so many seconds per million.
func cpu(server string, round int, perMillion float64) Sample {
	return Sample{Workload: "echo", Server: server, Round: round, Result: &load.Result{
		Messages: 1e6, Elapsed: time.Second, ServerCPU: time.Duration(perMillion * 1e9)}}
}

func TestTable(t *testing.T) {
	samples := []Sample{
		cpu("floor-c", 1, 5), cpu("kzfast", 1, 5.25), cpu("gws", 1, 9),
		cpu("floor-c", 2, 10), cpu("kzfast", 2, 11), cpu("gws", 2, 20),
		cpu("floor-c", 3, 6), cpu("kzfast", 3, 9), {Workload: "echo", Server: "gws", Round: 3, Error: "tag"},
	}
	rows := Table(samples)
	find := func(name string) Row {
		return rows[slices.IndexFunc(rows, func(r Row) bool { return r.Server == name })]
	}
	if len(rows) != 3 || rows[0].Server != "floor-c" {
		t.Fatalf("got rows %+v", rows)
	}
	k := find("kzfast")
	if k.Figure != 9 || k.Low != 5.25 || k.High != 11 || k.Rounds != 3 || k.Ratio != 1.1 {
		t.Errorf("kzfast: got %+v, want median 9, ratio 1.1: that of each round's pair", k)
	}
	if !strings.Contains(k.Verdict, "holds ≤ 1.1 x floor-c") || !strings.Contains(k.Verdict, "ahead of 1 of 1") {
		t.Errorf("kzfast: verdict %q", k.Verdict)
	}
	if g := find("gws"); g.Rounds != 2 || g.Error != "tag" {
		t.Errorf("gws: got %+v, want two rounds and the error", g)
	}
	samples[1], samples[4] = cpu("kzfast", 1, 20), cpu("kzfast", 2, 30)
	if v := Table(samples)[1].Verdict; !strings.Contains(v, "MISSES") || !strings.Contains(v, "BEHIND gws") {
		t.Errorf("slow kzfast: verdict %q", v)
	}
}

func TestTableMemory(t *testing.T) {
	r := &load.Result{Options: load.Options{Conns: 1000, Churn: 10}, Memory: &load.Memory{
		Before: proc.Memory{RSS: 1 << 20}, Held: proc.Memory{RSS: 1<<20 + 300000}, Half: proc.Memory{RSS: 2 << 20}, Churn: proc.Memory{RSS: 2 << 20}}}
	rows := Table([]Sample{{Workload: "idle", Server: "kzfast", Round: 1, Result: r}})
	if len(rows) != 1 || rows[0].Figure != 300 || !strings.HasPrefix(rows[0].Verdict, "holds ≤ 320 B/conn") {
		t.Errorf("got %+v", rows)
	}
}

func TestMarkdown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "B.md")
	r := &Report{Rows: Table([]Sample{cpu("floor-c", 1, 5), {Workload: "echo", Server: "gws", Round: 1, Error: "wrong | echo"}})}
	if err := r.WriteMarkdown(path); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(path)
	if text := string(first); !strings.HasPrefix(text, "# Benchmarks\n") || !strings.Contains(text, "wrong / echo") || strings.Count(text, "| floor-c") != 1 {
		t.Errorf("got\n%s", text)
	}
	around := "before\n" + strings.TrimPrefix(string(first), "# Benchmarks\n") + "after\n"
	if err := os.WriteFile(path, []byte(around), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(path); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(path); string(again) != around {
		t.Errorf("writing the same section again changed the file:\n%s", again)
	}
}

func TestStat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.txt")
	r := &Report{Samples: []Sample{cpu("floor-c", 1, 5.5), {Workload: "echo", Server: "gws", Error: "x"}}}
	if err := r.WriteStat(path); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "Benchmark/workload=echo/server=floor-c 1 5500 cpu-ns/op\n" {
		t.Errorf("got %q", got)
	}
}

// TestLists holds the lists to one another.
func TestLists(t *testing.T) {
	b := &Bench{Root: "/r", Out: t.TempDir(), Log: io.Discard}
	names := map[string]bool{goPeers: true, "": true}
	for _, s := range Servers() {
		if names[s.Name] {
			t.Errorf("server %q twice", s.Name)
		}
		names[s.Name] = true
		for _, r := range []Role{Echo, Redirect, Broadcast, Proxy, Poll} {
			args := s.command(b, r)
			for i, a := range args {
				if a != "-config" {
					continue
				}
				if f, err := conf.Files.Open(filepath.Base(args[i+1])); err != nil {
					t.Errorf("%s as %s: %v", s.Name, r, err)
				} else {
					f.Close()
				}
			}
		}
	}
	seen := map[string]bool{}
	for _, w := range Workloads() {
		if seen[w.Name] || len(b.cast(w, Servers())) == 0 {
			t.Errorf("workload %q twice, or without a server", w.Name)
		}
		seen[w.Name] = true
		for _, n := range append([]string{w.Base}, w.Target.Ahead...) {
			if !names[n] {
				t.Errorf("workload %q: no server %q", w.Name, n)
			}
		}
	}
}
