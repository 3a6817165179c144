package wsproto

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gobwas/ws"
)

func TestAppendHeader(t *testing.T) {
	tests := []struct {
		op        Opcode
		fin, rsv1 bool
		n         int64
		want      string
	}{
		{OpText, true, false, 0, "81 00"},
		{OpText, true, false, 5, "81 05"},
		{OpText, false, false, 9, "01 09"},
		{OpContinuation, true, false, 9, "80 09"},
		{OpText, true, true, 1, "C1 01"},
		{OpBinary, true, false, 125, "82 7D"},
		{OpBinary, true, false, 126, "82 7E 00 7E"},
		{OpBinary, true, false, 127, "82 7E 00 7F"},
		{OpBinary, true, false, 65535, "82 7E FF FF"},
		{OpBinary, true, false, 65536, "82 7F 00 00 00 00 00 01 00 00"},
		{OpBinary, true, false, 1<<63 - 1, "82 7F 7F FF FF FF FF FF FF FF"},
		{OpPing, true, false, 0, "89 00"},
		{OpPong, true, false, 4, "8A 04"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v %d", tt.op, tt.n), func(t *testing.T) {
			want := unhex(t, tt.want)
			if got := AppendHeader(nil, tt.op, tt.fin, tt.rsv1, tt.n); !bytes.Equal(got, want) {
				t.Errorf("AppendHeader = % x, want % x", got, want)
			}
			if got := HeaderLen(tt.n); got != len(want) {
				t.Errorf("HeaderLen = %d, want %d", got, len(want))
			}
			buf := bytes.Repeat([]byte{0xEE}, 20)
			at := PutHeaderBefore(buf, 16, tt.op, tt.fin, tt.rsv1, tt.n)
			if got := buf[at:16]; !bytes.Equal(got, want) || buf[16] != 0xEE || at > 0 && buf[at-1] != 0xEE {
				t.Errorf("PutHeaderBefore left % x from %d", buf, at)
			}
			masked := AppendMaskedHeader([]byte{7}, tt.op, tt.fin, tt.rsv1, tt.n, testMask)[1:]
			h, err := ws.ReadHeader(bytes.NewReader(masked))
			if err != nil {
				t.Fatal(err)
			}
			if !h.Masked || h.Mask != testMask || h.Length != tt.n || h.Fin != tt.fin || h.Rsv1() != tt.rsv1 || Opcode(h.OpCode) != tt.op {
				t.Errorf("masked header % x reads as %+v", masked, h)
			}
		})
	}
}

func TestAppendFrames(t *testing.T) {
	if got, want := AppendFrame(nil, OpText, []byte("Hello")), unhex(t, "81 05 48 65 6C 6C 6F"); !bytes.Equal(got, want) {
		t.Errorf("AppendFrame = % x, want % x", got, want)
	}
	payload := []byte("Hello")
	got, want := AppendMaskedFrame(nil, OpText, payload, testMask), unhex(t, "81 85 37 FA 21 3D 7F 9F 4D 51 58")
	if !bytes.Equal(got, want) || string(payload) != "Hello" {
		t.Errorf("AppendMaskedFrame = % x, want % x; payload now %q", got, want, payload)
	}
}

func TestMaskInPieces(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 15, 16, 17, 31, 63, 64, 65, 125, 1000} {
		plain := bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
		want := bytes.Clone(plain)
		for i := range want {
			want[i] ^= testMask[i%4]
		}
		for a := 0; a <= n; a++ {
			got := bytes.Clone(plain)
			Mask(got[:a], testMask, 0)
			Mask(got[a:], testMask, int64(a))
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes cut at %d: wrong", n, a)
			}
		}
	}
	p := []byte{1}
	Mask(p, testMask, 1<<62+3)
	if p[0] != 1^testMask[3] {
		t.Errorf("offset beyond 32 bits: %x", p[0])
	}
}
