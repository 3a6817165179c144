package conf

import (
	"strconv"
	"time"
)

// settings are the simple elements of a block by canonical tag, over the
// defaults of the registry.
type settings struct {
	block string
	nodes map[string]*node
}

// settingsOf reads blocks in rising precedence; nil blocks are skipped.
func settingsOf(block string, from ...*node) settings {
	s := settings{block, make(map[string]*node)}
	for _, n := range from {
		if n == nil {
			continue
		}
		for _, c := range n.children {
			if c.entry != nil && !c.bad {
				s.nodes[canonicalTag(c.entry)] = c
			}
		}
	}
	return s
}

func (s settings) has(tag string) bool { return s.nodes[tag] != nil }

func (s settings) text(tag string) string {
	if n := s.nodes[tag]; n != nil {
		return n.text
	}
	if e := entry(s.block, tag); e != nil {
		return e.Default
	}
	return ""
}

func (s settings) on(tag, word string) bool { return s.text(tag) == word }

func (s settings) size(tag string) int64 {
	n, _ := parseSize(s.text(tag))
	return n
}

func (s settings) rate(tag string) int64 {
	n, _ := parseRate(s.text(tag))
	return n
}

func (s settings) interval(tag string) time.Duration {
	d, _ := parseInterval(s.text(tag))
	return d
}

func (s settings) integer(tag string) int {
	n, _ := strconv.Atoi(s.text(tag))
	return n
}

func (s settings) csv(tag string) []string {
	items, _ := parseCSV(s.text(tag))
	return items
}

// pos is where a setting stands, for messages; the zero Pos for a default.
func (s settings) pos(tag string) Pos {
	if n := s.nodes[tag]; n != nil {
		return n.pos
	}
	return Pos{}
}
