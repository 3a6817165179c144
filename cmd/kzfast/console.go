package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// A console writes log records the way the predecessor's console showed them:
// the level padded to five, a blank, the message; then our attributes. What
// comes from outside stands in attributes, quoted when it could be mistaken.
type console struct {
	out   io.Writer
	mu    *sync.Mutex
	level slog.Leveler
	attrs string
	group string
}

func newConsole(out io.Writer, level slog.Leveler) *console {
	return &console{out: out, mu: new(sync.Mutex), level: level}
}

// Enabled implements [slog.Handler].
func (c *console) Enabled(_ context.Context, l slog.Level) bool { return l >= c.level.Level() }

// Handle implements [slog.Handler].
func (c *console) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	name := r.Level.String()
	b.WriteString(name)
	for i := len(name); i < 6; i++ {
		b.WriteByte(' ')
	}
	b.WriteString(r.Message)
	b.WriteString(c.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, c.group, a)
		return true
	})
	b.WriteByte('\n')
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := io.WriteString(c.out, b.String())
	return err
}

// WithAttrs implements [slog.Handler].
func (c *console) WithAttrs(attrs []slog.Attr) slog.Handler {
	d := *c
	var b strings.Builder
	for _, a := range attrs {
		appendAttr(&b, c.group, a)
	}
	d.attrs += b.String()
	return &d
}

// WithGroup implements [slog.Handler].
func (c *console) WithGroup(name string) slog.Handler {
	d := *c
	d.group += name + "."
	return &d
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	if a.Equal(slog.Attr{}) {
		return
	}
	v := a.Value.Resolve().String()
	if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || !unicode.IsPrint(r) }) {
		v = strconv.Quote(v)
	}
	b.WriteString("  " + group + a.Key + "=" + v)
}
