package cluster

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A bridge takes memberlist's log lines. They become debug material one level
// lower than they say, a bounded number per second; the few an operator can
// act on are told once a minute in words of ours.
type bridge struct {
	log        *slog.Logger
	lines      limiter
	once       onceAMinute
	udpBlocked atomic.Uint64
}

const linesPerSecond = 10

var overTCP = regexp.MustCompile(`^Was able to connect to (\S{1,80}) over TCP`)

// Write takes one line.
func (b *bridge) Write(p []byte) (int, error) {
	level, text := split(strings.TrimSpace(string(p)))
	b.advise(text)
	if !b.log.Enabled(context.Background(), level) {
		return len(p), nil
	}
	if ok, dropped := b.lines.allow(linesPerSecond, time.Now()); ok {
		attrs := []slog.Attr{slog.String("text", clip(text, 300))}
		if dropped > 0 {
			attrs = append(attrs, slog.Int("suppressed", dropped))
		}
		b.log.LogAttrs(context.Background(), level, "gossip reported", attrs...)
	}
	return len(p), nil
}

// advise says in plain words what memberlist's line means for an operator.
func (b *bridge) advise(text string) {
	switch {
	case strings.HasPrefix(text, "Was able to connect to "):
		b.udpBlocked.Add(1)
		if m := overTCP.FindStringSubmatch(text); m != nil && b.once.first("udp "+m[1], time.Now()) {
			b.log.Warn("udp blocked between members", "member", idOf(m[1]),
				"hint", "the cluster port must be open for TCP and UDP; membership goes on over TCP, slower")
		}
	case strings.Contains(text, "unacceptable label"):
		if b.once.first("label", time.Now()) {
			b.log.Warn("gossip of another cluster refused", "text", clip(text, 300))
		}
	case strings.Contains(text, "o installed keys could decrypt"),
		strings.Contains(text, "encryption is not configured"),
		strings.Contains(text, "encryption is configured but"):
		if b.once.first("key", time.Now()) {
			b.log.Warn("gossip refused: members do not have the same cluster key", "text", clip(text, 300))
		}
	}
}

// split separates "[WARN] memberlist: text" and lowers the level by one.
func split(line string) (slog.Level, string) {
	level := slog.LevelDebug
	if tag, rest, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(tag, "[") {
		line = rest
		switch tag {
		case "[ERR", "[ERROR":
			level = slog.LevelWarn
		case "[WARN":
			level = slog.LevelInfo
		case "[DEBUG":
			level = slog.LevelDebug - 4
		}
	}
	return level, strings.TrimPrefix(line, "memberlist: ")
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// A limiter lets so many events per second pass and counts the rest.
type limiter struct {
	mu      sync.Mutex
	second  int64
	passed  int
	dropped int
}

func (l *limiter) allow(perSecond int, now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second {
		l.second, l.passed = s, 0
	}
	if l.passed >= perSecond {
		l.dropped++
		return false, 0
	}
	l.passed++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}

// onceAMinute remembers what was said; it holds at most maxSaid things.
type onceAMinute struct {
	mu   sync.Mutex
	said map[string]time.Time
}

const maxSaid = 512

// first reports whether what was not said within the last minute.
func (o *onceAMinute) first(what string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at, ok := o.said[what]; ok && now.Sub(at) < time.Minute {
		return false
	}
	if o.said == nil || len(o.said) >= maxSaid {
		o.said = make(map[string]time.Time)
	}
	o.said[what] = now
	return true
}
