package gateway

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// A pacedWriter writes an answer no faster than tcp.maximum.outbound.rate
// allows. The goroutine of the request waits; on event loops it is the kernel
// that does ([pace]).
type pacedWriter struct {
	http.ResponseWriter
	bucket bucket
}

func newPacedWriter(ctx context.Context, rw http.ResponseWriter, rate int64) *pacedWriter {
	return &pacedWriter{rw, bucket{ctx: ctx, rate: rate, at: time.Now()}}
}

// Write implements [http.ResponseWriter].
func (w *pacedWriter) Write(p []byte) (int, error) { return w.bucket.write(p, w.ResponseWriter.Write) }

// Unwrap is for [http.ResponseController].
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements [http.Hijacker]: a tunnel keeps the pace.
func (w *pacedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, b, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.bucket.ctx = context.Background()
	p := &pacedConn{c, w.bucket}
	b.Writer.Reset(p)
	return p, b, nil
}

type pacedConn struct {
	net.Conn
	bucket bucket
}

// Write implements [net.Conn].
func (c *pacedConn) Write(p []byte) (int, error) { return c.bucket.write(p, c.Conn.Write) }

// A bucket is the schedule of one writer: what has been written is due at the
// rate from the first byte on, less what was saved in up to burst of silence.
type bucket struct {
	ctx  context.Context
	rate int64     // bytes per second
	at   time.Time // when all that was written is due
}

const (
	burst      = 50 * time.Millisecond
	paceSlices = 20 // writes in a second of bulk
)

func (b *bucket) write(p []byte, write func([]byte) (int, error)) (n int, err error) {
	most := max(int(b.rate/paceSlices), 1)
	for {
		if err := b.wait(); err != nil {
			return n, err
		}
		m, err := write(p[:min(most, len(p))])
		n, p = n+m, p[m:]
		b.at = b.at.Add(time.Duration(m) * time.Second / time.Duration(b.rate))
		if err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// wait returns when the schedule allows more, or with the request.
func (b *bucket) wait() error {
	now := time.Now()
	if b.at.Before(now.Add(-burst)) {
		b.at = now.Add(-burst)
	}
	ahead := b.at.Sub(now)
	if ahead <= 0 {
		return nil
	}
	t := time.NewTimer(ahead)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}
