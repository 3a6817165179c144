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
// act on are told in words of ours instead, once a minute per address.
type bridge struct {
	log        *slog.Logger
	lines      limiter
	once       onceAMinute
	udpBlocked atomic.Uint64
}

const linesPerSecond = 10

var (
	overTCP = regexp.MustCompile(`^Was able to connect to (\S{1,80}) over TCP`)
	// aboutIP has the address a line is about without its port, which is another
	// one for every connection.
	aboutIP = regexp.MustCompile(`(?:from=|^failed to join )(\S{1,80}):\d{1,5}(?::|$)`)
)

// Write takes one line.
func (b *bridge) Write(p []byte) (int, error) {
	level, text := split(strings.TrimSpace(string(p)))
	if !b.advise(text) {
		b.tell(level, "gossip reported", slog.String("text", clip(text, 300)))
	}
	return len(p), nil
}

// tell logs unless too much was logged this second.
func (b *bridge) tell(level slog.Level, msg string, attrs ...slog.Attr) {
	if !b.log.Enabled(context.Background(), level) {
		return
	}
	if ok, dropped := b.lines.allow(linesPerSecond, time.Now()); ok {
		if dropped > 0 {
			attrs = append(attrs, slog.Int("suppressed", dropped))
		}
		b.log.LogAttrs(context.Background(), level, msg, attrs...)
	}
}

// advise says in plain words what memberlist's line means for an operator. It
// reports whether there are such words, now or earlier this minute.
func (b *bridge) advise(text string) bool {
	switch {
	case strings.HasPrefix(text, "Was able to connect to "):
		b.udpBlocked.Add(1)
		m := overTCP.FindStringSubmatch(text)
		if m == nil {
			return false
		}
		if b.once.first("udp "+m[1], time.Now()) {
			b.tell(slog.LevelWarn, "udp blocked between members", slog.String("member", idOf(m[1])),
				slog.String("hint", "the cluster port must be open for TCP and UDP; membership goes on over TCP, slower"))
		}
	case strings.Contains(text, "unacceptable label"):
		b.refused("label", "gossip of another cluster refused", text)
	case strings.Contains(text, "o installed keys could decrypt"),
		strings.Contains(text, "encryption is not configured"),
		strings.Contains(text, "encryption is configured but"):
		b.refused("key", "gossip refused: members do not have the same cluster key", text)
	default:
		return false
	}
	return true
}

// refused says once a minute that an address does not belong to us. What
// names no address counts as one.
func (b *bridge) refused(why, msg, text string) {
	from := ""
	if m := aboutIP.FindStringSubmatch(text); m != nil {
		from = m[1]
	}
	if b.once.first(why+" "+from, time.Now()) {
		b.tell(slog.LevelWarn, msg, slog.String("text", clip(text, 300)))
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
