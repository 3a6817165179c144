package run

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A Machine is where and with what a run was made.
type Machine struct {
	When     time.Time `json:"when"`
	CPU      string    `json:"cpu"`
	CPUs     int       `json:"cpus"`
	Memory   string    `json:"memory"`
	Kernel   string    `json:"kernel"`
	System   string    `json:"system"`
	Go       string    `json:"go"`
	GCC      string    `json:"gcc"`
	Commit   string    `json:"commit"`
	Busy     string    `json:"busy"` // load averages at the start
	Versions []string  `json:"versions"`
}

// Describe looks at the machine and the repository at b.Root. What cannot be
// found out stays empty.
func (b *Bench) Describe(ctx context.Context) Machine {
	m := Machine{When: time.Now().UTC().Truncate(time.Second), CPUs: runtime.NumCPU(), Go: runtime.Version()}
	m.CPU = field("/proc/cpuinfo", "model name", ":")
	m.Memory = field("/proc/meminfo", "MemTotal", ":")
	m.System = strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`)
	m.Kernel = file("/proc/sys/kernel/osrelease")
	m.Busy = file("/proc/loadavg")
	m.GCC = b.output(ctx, "gcc", "--version")
	m.Commit = b.output(ctx, "git", "rev-parse", "--short=12", "HEAD")
	if b.output(ctx, "git", "status", "--porcelain", "--untracked-files=no") != "" {
		m.Commit += ", with uncommitted changes"
	}
	for _, p := range peers {
		m.Versions = append(m.Versions, p.name+": "+strings.Join(required(filepath.Join(b.Root, "bench", "peers", p.name, "go.mod")), ", "))
	}
	for _, args := range [][]string{{"nginx", "-v"}, {"haproxy", "-v"}} {
		if v := b.output(ctx, args...); v != "" {
			m.Versions = append(m.Versions, args[0]+": "+v)
		}
	}
	return m
}

// output is the first line a command prints, empty when it fails.
func (b *Bench) output(ctx context.Context, args ...string) string {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = b.Root
	text, err := cmd.CombinedOutput()
	if err != nil {
		return ""
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return strings.TrimSpace(string(first))
}

// field is the value of the first line of a file that starts with name.
func field(path, name, sep string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(l, sep); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func file(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

// required lists the direct requirements of a go.mod, as path and version.
func required(path string) (list []string) {
	text, _ := os.ReadFile(path)
	for l := range strings.Lines(string(text)) {
		l = strings.TrimPrefix(strings.TrimSpace(l), "require ")
		f := strings.Fields(l)
		if len(f) == 2 && strings.Contains(f[0], "/") && strings.HasPrefix(f[1], "v") {
			list = append(list, fmt.Sprintf("%s %s", f[0], f[1]))
		}
	}
	return list
}
