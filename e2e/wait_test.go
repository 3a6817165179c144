//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// eventually waits until cond holds and fails the test when it does not
// within the given time, which is a bound for a hung system, not a figure.
func eventually(t *testing.T, within time.Duration, cond func() bool, format string, args ...any) {
	t.Helper()
	if !holds(within, cond) {
		t.Fatalf(format+" within %v", append(args, within)...)
	}
}

// holds reports whether cond becomes true within the given time.
func holds(within time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(within)
	for !cond() {
		if time.Now().After(deadline) {
			return cond()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

// A spread describes a set of durations.
type spread []time.Duration

// at is the value below which the share q of all lies.
func (s spread) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// String gives the figures of a line: p50, p99 and max in seconds.
func (s spread) String() string {
	return fmt.Sprintf("p50 %.2f s p99 %.2f s max %.2f s", s.at(0.5).Seconds(), s.at(0.99).Seconds(), s.at(1).Seconds())
}

// absolute is a path that holds in any working folder.
func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t testing.TB, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
