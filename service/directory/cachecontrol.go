package directory

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSeconds is the longest lifetime a cache needs to understand (RFC 9111 §1.2.2).
const maxSeconds = math.MaxInt32

// A policy is a parsed cache-control setting. It is immutable.
type policy struct{ directives []directive }

// A directive is one name with at most one fixed lifetime and one that counts
// from the modification time; the smaller applies. Both are seconds, -1 = absent.
type directive struct {
	name            string
	fixed, modified int64
}

// parsePolicy reads a comma-separated list of directive or
// directive=[m+]number[unit]. A repeated directive keeps its smaller value.
func parsePolicy(s string) (*policy, error) {
	p := &policy{}
	for part := range strings.SplitSeq(s, ",") {
		name, value, valued := strings.Cut(strings.TrimSpace(part), "=")
		if name = strings.ToLower(strings.TrimSpace(name)); !token(name) {
			return nil, fmt.Errorf("cache-control %q: directive %q is not a token", s, name)
		}
		d := p.directive(name)
		if !valued {
			continue
		}
		value = strings.TrimSpace(value)
		number, relative := strings.CutPrefix(value, "m+")
		n, err := seconds(number)
		if err != nil {
			return nil, fmt.Errorf("cache-control %q: %s=%s: %w", s, name, value, err)
		}
		if relative {
			d.modified = smaller(d.modified, n)
		} else {
			d.fixed = smaller(d.fixed, n)
		}
	}
	return p, nil
}

// directive finds or adds a directive. The pointer holds until the next call.
func (p *policy) directive(name string) *directive {
	for i := range p.directives {
		if p.directives[i].name == name {
			return &p.directives[i]
		}
	}
	p.directives = append(p.directives, directive{name, -1, -1})
	return &p.directives[len(p.directives)-1]
}

// set writes Cache-Control, and Expires when the policy has a max-age. A file
// without modification time is taken as too old for a lifetime that counts
// from it.
func (p *policy) set(head http.Header, now, mtime time.Time) {
	var b strings.Builder
	for i, d := range p.directives {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.name)
		n := d.fixed
		if d.modified >= 0 {
			expires := mtime.Add(time.Duration(d.modified) * time.Second)
			n = smaller(n, max(0, int64(expires.Sub(now)/time.Second)))
		}
		if n < 0 {
			continue
		}
		b.WriteString("=" + strconv.FormatInt(n, 10))
		if d.name == "max-age" {
			head.Set("Expires", now.Add(time.Duration(n)*time.Second).UTC().Format(http.TimeFormat))
		}
	}
	head.Set("Cache-Control", b.String())
}

func smaller(a, b int64) int64 {
	if a < 0 {
		return b
	}
	return min(a, b)
}

// seconds reads number[unit]; a fraction is computed exactly, then cut to whole
// seconds. Longer than maxSeconds is maxSeconds.
func seconds(s string) (int64, error) {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	if err != nil && !math.IsInf(n, 1) {
		return 0, fmt.Errorf("no number")
	}
	unit, ok := unitSeconds(strings.ToLower(strings.TrimSpace(s[end:])))
	if !ok {
		return 0, fmt.Errorf("unit %q: must be ms, s, m, h, d, w or y", strings.TrimSpace(s[end:]))
	}
	return int64(min(n*unit, maxSeconds)), nil
}

func unitSeconds(unit string) (float64, bool) {
	switch unit {
	case "ms", "milli", "millis", "millisecond", "milliseconds":
		return 0.001, true
	case "", "s", "sec", "secs", "second", "seconds":
		return 1, true
	case "m", "min", "mins", "minute", "minutes":
		return 60, true
	case "h", "hour", "hours":
		return 3600, true
	case "d", "day", "days":
		return 24 * 3600, true
	case "w", "week", "weeks":
		return 7 * 24 * 3600, true
	case "y", "year", "years":
		return 365 * 24 * 3600, true
	}
	return 0, false
}

// token reports whether s is a token of RFC 9110 §5.6.2.
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
