package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A Location gives a Cache-Control policy to the files its patterns match.
//
// Patterns are Ant-like and match the whole path of a file relative to the base
// directory: "?" is one character and "*" any characters of one element, "**"
// any number of elements; every other character is itself. A leading slash is
// ignored and a trailing one means everything below. CacheControl is a list of
// directive or directive=[m+]number[unit] (config.md §4): "m+" counts from the
// file's modification time, units are ms, s, m, h, d, w and y and their names,
// none is seconds.
//
// When several patterns match, in one location or in several, the most specific
// decides alone: one without wildcards, else the one with more literal
// characters, then with fewer "**", fewer "*", fewer "?"; among equals the last.
type Location struct {
	Patterns     []string
	CacheControl string
}

// A rule is one pattern of a location.
type rule struct {
	glob   string // in doublestar's syntax
	weight [4]int // compared in order, less is more specific
	policy *policy
}

// compile returns the rules of all locations, the most specific first.
func compile(locations []Location) ([]rule, error) {
	var rules []rule
	for i, l := range locations {
		p, err := parsePolicy(l.CacheControl)
		if err != nil {
			return nil, fmt.Errorf("location %d: %w", i+1, err)
		}
		if len(l.Patterns) == 0 {
			return nil, fmt.Errorf("location %d: no patterns", i+1)
		}
		for _, pattern := range l.Patterns {
			if strings.Trim(pattern, "/") == "" {
				return nil, fmt.Errorf("location %d: pattern %q: names no file", i+1, pattern)
			}
			rules = append(rules, newRule(pattern, p))
		}
	}
	slices.Reverse(rules)
	slices.SortStableFunc(rules, func(a, b rule) int { return slices.CompareFunc(a.weight[:], b.weight[:], cmp.Compare[int]) })
	return rules, nil
}

func newRule(pattern string, p *policy) rule {
	pattern = strings.TrimLeft(pattern, "/")
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	var glob strings.Builder
	var deep, star, one, literal int
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**"):
			deep++
			glob.WriteString("**")
			for i+1 < len(pattern) && pattern[i+1] == '*' {
				i++
			}
		case c == '*':
			star++
			glob.WriteByte(c)
		case c == '?':
			one++
			glob.WriteByte(c)
		case strings.IndexByte(`[]{}\`, c) >= 0:
			literal++
			glob.WriteByte('\\')
			glob.WriteByte(c)
		default:
			if c != '/' {
				literal++
			}
			glob.WriteByte(c)
		}
	}
	r := rule{glob: glob.String(), policy: p}
	if deep+star+one > 0 {
		r.weight = [4]int{-literal, deep, star, one}
	} else {
		r.weight = [4]int{-1 << 30, 0, 0, 0}
	}
	return r
}

// policy is the policy of the most specific pattern that matches name, or nil.
func (h *Handler) policy(name string) *policy {
	for i := range h.rules {
		if doublestar.MatchUnvalidated(h.rules[i].glob, name) {
			return h.rules[i].policy
		}
	}
	return nil
}
