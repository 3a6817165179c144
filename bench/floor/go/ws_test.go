package main

import (
	"bytes"
	"testing"

	"github.com/kzfast/kzfast/bench/wire"
)

func TestEchoEverySplit(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 5000, 65535, 65536} {
		payload := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
		var in, want []byte
		for range 3 {
			in = wire.AppendFrame(in, wire.OpBinary, payload, [4]byte{1, 2, 3, 4})
			want = append(wire.AppendHeader(want, wire.OpBinary, size, nil), payload...)
		}
		step := max(len(in)/300, 1)
		for cut := 0; cut <= len(in); cut += step {
			p := bytes.Clone(in)
			n, out, ok := echo(p[:cut])
			got := bytes.Clone(out)
			_, out, ok2 := echo(append([]byte{}, p[n:]...))
			if got = append(got, out...); !ok || !ok2 || !bytes.Equal(got, want) {
				t.Fatalf("size %d, cut %d: got %d bytes, want %d", size, cut, len(got), len(want))
			}
		}
	}
}

func TestUpgrade(t *testing.T) {
	request := wire.AppendRequest(nil, "h:1", "/echo", "dGhlIHNhbXBsZSBub25jZQ==")
	if _, n := upgrade(request[:len(request)-1]); n != 0 {
		t.Errorf("an unfinished head was answered after %d bytes", n)
	}
	answer, n := upgrade(request)
	r, _ := wire.ParseResponse(answer)
	if n != len(request) || r.Status != 101 || r.Header("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %q after %d bytes", answer, n)
	}
}
