package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// flushTime is how long an output has at the end for what is left to write.
const flushTime = time.Second

// newLogger makes a logger that never blocks, and what ends it: flush writes
// what is logged so far, for flushTime at most, after which nothing is logged.
func newLogger(out io.Writer, format string, verbose bool) (log *slog.Logger, flush func(), err error) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	var handler func(io.Writer) slog.Handler
	switch format {
	case "text":
		handler = func(w io.Writer) slog.Handler { return newConsole(w, level) }
	case "json":
		handler = func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
		}
	default:
		return nil, nil, fmt.Errorf("--log %s: want text or json", format)
	}
	q := newLogQueue(out, func(dropped int) []byte {
		var b bytes.Buffer
		r := slog.NewRecord(time.Now(), slog.LevelWarn, fmt.Sprintf("%d log lines dropped", dropped), 0)
		handler(&b).Handle(context.Background(), r)
		return b.Bytes()
	})
	return slog.New(handler(q)), func() { q.Close(flushTime) }, nil
}

// lastWords writes to the standard error what the process must not wait for
// longer than flushTime when nobody reads it.
func lastWords(text string) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		io.WriteString(os.Stderr, text)
	}()
	late := time.NewTimer(flushTime)
	defer late.Stop()
	select {
	case <-written:
	case <-late.C:
	}
}
