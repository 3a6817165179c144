package wsproto

import "bytes"

// EachItem calls fn with every element of a header's comma-separated list, over
// all its lines, until fn returns false. Empty elements are left out.
func (h *fields) EachItem(name string, fn func(item []byte) bool) {
	for i := range h.list {
		if !equalFold(h.list[i].Name, name) {
			continue
		}
		for item, rest := nextItem(h.list[i].Value); ; item, rest = nextItem(rest) {
			if len(item) > 0 && !fn(item) {
				return
			}
			if rest == nil {
				break
			}
		}
	}
}

func listHas(list []byte, token string) bool {
	for item, rest := nextItem(list); ; item, rest = nextItem(rest) {
		if equalFold(item, token) {
			return true
		}
		if rest == nil {
			return false
		}
	}
}

// nextItem cuts the first element off a comma-separated list; rest is nil
// after the last one.
func nextItem(list []byte) (item, rest []byte) {
	if i := bytes.IndexByte(list, ','); i >= 0 {
		return trimBlanks(list[:i]), list[i+1:]
	}
	return trimBlanks(list), nil
}
