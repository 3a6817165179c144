//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// chunk is the unit of the long transfers, in bytes; pattern is what they
// carry, over and over from a different offset.
const chunk = 32 << 10

var pattern = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	return b
})

// part is chunk number i.
func part(i int) []byte {
	off := i * 4099 % (1<<20 - chunk)
	return pattern()[off : off+chunk]
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A tally is how many bytes went by and their checksum.
type tally struct {
	n   int64
	sum uint32
}

func (y *tally) add(p []byte) {
	y.n += int64(len(p))
	y.sum = crc32.Update(y.sum, castagnoli, p)
}

// wanted is the tally of the first n chunks.
func wanted(chunks int) (y tally) {
	for i := range chunks {
		y.add(part(i))
	}
	return y
}

// bulkServer is a back end for long transfers. The first line says what it
// does: "sink N" reads N bytes and answers their tally, "source N" sends N
// chunks, "both N" does the one while it does the other, "slow N" sinks at
// that many bytes a second, "stop" reads no more.
func bulkServer(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 64<<10)
	line, err := in.ReadString('\n')
	if err != nil {
		return
	}
	word, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	var n int64
	fmt.Sscan(arg, &n)
	switch word {
	case "sink":
		sink(c, in, n)
	case "source":
		source(c, n)
	case "both":
		var wg sync.WaitGroup
		wg.Go(func() { source(c, n) })
		var y tally
		drain(in, n*chunk, &y)
		wg.Wait()
		fmt.Fprintf(c, "%d %d\n", y.n, y.sum)
		io.Copy(io.Discard, in)
	case "slow":
		slowSink(c, in, n)
	case "stop":
		c.(*net.TCPConn).SetReadBuffer(16 << 10)
		select {}
	}
}

func sink(c net.Conn, in io.Reader, n int64) {
	var y tally
	drain(in, n, &y)
	fmt.Fprintf(c, "%d %d\n", y.n, y.sum)
	io.Copy(io.Discard, in)
}

func source(c net.Conn, n int64) {
	for i := range int(n) {
		if _, err := c.Write(part(i)); err != nil {
			return
		}
	}
}

func drain(in io.Reader, n int64, y *tally) {
	buf := make([]byte, 64<<10)
	for y.n < n {
		m, err := in.Read(buf[:min(int64(len(buf)), n-y.n)])
		y.add(buf[:m])
		if err != nil {
			return
		}
	}
}

// slowSink reads at a pace and tallies until the end.
func slowSink(c net.Conn, in io.Reader, perSecond int64) {
	const step = 10 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	var y tally
	buf := make([]byte, perSecond/int64(time.Second/step))
	for range tick.C {
		n, err := io.ReadFull(in, buf)
		y.add(buf[:n])
		if i := bytes.Index(buf[:n], []byte("<end of all>")); i >= 0 {
			fmt.Fprintf(c, "%d\n", y.n-int64(n-i))
			io.Copy(io.Discard, in)
		}
		if err != nil {
			return
		}
	}
}

// sendParts sends chunks as binary messages.
func (c *wsConn) sendParts(n int) error {
	for i := range n {
		if err := c.send(2, part(i)); err != nil {
			return fmt.Errorf("chunk %d: %w", i, err)
		}
	}
	return nil
}

// take reads messages until n bytes have come, and answers their tally and
// what came beyond.
func (c *wsConn) take(n int64) (y tally, rest []byte, err error) { return c.takeOn(nil, n) }

// takeOn is take when first has come already.
func (c *wsConn) takeOn(first []byte, n int64) (y tally, rest []byte, err error) {
	y.add(first)
	for y.n < n {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		p, err := c.next()
		if err != nil {
			return y, nil, fmt.Errorf("after %d bytes: %w", y.n, err)
		}
		if over := y.n + int64(len(p)) - n; over > 0 {
			rest = p[len(p)-int(over):]
			p = p[:len(p)-int(over)]
		}
		y.add(p)
	}
	return y, rest, nil
}

// line reads up to a line end.
func (c *wsConn) line(rest []byte) (string, error) {
	for !bytes.ContainsRune(rest, '\n') {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		p, err := c.next()
		if err != nil {
			return string(rest), err
		}
		rest = append(bytes.Clone(rest), p...)
	}
	s, _, _ := strings.Cut(string(rest), "\n")
	return s, nil
}

// connect opens a WebSocket at a path of a member.
func (m *member) connect(t *testing.T, path string, lines ...string) *wsConn {
	t.Helper()
	uri := "ws://" + m.addr() + path
	c, r, err := knock(plain, m.addr(), uri, lines...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if r.status != 101 {
		t.Fatalf("%s: status %d, want 101", uri, r.status)
	}
	_ = c.SetDeadline(time.Time{})
	return c
}

// ends waits for the end of the connection and answers its close code, or the
// error.
func (c *wsConn) ends() (code int, err error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		_, err := c.next()
		var e *closed
		if errors.As(err, &e) {
			return e.code, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
