package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func readBody(b *body, pieces ...[]byte) (content []byte, rest int, err error) {
	for _, p := range pieces {
		for len(p) > 0 && !b.done() {
			data, n, err := b.next(p)
			if err != nil {
				return content, 0, err
			}
			content = append(content, data...)
			p = p[n:]
		}
		rest += len(p)
	}
	return content, rest, nil
}

// TestBodyEverySplit reads content whole, cut at every position and byte by
// byte.
func TestBodyEverySplit(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		body           body
	}{
		{"length", "hello", "hello", body{left: 5}},
		{"chunks", "5\r\nhello\r\n1;x=\"y\"\r\n \r\n00a\r\n0123456789\r\n0\r\n\r\n", "hello 0123456789", body{chunked: true}},
		{"trailers", "2 \r\nhi\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", "hi", body{chunked: true}},
		{"empty chunks", "0\r\n\r\n", "", body{chunked: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in + "GET /")
			check := func(name string, pieces ...[]byte) {
				b := tt.body
				got, rest, err := readBody(&b, pieces...)
				if err != nil || string(got) != tt.want || rest != len("GET /") || !b.done() {
					t.Fatalf("%s: got %q, %d bytes left, done %v, %v; want %q, 5", name, got, rest, b.done(), err, tt.want)
				}
			}
			check("whole", in)
			var single [][]byte
			for i := range in {
				check(fmt.Sprint("cut at ", i), in[:i], in[i:])
				single = append(single, in[i:i+1])
			}
			check("byte by byte", single...)
		})
	}
}

func TestBrokenChunks(t *testing.T) {
	for _, in := range []string{
		"\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\rX",
		"1000000000000000\r\n", "0\r\n X: y\r\n", "0\r\n\n", "0\r\nX: y\n", "0\r\n\rX", "1;\x00\r\n",
		"1;" + strings.Repeat("x", maxChunkLines+1),
	} {
		b := body{chunked: true}
		if got, _, err := readBody(&b, []byte(in)); err == nil {
			t.Errorf("%.40q accepted as %q", in, got)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), 3)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		whole := body{chunked: true}
		want, rest, err := readBody(&whole, p)
		at := min(max(cut, 0), len(p))
		parts := body{chunked: true}
		got, rest2, err2 := readBody(&parts, p[:at], p[at:])
		if !bytes.Equal(got, want) || (err == nil) != (err2 == nil) || err == nil && rest != rest2 {
			t.Fatalf("whole %q %d %v, cut at %d %q %d %v", want, rest, err, at, got, rest2, err2)
		}
	})
}
