package load

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/bench/wire"
)

func serverFrames(p *pattern, op byte, id uint32, n int) (all []byte) {
	for seq := range n {
		all = wire.AppendHeader(all, op, p.size, nil)
		all = p.appendPlain(all, id, uint32(seq))
	}
	return all
}

func TestPatternFrame(t *testing.T) {
	for _, size := range []int{8, 9, 125, 126, 16384, 65536} {
		p := newPattern(size, false, [4]byte{9, 8, 7, 6})
		for seq := range uint32(9) {
			b := p.appendFrame(nil, 513, seq)
			h, n := wire.ParseHeader(b)
			if !h.Masked || h.Len != int64(size) || len(b) != n+size {
				t.Fatalf("size %d: header %+v, %d bytes", size, h, len(b))
			}
			wire.Mask(b[n:], h.Mask, 0)
			if want := p.appendPlain(nil, 513, seq); !bytes.Equal(b[n:], want) {
				t.Errorf("size %d, message %d: unmasked frame differs from the plain message", size, seq)
			}
		}
	}
}

func TestVerifierEverySplit(t *testing.T) {
	p := newPattern(130, false, [4]byte{1, 2, 3, 4})
	s := &stream{pat: p, op: wire.OpBinary}
	all := serverFrames(p, wire.OpBinary, 7, 2)
	all = append(all, 0x89, 2, 'h', 'i')
	all = append(all, serverFrames(p, wire.OpBinary, 7, 3)[2*134:]...)
	for cut := range len(all) + 1 {
		v := verifier{id: 7}
		a, err := v.feed(all[:cut], s)
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		b, err := v.feed(all[cut:], s)
		if err != nil || a+b != 3 || string(v.pong) != "hi" {
			t.Fatalf("cut %d: %d+%d messages, pong %q, %v", cut, a, b, v.pong, err)
		}
	}
	v, sum := verifier{id: 7}, 0
	for i := range all {
		n, err := v.feed(all[i:i+1], s)
		if err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		sum += n
	}
	if sum != 3 {
		t.Errorf("byte by byte: got %d messages, want 3", sum)
	}
}

func TestVerifierLoose(t *testing.T) {
	p := newPattern(125, false, [4]byte{1, 2, 3, 4})
	plain := p.appendPlain(p.appendPlain(nil, 0, 0), 0, 1)
	for cut := 1; cut < len(plain); cut++ {
		b := append(wire.AppendHeader(nil, wire.OpBinary, cut, nil), plain[:cut]...)
		b = append(wire.AppendHeader(b, wire.OpBinary, len(plain)-cut, nil), plain[cut:]...)
		var v verifier
		if n, err := v.feed(b, &stream{pat: p, op: wire.OpBinary, loose: true}); n != 2 || err != nil {
			t.Fatalf("cut %d: %d messages, %v", cut, n, err)
		}
	}
}

func TestVerifierRefuses(t *testing.T) {
	p := newPattern(125, false, [4]byte{1, 2, 3, 4})
	good := serverFrames(p, wire.OpBinary, 1, 3)
	edit := func(at int, b byte) []byte {
		c := bytes.Clone(good)
		c[at] = b
		return c
	}
	cases := []struct {
		name, want string
		in         []byte
	}{
		{"flipped tag", "tag", edit(2, 'x')},
		{"flipped byte", "byte 100", edit(2+100, 0x01)},
		{"last byte", "byte 124", edit(2+124, 0x01)},
		{"repeated", "message 1", append(bytes.Clone(good[:127]), good[:127]...)},
		{"skipped", "message 1", append(bytes.Clone(good[:127]), good[254:]...)},
		{"other connection", "tag", serverFrames(p, wire.OpBinary, 2, 1)},
		{"text", "opcode", serverFrames(p, wire.OpText, 1, 1)},
		{"fragment", "fin false", edit(0, 0x02)},
		{"short frame", "of 124 bytes", edit(1, 124)},
		{"masked", "masked", edit(1, 0x80|125)},
		{"reserved bit", "reserved", edit(0, 0xC2)},
		{"close", "close", []byte{0x88, 2, 3, 0xE8}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := verifier{id: 1}
			_, err := v.feed(c.in, &stream{pat: p, op: wire.OpBinary})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}
