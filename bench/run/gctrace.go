package run

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Collection is what the garbage collector of a Go server did in an interval.
type Collection struct {
	Cycles int           `json:"cycles"`
	CPU    time.Duration `json:"cpu"`   // of all phases, idle workers left out
	Pause  time.Duration `json:"pause"` // the world stood still, in all
	Worst  time.Duration `json:"worst"` // the longest single pause
}

// traces collects the gctrace lines of one process. Safe for any goroutine.
type traces struct {
	mu   sync.Mutex
	list []trace
	last [2]string // the last lines that were not traces
}

type trace struct {
	at time.Time
	c  Collection
}

func (t *traces) add(at time.Time, line string) {
	c, ok := parseTrace(line)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !ok {
		t.last = [2]string{t.last[1], line}
		return
	}
	t.list = append(t.list, trace{at, c})
}

// said is the end of what else the process wrote to its standard error.
func (t *traces) said() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimPrefix(strings.Join(t.last[:], " / "), " / ")
}

// between sums the cycles that ended in the interval.
func (t *traces) between(from, to time.Time) (sum Collection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.list {
		if l.at.Before(from) || l.at.After(to) {
			continue
		}
		sum.Cycles++
		sum.CPU += l.c.CPU
		sum.Pause += l.c.Pause
		sum.Worst = max(sum.Worst, l.c.Worst)
	}
	return sum
}

// parseTrace reads one line as package runtime documents it under gctrace:
//
//	gc 4 @0.1s 2%: 0.01+0.4+0.1 ms clock, 0.2+0.8/0.5/0.3+0.8 ms cpu, 4->4->0 MB, ...
//
// The first and the third clock figure are stop-the-world phases. Of the CPU
// figures the one after the second slash is idle time that the collector used
// because nothing else wanted it.
func parseTrace(line string) (c Collection, ok bool) {
	if !strings.HasPrefix(line, "gc ") {
		return c, false
	}
	_, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return c, false
	}
	clockText, rest, ok := strings.Cut(rest, " ms clock, ")
	cpuText, _, ok2 := strings.Cut(rest, " ms cpu")
	if !ok || !ok2 {
		return c, false
	}
	clock, err := milliseconds(clockText, "+")
	if err != nil || len(clock) != 3 {
		return c, false
	}
	cpu := strings.Split(cpuText, "+")
	if len(cpu) != 3 {
		return c, false
	}
	mark, err := milliseconds(cpu[1], "/")
	ends, err2 := milliseconds(cpu[0]+"+"+cpu[2], "+")
	if err != nil || err2 != nil || len(mark) != 3 {
		return c, false
	}
	return Collection{
		Cycles: 1,
		CPU:    ends[0] + ends[1] + mark[0] + mark[1],
		Pause:  clock[0] + clock[2],
		Worst:  max(clock[0], clock[2]),
	}, true
}

func milliseconds(s, sep string) (list []time.Duration, err error) {
	for f := range strings.SplitSeq(s, sep) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, fmt.Errorf("gctrace figure %q: %w", f, err)
		}
		list = append(list, time.Duration(v*float64(time.Millisecond)))
	}
	return list, nil
}
