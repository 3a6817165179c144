package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// A logQueue stands between those who log, event loops among them, and an
// output that may stall or fail: a pipe nobody reads, a full disk. Write only
// queues; one goroutine writes. What finds the queue full is dropped and
// counted, and the count is written where the lines would have stood.
type logQueue struct {
	out    io.Writer
	notice func(dropped int) []byte // the line that tells of dropped ones
	wake   chan struct{}            // closed by Close
	ended  chan struct{}

	// Owned by run.
	lost int  // lines to be told of: dropped, or not taken by the output
	cut  bool // the output took the last line in part

	mu      sync.Mutex
	waiting []byte
	lines   int // waiting or being written
	bytes   int // waiting or being written
	dropped int // behind what waits
	closed  bool
}

// The bounds of what a logQueue holds.
const (
	maxLogLines = 4096
	maxLogBytes = 1 << 20
)

func newLogQueue(out io.Writer, notice func(dropped int) []byte) *logQueue {
	q := &logQueue{out: out, notice: notice, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.run()
	return q
}

// Write takes p, which holds whole lines, or drops it. It neither blocks nor
// fails. It is safe for any goroutine.
func (q *logQueue) Write(p []byte) (int, error) {
	n := countLines(p)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
	case q.dropped > 0 || q.lines+n > maxLogLines || q.bytes+len(p) > maxLogBytes:
		q.dropped += n
	default:
		q.waiting = append(q.waiting, p...)
		q.lines += n
		q.bytes += len(p)
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// Close writes what waits, for as long as patience at most. What is written
// to the queue afterwards is lost.
func (q *logQueue) Close(patience time.Duration) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.wake)
	}
	q.mu.Unlock()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-q.ended:
	case <-late.C:
	}
}

// run is the goroutine that writes. It ends after Close, unless the output
// holds it until the process ends.
func (q *logQueue) run() {
	defer close(q.ended)
	var spare []byte
	for range q.wake {
		for {
			batch, dropped := q.take(spare)
			if len(batch) == 0 && dropped == 0 {
				break
			}
			q.put(batch, dropped)
			q.done(batch)
			if spare = batch[:0]; cap(spare) > maxSpare {
				spare = nil
			}
		}
	}
}

// put writes a batch, or tells how many lines are missing where it stands.
func (q *logQueue) put(batch []byte, dropped int) {
	if q.lost += dropped; q.lost > 0 && q.fails(q.notice(q.lost)) == 0 {
		q.lost = 0
	}
	switch {
	case q.lost > 0:
		q.lost += countLines(batch)
	case len(batch) > 0:
		q.lost = q.fails(batch)
	}
}

// fails writes p and counts the lines that the output did not take whole.
func (q *logQueue) fails(p []byte) (lines int) {
	if q.cut {
		p = append([]byte{'\n'}, p...)
	}
	n, err := q.out.Write(p)
	if n > 0 {
		q.cut = p[n-1] != '\n'
	}
	if err == nil {
		return 0
	}
	return countLines(p[n:])
}

// maxSpare is how many bytes of buffer are kept for the next batch.
const maxSpare = 64 << 10

// take gives what waits or, when nothing does, how many lines were dropped.
func (q *logQueue) take(spare []byte) (batch []byte, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		batch, q.waiting = q.waiting, spare
		return batch, 0
	}
	dropped, q.dropped = q.dropped, 0
	return spare, dropped
}

func (q *logQueue) done(batch []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines -= countLines(batch)
	q.bytes -= len(batch)
}

func countLines(p []byte) int { return bytes.Count(p, []byte{'\n'}) }
