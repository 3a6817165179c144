package wsproto

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// stdInflate is the oracle: compress/flate of the standard library.
func stdInflate(t testing.TB, src []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(stdflate.NewReader(io.MultiReader(bytes.NewReader(src), strings.NewReader(inflateTail))))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDeflate(t *testing.T) {
	text := []byte(strings.Repeat("the same again and ", 7000))
	for _, n := range []int{0, 1, 2, 16, 125, 126, 127, 1000, 32767, 32768, 32769, 65535, 65536, 131072} {
		for name, content := range map[string][]byte{"text": text[:n], "noise": noise(n)} {
			c := Deflate([]byte("head"), content)
			if string(c[:4]) != "head" || len(c) == 4 || bytes.HasSuffix(c, []byte(flushTail)) && n == 0 {
				t.Fatalf("%s %d: compressed to % x", name, n, c)
			}
			c = c[4:]
			if int64(len(c)) > (&Limits{MaxMessage: int64(max(n, 1))}).maxMessage(true) {
				t.Errorf("%s %d: compressed to %d bytes, more than the decoder's slack", name, n, len(c))
			}
			if got := stdInflate(t, c); !bytes.Equal(got, content) {
				t.Errorf("%s %d: compress/flate reads %d other bytes", name, n, len(got))
			}
			got, err := Inflate([]byte("head"), c, int64(max(n, 1)))
			if err != nil || string(got) != "head"+string(content) {
				t.Errorf("%s %d: Inflate gives %d bytes, %v", name, n, len(got), err)
			}
		}
	}
}

func TestInflateVectors(t *testing.T) {
	tests := []struct {
		name, in, want string // RFC 7692 §7.2.3
		code           Code
	}{
		{"one block", "f2 48 cd c9 c9 07 00", "Hello", 0},
		{"stored block", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello", 0},
		{"final block", "f3 48 cd c9 c9 07 00 00", "Hello", 0},
		{"final block, nothing behind", "f3 48 cd c9 c9 07 00", "Hello", 0},
		{"two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello", 0},
		{"empty", "00", "", 0},
		{"no bytes", "", "", CodeInvalidPayload},
		{"back reference beyond the start", "f2 00 11 00 00", "", CodeInvalidPayload},
		{"reserved block type", "07", "", CodeInvalidPayload},
		{"stored length that does not match", "00 05 00 00 00 41", "", CodeInvalidPayload},
		{"cut", "f2 48 cd", "", CodeInvalidPayload},
		{"many final blocks", "03 00 03 00 03 00 03 00 03 00 03 00", "", CodeInvalidPayload},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Inflate(nil, unhex(t, tt.in), 0)
			var ce *CloseError
			if errors.As(err, &ce); (ce == nil) != (tt.code == 0) || ce != nil && ce.Code != tt.code || string(got) != tt.want {
				t.Errorf("got %q, %v; want %q, code %d", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestInflateLimits(t *testing.T) {
	zeros := Deflate(nil, make([]byte, 10<<20)) // about 1000:1
	tests := []struct {
		name string
		in   []byte
		max  int64
		ok   bool
	}{
		{"at the limit", Deflate(nil, make([]byte, 1000)), 1000, true},
		{"over the limit", Deflate(nil, make([]byte, 1001)), 1000, false},
		{"default limit", Deflate(nil, noise(DefaultMaxMessage)), 0, true},
		{"over the default", Deflate(nil, noise(DefaultMaxMessage+1)), 0, false},
		{"bomb", zeros, 100000, false},
		{"ratio", zeros, -1, false},
		{"free below 1 MiB", Deflate(nil, make([]byte, InflateFree)), -1, true},
		{"ratio above it", Deflate(nil, make([]byte, InflateFree*2)), -1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dst := make([]byte, 3, 10)
			got, err := Inflate(dst, tt.in, tt.max)
			var ce *CloseError
			if tt.ok {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.As(err, &ce) || ce.Code != CodeTooBig || len(got) != 3 {
				t.Errorf("got %d bytes, %v; want 1009", len(got), err)
			}
		})
	}
}

// TestInflateMemory requires that a bomb costs about the limit, not its content.
func TestInflateMemory(t *testing.T) {
	bomb := Deflate(nil, make([]byte, 64<<20))
	res := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := Inflate(nil, bomb, 100<<10); err == nil {
				b.Fatal("inflated")
			}
		}
	})
	if got := res.AllocedBytesPerOp(); got > 1<<20 {
		t.Errorf("%d bytes allocated for a limit of 102400", got)
	}
}

func TestAcceptDeflate(t *testing.T) {
	const plain, window = "permessage-deflate; server_no_context_takeover; client_no_context_takeover", "; server_max_window_bits=15"
	tests := []struct {
		offer, want string
	}{
		{"permessage-deflate", plain},
		{"permessage-deflate; client_max_window_bits", plain},
		{"permessage-deflate; client_max_window_bits=9; server_no_context_takeover", plain},
		{"permessage-deflate; client_max_window_bits=\"15\"", plain},
		{"permessage-deflate; client_no_context_takeover; server_no_context_takeover", plain},
		{"permessage-deflate; server_max_window_bits=15", plain + window},
		{"permessage-deflate; server_max_window_bits=10", ""},
		{"permessage-deflate; server_max_window_bits=10, permessage-deflate", plain},
		{"permessage-deflate; foo, permessage-deflate; client_max_window_bits", plain},
		{"x-kaazing-ping-pong, permessage-deflate", plain},
		{"permessage-deflate; server_max_window_bits", ""},
		{"permessage-deflate; server_max_window_bits=7", ""},
		{"permessage-deflate; server_max_window_bits=16", ""},
		{"permessage-deflate; client_max_window_bits=08", ""},
		{"permessage-deflate; client_max_window_bits=\"\"", ""},
		{"permessage-deflate; client_max_window_bits=\"9", ""},
		{"permessage-deflate; client_max_window_bits; client_max_window_bits=9", ""},
		{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", ""},
		{"permessage-deflate; server_no_context_takeover=1", ""},
		{"permessage-deflate; unknown", ""},
		{"permessage-deflate; ", plain},
		{"permessage-deflate;; x", ""},
		{"perframe-deflate", ""},
		{"x-webkit-deflate-frame", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.offer, func(t *testing.T) {
			r := parsed(t, handshake(append([]string{"Sec-WebSocket-Extensions: " + tt.offer}, upgradeLines...)...))
			if got, ok := AcceptDeflate(r); got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestDeflateAccepted(t *testing.T) {
	tests := []struct {
		answer   string
		ok, fail bool
	}{
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", true, false},
		{"permessage-deflate; server_no_context_takeover", true, false},
		{"x; y=1, permessage-deflate; server_no_context_takeover; server_max_window_bits=8", true, false},
		{"", false, false},
		{"x", false, false},
		{"permessage-deflate", false, true},
		{"permessage-deflate; server_no_context_takeover; client_max_window_bits=15", false, true},
		{"permessage-deflate; server_no_context_takeover; foo", false, true},
		{"permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover", false, true},
		{"permessage-deflate; server_no_context_takeover, =", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.answer, func(t *testing.T) {
			var r Response
			if _, err := r.Parse([]byte(head("HTTP/1.1 101 x", "Sec-WebSocket-Extensions: "+tt.answer)), HeadLimits{}); err != nil {
				t.Fatal(err)
			}
			if ok, err := DeflateAccepted(&r); ok != tt.ok || (err != nil) != tt.fail {
				t.Errorf("got %v, %v; want %v, failure %v", ok, err, tt.ok, tt.fail)
			}
		})
	}
}

func TestExtensionsAndItems(t *testing.T) {
	r := parsed(t, head("GET / HTTP/1.1", "Host: h", `E: a; b="c"; d , , e;f=g`, "L: x, ,y", "e: z", "l: w"))
	var got []string
	err := r.EachExtension("E", func(name, params []byte) bool {
		s := string(name)
		for len(params) > 0 {
			var n, v []byte
			n, v, params = NextParam(params)
			s += " " + string(n) + "=" + string(v)
		}
		got = append(got, s)
		return true
	})
	if want := "a b=c d=|e f=g|z"; err != nil || strings.Join(got, "|") != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	got = nil
	r.EachItem("L", func(item []byte) bool { got = append(got, string(item)); return true })
	if strings.Join(got, "|") != "x|y|w" {
		t.Errorf("items %q", got)
	}
	got = nil
	r.EachItem("L", func(item []byte) bool { got = append(got, string(item)); return false })
	if len(got) != 1 {
		t.Errorf("EachItem did not stop: %q", got)
	}
}

// FuzzInflate reads foreign bytes within the limit, as compress/flate does, and
// gets back what Deflate made of them.
func FuzzInflate(f *testing.F) {
	f.Add([]byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, uint16(100))
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), uint16(5))
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), uint16(5))
	f.Add(Deflate(nil, make([]byte, 10000)), uint16(9999))
	f.Fuzz(func(t *testing.T, in []byte, limit uint16) {
		lim := int64(limit) + 1
		got, err := Inflate(nil, in, lim)
		if int64(len(got)) > lim {
			t.Fatalf("%d bytes, limit %d", len(got), lim)
		}
		std, stdErr := io.ReadAll(io.LimitReader(stdflate.NewReader(io.MultiReader(bytes.NewReader(in), strings.NewReader(inflateTail))), lim+1))
		switch {
		case err == nil && stdErr != nil:
			t.Fatalf("compress/flate: %v", stdErr)
		case err == nil && !bytes.HasPrefix(got, std):
			t.Fatalf("got %x, compress/flate %x", got, std)
		case err != nil && got != nil:
			t.Fatal("bytes beside an error")
		}
		back, err := Inflate(nil, Deflate(nil, in), int64(max(len(in), 1)))
		if err != nil && len(in) < InflateFree && len(in) > 0 || err == nil && !bytes.Equal(back, in) {
			t.Fatalf("round trip of %x: %x, %v", in, back, err)
		}
	})
}

func BenchmarkDeflate(b *testing.B) {
	src := []byte(strings.Repeat(`{"symbol":"KZ","bid":101.25,"ask":101.5},`, 30))
	c := Deflate(nil, src)
	b.Run("deflate", func(b *testing.B) {
		var out []byte
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		for b.Loop() {
			out = Deflate(out[:0], src)
		}
	})
	b.Run("inflate", func(b *testing.B) {
		var out []byte
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if out, err = Inflate(out[:0], c, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
