package demo

import (
	"slices"
	"strconv"
	"strings"
)

// A view is what one member's log says of its cluster. The lines are those
// operators grep for (spec/cluster-management.md §1.11).
type view struct {
	members int
	targets []string // behind the public URI
}

// read takes one line of the log and reports whether the view changed.
func (v *view) read(line string) bool {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, "Members ["); ok {
		n, _, _ := strings.Cut(rest, "]")
		return v.setMembers(n)
	}
	line = strings.TrimSpace(strings.TrimPrefix(line, "INFO"))
	if line == "Current shared balancer map:" {
		changed := v.targets != nil
		v.targets = nil
		return changed
	}
	rest, ok := strings.CutPrefix(line, "balance URI: "+publicURI+" ")
	if !ok {
		return false
	}
	_, list, _ := strings.Cut(rest, "[")
	list, _, _ = strings.Cut(list, "]")
	v.targets = strings.Split(list, ", ")
	return true
}

func (v *view) setMembers(text string) bool {
	n, err := strconv.Atoi(text)
	if err != nil || n == v.members {
		return false
	}
	v.members = n
	return true
}

// sees reports whether the member knows exactly these, and balances to all.
func (v *view) sees(alive []*place) bool {
	if v.members != len(alive) {
		return false
	}
	for _, p := range alive {
		if !slices.Contains(v.targets, p.URI()) {
			return false
		}
	}
	return true
}
