package conf

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The lexical types of spec/config.md §4. Every function takes text without
// surrounding white space and reports whether it has the form.

// maxSize is the largest size the predecessor's 32-bit arithmetic could hold.
const maxSize = math.MaxInt32

// parseSize reads 64, 64k, 1M: bytes, times 1024 or 1048576.
func parseSize(s string) (int64, bool) {
	unit := int64(1)
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		unit, s = 1<<10, s[:len(s)-1]
	case strings.HasSuffix(s, "m"), strings.HasSuffix(s, "M"):
		unit, s = 1<<20, s[:len(s)-1]
	}
	n, ok := parseDigits(s)
	if !ok || n > maxSize/unit {
		return 0, false
	}
	return n * unit, true
}

var rateUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB/s", 1 << 10}, {"MiB/s", 1 << 20}, {"kB/s", 1000}, {"MB/s", 1000000}, {"B/s", 1}}

// parseRate reads 1000, 40MB/s: bytes per second. A rate above 2^32-1 means
// unlimited and is given as 0; a written 0 is refused.
func parseRate(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range rateUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			unit, s = u.bytes, rest
			break
		}
	}
	n, ok := parseDigits(s)
	if !ok || n == 0 {
		return 0, false
	}
	if n > math.MaxUint32/unit {
		return 0, true
	}
	return n * unit, true
}

func parseDigits(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

var intervalUnits = map[string]time.Duration{
	"": time.Second,

	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,

	"s": time.Second, "sec": time.Second, "secs": time.Second,
	"second": time.Second, "seconds": time.Second,

	"m": time.Minute, "min": time.Minute, "mins": time.Minute,
	"minute": time.Minute, "minutes": time.Minute,

	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
}

const day = 24 * time.Hour

// Only cache-control counts in these.
var longUnits = map[string]time.Duration{
	"d": day, "day": day, "days": day,
	"w": 7 * day, "week": 7 * day, "weeks": 7 * day,
	"mon": 30 * day, "month": 30 * day, "months": 30 * day,
	"y": 365 * day, "year": 365 * day, "years": 365 * day,
}

// parseInterval reads 30, 1.5 min, 500ms: exact, seconds without a unit.
func parseInterval(s string) (time.Duration, bool) {
	number, unit := cutNumber(s)
	u, ok := intervalUnits[unit]
	if !ok {
		return 0, false
	}
	return scale(number, u)
}

// cutNumber splits 1.5 Min into 1.5 and min.
func cutNumber(s string) (number, unit string) {
	i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.ToLower(strings.TrimLeft(s[i:], " \t\r\n"))
}

// scale multiplies a decimal number with a unit, to the nanosecond.
func scale(number string, unit time.Duration) (time.Duration, bool) {
	whole, frac, dotted := strings.Cut(number, ".")
	n, ok := parseDigits(whole)
	if !ok || n > int64(math.MaxInt64/unit)-1 || dotted && (frac == "" || len(frac) > 9) {
		return 0, false
	}
	d := time.Duration(n) * unit
	if !dotted {
		return d, true
	}
	f, ok := parseDigits(frac)
	if !ok {
		return 0, false
	}
	pow := int64(1)
	for range frac {
		pow *= 10
	}
	// unit/pow first would lose digits, unit*f may overflow: both are split.
	part := int64(unit)/pow*f + int64(unit)%pow*f/pow
	return d + time.Duration(part), true
}

// wholeSeconds rounds up, so that 500ms does not become "not set".
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// parseCSV reads a,b,c: no white space anywhere, no empty item.
func parseCSV(s string) ([]string, bool) {
	if s == "" || strings.ContainsAny(s, " \t\r\n") {
		return nil, false
	}
	items := strings.Split(s, ",")
	for _, it := range items {
		if it == "" {
			return nil, false
		}
	}
	return items, true
}

// parseCacheControl reads no-store or max-age=m+1 year,public.
func parseCacheControl(s string) ([]CacheDirective, bool) {
	var out []CacheDirective
	for _, item := range strings.Split(s, ",") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(item), "=")
		name = strings.TrimSpace(name)
		if !isToken(name) {
			return nil, false
		}
		d := CacheDirective{Name: name, HasValue: hasValue}
		if hasValue {
			value = strings.TrimSpace(value)
			value, d.Modified = strings.CutPrefix(value, "m+")
			number, unit := cutNumber(strings.TrimSpace(value))
			u, ok := intervalUnits[unit]
			if !ok {
				u, ok = longUnits[unit]
			}
			if !ok {
				return nil, false
			}
			if d.Value, ok = scale(number, u); !ok {
				return nil, false
			}
		}
		out = append(out, d)
	}
	return out, true
}

func isToken(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}

// collapse trims and makes one blank of each inner run of white space.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
