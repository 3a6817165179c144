package conf

import (
	"slices"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"64", 64, true}, {"1k", 1024, true}, {"1K", 1024, true},
		{"128k", 131072, true}, {"2m", 2097152, true}, {"2M", 2097152, true},
		{"2047M", 2047 << 20, true}, {"2147483647", 2147483647, true},
		{"2147483648", 0, false}, {"2048M", 0, false}, {"4000M", 0, false},
		{"128kB", 0, false}, {"10G", 0, false}, {"128 k", 0, false}, {"", 0, false},
		{"k", 0, false}, {"-1", 0, false}, {"1.5k", 0, false}, {"+1", 0, false},
		{"99999999999999999999", 0, false}, {"١", 0, false},
	} {
		got, ok := parseSize(c.text)
		if got != c.want || ok != c.ok {
			t.Errorf("parseSize(%q) = %d, %v; want %d, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"1", 1, true}, {"1000B/s", 1000, true}, {"1kB/s", 1000, true}, {"1KiB/s", 1024, true},
		{"40MB/s", 40000000, true}, {"1MiB/s", 1 << 20, true},
		{"4294967295", 4294967295, true}, {"4294967296", 0, true}, {"5000MB/s", 0, true},
		{"0", 0, false}, {"0MB/s", 0, false}, {"40 MB/s", 0, false}, {"1KB/s", 0, false},
		{"1mb/s", 0, false}, {"1k", 0, false}, {"", 0, false}, {"MB/s", 0, false},
	} {
		got, ok := parseRate(c.text)
		if got != c.want || ok != c.ok {
			t.Errorf("parseRate(%q) = %d, %v; want %d, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestParseInterval(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"0", 0, true}, {"30", 30 * time.Second, true}, {"0.5", 500 * time.Millisecond, true},
		{"1.5 min", 90 * time.Second, true}, {"0.5 min", 30 * time.Second, true},
		{"3m", 3 * time.Minute, true}, {"3M", 3 * time.Minute, true}, {"500ms", 500 * time.Millisecond, true},
		{"500 MILLIS", 500 * time.Millisecond, true}, {"1 milli", time.Millisecond, true},
		{"2 milliseconds", 2 * time.Millisecond, true}, {"1 millisecond", time.Millisecond, true},
		{"7 s", 7 * time.Second, true}, {"7sec", 7 * time.Second, true}, {"7 secs", 7 * time.Second, true},
		{"1 second", time.Second, true}, {"2  seconds", 2 * time.Second, true},
		{"1 min", time.Minute, true}, {"2 mins", 2 * time.Minute, true}, {"1 minute", time.Minute, true},
		{"2 Minutes", 2 * time.Minute, true}, {"1h", time.Hour, true}, {"1 hour", time.Hour, true},
		{"24 hours", 24 * time.Hour, true}, {"0.001s", time.Millisecond, true},
		{"1.123456789s", 1123456789, true}, {"2.5 hours", 150 * time.Minute, true},
		{"1.5.5s", 0, false}, {"-1", 0, false}, {"1 d", 0, false}, {"1 w", 0, false}, {"1 y", 0, false},
		{"", 0, false}, {"s", 0, false}, {".5", 0, false}, {"5.", 0, false}, {"1 hours ago", 0, false},
		{"9999999999999 hours", 0, false}, {"1e3", 0, false},
	} {
		got, ok := parseInterval(c.text)
		if got != c.want || ok != c.ok {
			t.Errorf("parseInterval(%q) = %v, %v; want %v, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestWholeSeconds(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{
		0: 0, 1: time.Second, 500 * time.Millisecond: time.Second, time.Second: time.Second, 1001 * time.Millisecond: 2 * time.Second,
	} {
		if got := wholeSeconds(in); got != want {
			t.Errorf("wholeSeconds(%v) = %v, want %v", in, got, want)
		}
	}
}

func TestParseCSV(t *testing.T) {
	for text, want := range map[string][]string{
		"a": {"a"}, "a,b": {"a", "b"}, "GET,POST,PUT": {"GET", "POST", "PUT"},
		"": nil, "a, b": nil, "a ,b": nil, ",": nil, "a,": nil, ",a": nil, "a,,b": nil, "a\tb": nil,
	} {
		got, ok := parseCSV(text)
		if !slices.Equal(got, want) || ok != (want != nil) {
			t.Errorf("parseCSV(%q) = %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestParseCacheControl(t *testing.T) {
	for text, want := range map[string][]CacheDirective{
		"no-store":                 {{Name: "no-store"}},
		"max-age=0":                {{Name: "max-age", HasValue: true}},
		"max-age=1 day, public":    {{Name: "max-age", HasValue: true, Value: day}, {Name: "public"}},
		"max-age=m+2 weeks":        {{Name: "max-age", HasValue: true, Modified: true, Value: 14 * day}},
		"s-maxage=1 year,no-cache": {{Name: "s-maxage", HasValue: true, Value: 365 * day}, {Name: "no-cache"}},
		"":                         nil,
		"max-age=":                 nil,
		"max-age=forever":          nil,
		"max-age=-1":               nil,
		"max age":                  nil,
		"a,,b":                     nil,
		"x=\"y\"":                  nil,
	} {
		got, ok := parseCacheControl(text)
		if ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("parseCacheControl(%q) = %+v, %v; want %+v", text, got, ok, want)
		}
	}
}
