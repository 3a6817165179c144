package run

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Row is one line of the table: a server in a workload, over all rounds.
type Row struct {
	Workload string  `json:"workload"`
	Server   string  `json:"server"`
	Metric   Metric  `json:"metric"`
	Figure   float64 `json:"figure"` // median, in the metric's unit
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Ratio    float64 `json:"ratio"` // median of the rounds' ratios to the base; 0 without one
	Rounds   int     `json:"rounds"`
	Detail   string  `json:"detail"`
	Verdict  string  `json:"verdict,omitempty"` // kzfast against its target
	Error    string  `json:"error,omitempty"`   // of the last round that failed
}

// Table sums up samples, workloads and servers in the order of their lists.
func Table(samples []Sample) (rows []Row) {
	for _, w := range Workloads() {
		of := map[string][]Sample{}
		for _, s := range samples {
			if s.Workload == w.Name {
				of[s.Server] = append(of[s.Server], s)
			}
		}
		from := len(rows)
		for _, s := range Servers() {
			if len(of[s.Name]) > 0 {
				rows = append(rows, row(w, s.Name, of[s.Name], of[w.Base]))
			}
		}
		judge(w, rows[from:])
	}
	return rows
}

func row(w Workload, server string, samples, base []Sample) Row {
	r := Row{Workload: w.Name, Server: server, Metric: w.Metric}
	var figures, ratios []float64
	var last Sample
	for _, s := range samples {
		if s.Error != "" {
			r.Error = s.Error
			continue
		}
		f := figure(w, s)
		figures, last = append(figures, f), s
		for _, b := range base {
			if b.Round == s.Round && b.Error == "" && figure(w, b) > 0 {
				ratios = append(ratios, f/figure(w, b))
			}
		}
	}
	r.Rounds = len(figures)
	if r.Rounds == 0 {
		return r
	}
	r.Figure, r.Ratio = median(figures), median(ratios)
	r.Low, r.High = slices.Min(figures), slices.Max(figures)
	r.Detail = detail(w, last)
	return r
}

// figure is what a workload is about, in its metric's unit.
func figure(w Workload, s Sample) float64 {
	switch w.Metric {
	case Memory:
		return s.Result.PerConn()
	case GC:
		if s.Result.ServerCPU == 0 {
			return 0
		}
		return 100 * s.GC.CPU.Seconds() / s.Result.ServerCPU.Seconds()
	}
	return s.Result.PerMillion()
}

// median of a list, 0 of none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	n := len(list)
	return (list[n/2] + list[(n-1)/2]) / 2
}

// detail says the rest of what a sample knows.
func detail(w Workload, s Sample) string {
	r := s.Result
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch w.Metric {
	case Memory:
		m := r.Memory
		add("%d held, %.1f MiB", r.Options.Conns, mib(m.Held.RSS))
		if m.Churn.RSS > 0 {
			n := r.Options.Churn / 2
			add("%+.1f MiB after %d more, %+.1f after %[2]d further", mib(m.Half.RSS-m.Held.RSS), n, mib(m.Churn.RSS-m.Half.RSS))
		}
		add("%.1f MiB when closed", mib(m.After.RSS))
	case GC:
		add("%d cycles, pauses %v, worst %v", s.GC.Cycles, s.GC.Pause.Round(time.Microsecond), s.GC.Worst.Round(time.Microsecond))
		add("since the start %d cycles, worst %v", s.GCAll.Cycles, s.GCAll.Worst.Round(time.Microsecond))
		add("%.2f cpu-s/M", r.PerMillion())
	default:
		add("%.0f/s", r.PerSecond())
	}
	if l := r.Latency; l != nil {
		add("p50 %.0f, p99 %.0f, p99.9 %.0f, max %.0f µs", l.P50, l.P99, l.P999, l.Max)
	}
	if r.Failed > 0 {
		add("%d connections failed", r.Failed)
	}
	return strings.Join(parts, "; ")
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// judge holds kzfast's row against the workload's target.
func judge(w Workload, rows []Row) {
	at := slices.IndexFunc(rows, func(r Row) bool { return r.Server == "kzfast" && r.Rounds > 0 })
	if at < 0 {
		return
	}
	own := &rows[at]
	var parts []string
	if limit := w.Target.Limit; limit > 0 {
		value, unit := own.Figure, " "+string(w.Metric)
		if w.Metric == CPU {
			value, unit = own.Ratio, " x "+w.Base
		}
		switch {
		case value == 0 && w.Metric == CPU:
		case value <= limit:
			parts = append(parts, fmt.Sprintf("holds ≤ %.4g%s", limit, unit))
		default:
			parts = append(parts, fmt.Sprintf("MISSES ≤ %.4g%s", limit, unit))
		}
	}
	var rivals int
	var behind []string
	for _, r := range rows {
		rival := slices.Contains(w.Target.Ahead, r.Server) || slices.Contains(w.Target.Ahead, goPeers) && isPeer(r.Server)
		if !rival || r.Rounds == 0 {
			continue
		}
		if rivals++; r.Figure <= own.Figure {
			behind = append(behind, r.Server)
		}
	}
	switch {
	case len(behind) > 0:
		parts = append(parts, "BEHIND "+strings.Join(behind, ", "))
	case rivals > 0:
		parts = append(parts, fmt.Sprintf("ahead of %d of %[1]d rivals", rivals))
	}
	own.Verdict = strings.Join(parts, "; ")
}

func isPeer(name string) bool {
	for _, p := range peers {
		if p.name == name {
			return true
		}
	}
	return false
}

// line is one sample as progress.
func line(w Workload, s Sample) string {
	head := fmt.Sprintf("%-18s round %d  %-11s", s.Workload, s.Round, s.Server)
	if s.Error != "" {
		return head + " FAILED: " + s.Error
	}
	return fmt.Sprintf("%s %s  %s", head, value(w.Metric, figure(w, s)), detail(w, s))
}

// value is a figure with its unit.
func value(m Metric, f float64) string {
	switch m {
	case Memory:
		return fmt.Sprintf("%.0f B/conn", f)
	case GC:
		return fmt.Sprintf("%.2f %%", f)
	}
	return fmt.Sprintf("%.2f cpu-s/M", f)
}
