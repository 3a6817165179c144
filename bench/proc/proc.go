// Package proc reads what the kernel knows about a process: CPU time and
// resident memory, from /proc.
//
// It never samples in the background; a caller takes two readings and
// subtracts. All functions may be called from any goroutine.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// ticksPerSecond is USER_HZ, which Linux fixes at 100 on every architecture Go
// supports; /proc/PID/stat counts in it.
const ticksPerSecond = 100

// A Stat is the part of /proc/PID/stat that is used here (proc(5)).
type Stat struct {
	Parent int           // process id of the parent
	CPU    time.Duration // user and system time of all threads, in steps of 10 ms
}

// ParseStat reads the text of /proc/PID/stat. The command name may hold
// blanks and brackets; fields are counted after its last closing bracket.
func ParseStat(b []byte) (Stat, error) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return Stat{}, fmt.Errorf("stat %q: no command name", b)
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 13 {
		return Stat{}, fmt.Errorf("stat %q: %d fields after the name, need 13", b, len(f))
	}
	var n [3]int64
	for k, at := range []int{1, 11, 12} { // ppid, utime, stime
		v, err := strconv.ParseInt(string(f[at]), 10, 64)
		if err != nil {
			return Stat{}, fmt.Errorf("stat field %d: %w", at+3, err)
		}
		n[k] = v
	}
	return Stat{Parent: int(n[0]), CPU: time.Duration(n[1]+n[2]) * (time.Second / ticksPerSecond)}, nil
}

// A Memory is the resident memory of one or more processes, in bytes.
type Memory struct {
	RSS       int64 `json:"rss"`
	Anonymous int64 `json:"anonymous"` // the part that is not pages of a file
}

// ParseSmaps reads the text of /proc/PID/smaps_rollup.
func ParseSmaps(b []byte) (Memory, error) {
	var m Memory
	var seen int
	for line := range bytes.Lines(b) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		var to *int64
		switch string(name) {
		case "Rss":
			to = &m.RSS
		case "Anonymous":
			to = &m.Anonymous
		default:
			continue
		}
		f := bytes.Fields(rest)
		if len(f) != 2 || string(f[1]) != "kB" {
			return m, fmt.Errorf("smaps_rollup line %q: not a size in kB", line)
		}
		kb, err := strconv.ParseInt(string(f[0]), 10, 64)
		if err != nil {
			return m, fmt.Errorf("smaps_rollup line %q: %w", line, err)
		}
		*to = kb << 10
		seen++
	}
	if seen != 2 {
		return m, fmt.Errorf("smaps_rollup: %d of Rss and Anonymous found", seen)
	}
	return m, nil
}

// Tree lists pid and its descendants, so that a server of several processes
// (a master with workers) is measured whole. A pid that is gone gives an error.
func Tree(pid int) ([]int, error) {
	if _, err := os.Stat(path(pid, "stat")); err != nil {
		return nil, err
	}
	dir, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, e := range dir {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := read(child); err == nil {
			children[s.Parent] = append(children[s.Parent], child)
		}
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree, nil
}

// CPU is the time the processes have used since they started.
func CPU(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		s, err := read(pid)
		if err != nil {
			return 0, err
		}
		sum += s.CPU
	}
	return sum, nil
}

// Resident is the memory of the processes together.
func Resident(pids []int) (Memory, error) {
	var sum Memory
	for _, pid := range pids {
		b, err := os.ReadFile(path(pid, "smaps_rollup"))
		if err != nil {
			return sum, err
		}
		m, err := ParseSmaps(b)
		if err != nil {
			return sum, err
		}
		sum.RSS += m.RSS
		sum.Anonymous += m.Anonymous
	}
	return sum, nil
}

func read(pid int) (Stat, error) {
	b, err := os.ReadFile(path(pid, "stat"))
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(b)
}

func path(pid int, file string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + file
}
