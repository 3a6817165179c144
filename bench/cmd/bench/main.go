// Command bench measures kzfast against floors and peers and prints one table of
// ratios. Run it in the repository's root:
//
//	go run ./bench/cmd/bench -out BENCHMARKS.md
//	go run ./bench/cmd/bench -quick -only kzfast,floor-c -workloads echo,echo-16k
//
// bench/README.md describes the workloads and the servers.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kzfast/kzfast/bench/run"
)

func main() {
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() error {
	b := &run.Bench{Log: os.Stderr}
	var quick, list bool
	var only, workloads, out, stored string
	build := true
	flag.StringVar(&b.Root, "root", ".", "repository")
	flag.StringVar(&out, "out", "", "markdown `file` whose benchmark section is replaced; empty: print only")
	flag.StringVar(&stored, "json", "", "`file` for all samples; empty: bench/out/results.json")
	flag.BoolVar(&quick, "quick", false, "one round, short cells, a tenth of the idle connections: does it work?")
	flag.StringVar(&only, "only", "", "`servers` to measure, with commas; empty: all")
	flag.StringVar(&workloads, "workloads", "", "`workloads` to run, with commas; empty: all")
	flag.IntVar(&b.Rounds, "rounds", 5, "rounds; take 10 for a claim")
	flag.DurationVar(&b.Duration, "duration", 3*time.Second, "measured time of a cell")
	flag.DurationVar(&b.Warmup, "warmup", time.Second, "time before it")
	flag.DurationVar(&b.Settle, "settle", 3*time.Second, "wait before each memory reading")
	flag.IntVar(&b.Procs, "procs", 1, "GOMAXPROCS of the servers")
	flag.IntVar(&b.ServerCPU, "server-cpu", 0, "CPU the server is pinned to")
	flag.IntVar(&b.LoadCPU, "load-cpu", 1, "CPU of the load generator and the back ends")
	flag.BoolVar(&build, "build", true, "build everything first")
	flag.BoolVar(&list, "list", false, "list workloads and servers and exit")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flag.Arg(0))
	}
	if list {
		show()
		return nil
	}
	if quick {
		hurry(b)
	}
	var err error
	if b.Root, err = filepath.Abs(b.Root); err != nil {
		return err
	}
	b.Out = filepath.Join(b.Root, "bench", "out")
	b.Servers, b.Workloads = names(only), names(workloads)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	turn, err := run.TakeTurn()
	if err != nil {
		return err
	}
	defer turn.Close()
	if build {
		if err := b.Build(ctx); err != nil {
			return err
		}
	}
	return measure(ctx, b, out, stored)
}

func measure(ctx context.Context, b *run.Bench, out, stored string) error {
	r := &run.Report{Machine: b.Describe(ctx), Command: "go run ./bench/cmd/bench " + strings.Join(os.Args[1:], " ")}
	samples, err := b.Run(ctx)
	if len(samples) == 0 {
		return err
	}
	r.Samples, r.Rows = samples, run.Table(samples)
	fmt.Println()
	r.WriteTable(os.Stdout)
	if stored == "" {
		stored = filepath.Join(b.Out, "results.json")
	}
	if err := r.WriteJSON(stored); err != nil {
		return err
	}
	if err := r.WriteStat(strings.TrimSuffix(stored, ".json") + ".txt"); err != nil {
		return err
	}
	if out != "" && err == nil {
		return r.WriteMarkdown(out)
	}
	return err
}

// hurry sets what was not given on the command line to the quick values.
func hurry(b *run.Bench) {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	b.Scale = 10
	if !given["rounds"] {
		b.Rounds = 1
	}
	for name, d := range map[string]struct {
		at    *time.Duration
		value time.Duration
	}{
		"duration": {&b.Duration, time.Second},
		"warmup":   {&b.Warmup, 200 * time.Millisecond},
		"settle":   {&b.Settle, 300 * time.Millisecond},
	} {
		if !given[name] {
			*d.at = d.value
		}
	}
}

func names(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func show() {
	for _, w := range run.Workloads() {
		fmt.Printf("%-18s %-8s %s\n", w.Name, w.Metric, w.Title)
	}
	fmt.Println()
	for _, s := range run.Servers() {
		fmt.Println(s.Name)
	}
}
