package wsproto

import (
	"strconv"
	"strings"
	"testing"
)

func BenchmarkDecoder(b *testing.B) {
	for _, op := range []Opcode{OpBinary, OpText} {
		for _, n := range []int{0, 125, 1024, 16384, 65536} {
			b.Run(op.String()+"/"+strconv.Itoa(n), func(b *testing.B) {
				p := AppendMaskedFrame(nil, op, []byte(strings.Repeat("x", n)), [4]byte{})
				lim := &Limits{}
				var d Decoder
				var f Frame
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if _, ok, err := d.Next(p, lim, &f); !ok || err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkUTF8(b *testing.B) {
	for _, s := range []string{"ascii text, ", "größtenteils, ", "κόσμε ", "👩🚀"} {
		b.Run(s, func(b *testing.B) {
			p := []byte(strings.Repeat(s, 1000))
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				var st utf8State
				if !st.feed(p) {
					b.Fatal("invalid")
				}
			}
		})
	}
}
