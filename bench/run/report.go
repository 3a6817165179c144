package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A Report is a finished run.
type Report struct {
	Machine Machine  `json:"machine"`
	Command string   `json:"command"` // as it was typed
	Rows    []Row    `json:"rows"`
	Samples []Sample `json:"samples"`
}

// The section of a markdown file that belongs to the benchmarks; what stands
// outside is left alone.
const (
	beginMark = "<!-- bench:begin, written by bench/cmd/bench -->"
	endMark   = "<!-- bench:end -->"
)

// WriteJSON stores the whole report.
func (r *Report) WriteJSON(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// WriteStat stores the samples in Go's benchmark format, for benchstat:
//
//	benchstat -col /server results.txt
func (r *Report) WriteStat(path string) error {
	var s strings.Builder
	units := map[Metric]string{CPU: "cpu-ns/op", Memory: "B/conn", GC: "gc-%"}
	for _, w := range Workloads() {
		for _, m := range r.Samples {
			if m.Workload != w.Name || m.Error != "" {
				continue
			}
			f := figure(w, m)
			if w.Metric == CPU {
				f *= 1000
			}
			fmt.Fprintf(&s, "Benchmark/workload=%s/server=%s 1 %.4g %s\n", w.Name, m.Server, f, units[w.Metric])
		}
	}
	return os.WriteFile(path, []byte(s.String()), 0o644)
}

// WriteMarkdown replaces the section in the file at path, or appends one.
func (r *Report) WriteMarkdown(path string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := string(old)
	if text == "" {
		text = "# Benchmarks\n"
	}
	return os.WriteFile(path, []byte(splice(text, r.section())), 0o644)
}

func splice(text, section string) string {
	section = beginMark + "\n" + section + endMark
	if before, rest, ok := strings.Cut(text, beginMark); ok {
		if _, after, ok := strings.Cut(rest, endMark); ok {
			return before + section + after
		}
	}
	return strings.TrimRight(text, "\n") + "\n\n" + section + "\n"
}

func (r *Report) section() string {
	var s strings.Builder
	m := r.Machine
	fmt.Fprintf(&s, "## Measured %s\n\n", m.When.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&s, "- machine: %d x %s, %s; load averages at the start: %s\n", m.CPUs, m.CPU, m.Memory, m.Busy)
	fmt.Fprintf(&s, "- system: %s, Linux %s, %s, %s\n", m.System, m.Kernel, m.Go, m.GCC)
	fmt.Fprintf(&s, "- commit: %s\n- command: `%s`\n", m.Commit, r.Command)
	for _, v := range m.Versions {
		fmt.Fprintf(&s, "- %s\n", v)
	}
	s.WriteString("\nServer CPU is user and system time of the server's processes for a million round trips, deliveries\n" +
		"or connections. Figures are medians over the rounds, the ratio is the median of the rounds' ratios; servers\n" +
		"take turns within a round. Every byte that came back was compared with what had to come.\n\n")
	r.WriteTable(&s)
	return s.String()
}

// WriteTable writes the one table, as markdown.
func (r *Report) WriteTable(w io.Writer) {
	title := map[string]Workload{}
	for _, x := range Workloads() {
		title[x.Name] = x
	}
	lines := [][]string{{"workload", "server", "figure", "ratio", "low to high", "rounds", "detail", "target"}}
	var last string
	for _, row := range r.Rows {
		name := row.Workload
		if name == last {
			name = ""
		}
		last = row.Workload
		if row.Rounds == 0 {
			lines = append(lines, []string{name, row.Server, "FAILED", "", "", "0", row.Error, ""})
			continue
		}
		ratio := ""
		if row.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", row.Ratio)
		}
		note := row.Detail
		if row.Error != "" {
			note += "; a round FAILED: " + row.Error
		}
		lines = append(lines, []string{name, row.Server, value(row.Metric, row.Figure), ratio,
			fmt.Sprintf("%.4g to %.4g", row.Low, row.High), fmt.Sprint(row.Rounds), note, row.Verdict})
	}
	align(w, lines)
	fmt.Fprintln(w)
	seen := map[string]bool{}
	for _, row := range r.Rows {
		if seen[row.Workload] {
			continue
		}
		seen[row.Workload] = true
		x := title[row.Workload]
		base := ""
		if x.Base != "" {
			base = "; ratio to " + x.Base
		}
		fmt.Fprintf(w, "- **%s**: %s%s\n", x.Name, x.Title, base)
	}
}

// align writes a markdown table whose columns line up in a terminal too.
func align(w io.Writer, lines [][]string) {
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, cell := range l {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for n, l := range lines {
		for i, cell := range l {
			fmt.Fprintf(w, "| %-*s ", width[i], strings.ReplaceAll(cell, "|", "/"))
		}
		fmt.Fprintln(w, "|")
		if n == 0 {
			for i := range l {
				fmt.Fprintf(w, "|%s", strings.Repeat("-", width[i]+2))
			}
			fmt.Fprintln(w, "|")
		}
	}
}
