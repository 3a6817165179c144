package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds the wait for what must happen.
const patience = 20 * time.Second

// gate is an output that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	b    bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

func (g *gate) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.String()
}

func testNotice(n int) []byte { return fmt.Appendf(nil, "%d dropped\n", n) }

func TestLogQueueKeepsOrderAndCountsDrops(t *testing.T) {
	for name, line := range map[string]string{
		"by lines": "%d\n",
		"by bytes": "%d " + strings.Repeat("x", 4096) + "\n",
		"by parts": "%d\n\tsecond part\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := &gate{open: make(chan struct{})}
			q := newLogQueue(out, testNotice)
			const made = 2 * maxLogLines
			for i := range made {
				fmt.Fprintf(q, line, i) // must not block
			}
			close(out.open)
			eventually(t, "the notice", func() bool { return strings.Contains(out.String(), "dropped\n") })
			io.WriteString(q, "afterwards\n")
			q.Close(patience)

			got := out.String()
			kept, each := 0, strings.Count(line, "\n")
			for ; strings.HasPrefix(got, fmt.Sprintf(line, kept)); kept++ {
				got = got[len(fmt.Sprintf(line, kept)):]
			}
			want := fmt.Sprintf("%d dropped\nafterwards\n", (made-kept)*each)
			if kept == 0 || got != want {
				t.Errorf("after %d lines: got %.200q, want %q", kept, got, want)
			}
			if kept*each > maxLogLines || kept*len(fmt.Sprintf(line, 0)) > maxLogBytes {
				t.Errorf("%d records were kept", kept)
			}
		})
	}
}

func TestLogQueueLosesNothingInOrder(t *testing.T) {
	var out bytes.Buffer
	q := newLogQueue(&out, testNotice)
	var want strings.Builder
	for i := range maxLogLines {
		fmt.Fprintf(q, "line %d\n", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	q.Close(patience)
	if out.String() != want.String() {
		t.Errorf("got %d bytes, want %d", out.Len(), want.Len())
	}
	q.Close(patience)
	io.WriteString(q, "too late\n")
}

func TestLogQueueCloseDoesNotWaitForAStalledReader(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	q := newLogQueue(w, testNotice)
	io.WriteString(q, "nobody reads this\n")
	q.Close(time.Millisecond)
}

// full is an output that takes some bytes and then fails, until it has room.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	f.room -= n
	f.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func TestLogQueueResumesAfterFailures(t *testing.T) {
	out := &full{room: 8}
	q := &logQueue{out: out, notice: testNotice}
	q.put([]byte("one\ntwo, cut\nthree\n"), 0)
	q.put([]byte("four\n"), 0)
	q.put(nil, 2)
	out.room = 1000
	q.put([]byte("five\n"), 0)
	if got, want := out.String(), "one\ntwo,\n5 dropped\nfive\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoggerTellsDropsInItsFormat(t *testing.T) {
	for format, want := range map[string]string{
		"text": "WARN   log lines dropped\n",
		"json": `"level":"WARN","msg":" log lines dropped"}`,
	} {
		out := &gate{open: make(chan struct{})}
		log, flush, err := newLogger(out, format, false)
		if err != nil {
			t.Fatal(err)
		}
		var made sync.WaitGroup
		for range 4 {
			made.Go(func() {
				for range maxLogLines {
					log.Info("line", slog.Int("n", 1))
				}
			})
		}
		made.Wait()
		close(out.open)
		flush()
		lines := strings.SplitAfter(out.String(), "\n")
		last := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, lines[len(lines)-2])
		if !strings.Contains(last, want) {
			t.Errorf("%s: got %q, want %q", format, last, want)
		}
	}
	if _, _, err := newLogger(io.Discard, "xml", false); err == nil {
		t.Error("--log xml was accepted")
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}
