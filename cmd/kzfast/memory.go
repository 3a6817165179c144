package main

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
)

// gcPercent is how much garbage the collector lets pile up, in per cent of what
// lives. Nothing is allocated per message, so it seldom runs at all; what it
// leaves lying counts against every idle connection.
const gcPercent = 50

// limitMemory tells the Go runtime how much memory it may use and when to
// collect, unless GOMEMLIMIT and GOGC have: four fifths of what the cgroup or the
// machine has. Near the limit the collector works harder instead of the kernel
// ending the process.
func limitMemory(log *slog.Logger) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		if n := machineMemory(); n > 0 {
			limit = n / 5 * 4
			debug.SetMemoryLimit(limit)
		}
	}
	percent := os.Getenv("GOGC")
	if percent == "" {
		debug.SetGCPercent(gcPercent)
		percent = strconv.Itoa(gcPercent)
	}
	log.Info("memory limit set", "bytes", limit, "gogc", percent)
}

// machineMemory is the memory of the cgroup, else of the machine, in bytes; 0
// when neither is known.
func machineMemory() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64); err == nil && n < 1<<50 {
			return n
		}
	}
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 || string(fields[0]) != "MemTotal:" {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return n << 10
}
