package wsproto

import (
	"fmt"
	"testing"
	"unicode/utf8"
)

// utf8Vectors are the well-known good and bad sequences: Markus Kuhn's
// decoder test, RFC 3629 boundaries, Autobahn group 6.
var utf8Vectors = []struct {
	name  string
	in    string
	valid bool
}{
	{"empty", "", true},
	{"ascii", "Hello-µ@ßöäüàá-UTF-8!!", true},
	{"greek", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true},
	{"first of 1 byte", "\x00", true},
	{"first of 2 bytes", "\xc2\x80", true},
	{"first of 3 bytes", "\xe0\xa0\x80", true},
	{"first of 4 bytes", "\xf0\x90\x80\x80", true},
	{"first of 5 bytes", "\xf8\x88\x80\x80\x80", false},
	{"first of 6 bytes", "\xfc\x84\x80\x80\x80\x80", false},
	{"last of 1 byte", "\x7f", true},
	{"last of 2 bytes", "\xdf\xbf", true},
	{"last of 3 bytes", "\xef\xbf\xbf", true},
	{"last of 4 bytes", "\xf7\xbf\xbf\xbf", false},
	{"U+D7FF", "\xed\x9f\xbf", true},
	{"U+E000", "\xee\x80\x80", true},
	{"U+FFFD", "\xef\xbf\xbd", true},
	{"U+10FFFF", "\xf4\x8f\xbf\xbf", true},
	{"U+110000", "\xf4\x90\x80\x80", false},
	{"U+1FFFE", "\xf0\x9f\xbf\xbe", true},
	{"lone continuation 80", "\x80", false},
	{"lone continuation BF", "\xbf", false},
	{"two continuations", "\x80\xbf", false},
	{"lead C0", "\xc0", false},
	{"lead C1", "\xc1\xbf", false},
	{"lead F5", "\xf5\x80\x80\x80", false},
	{"FE", "\xfe", false},
	{"FF", "\xff", false},
	{"two leads", "\xc3 \xc4 ", false},
	{"cut 2 of 2", "\xc3", false},
	{"cut 3 of 3", "\xe2\x82", false},
	{"cut 4 of 4", "\xf0\x9f\x98", false},
	{"cut inside", "\xe2\x82a", false},
	{"overlong slash 2", "\xc0\xaf", false},
	{"overlong slash 3", "\xe0\x80\xaf", false},
	{"overlong slash 4", "\xf0\x80\x80\xaf", false},
	{"overlong maximum 2", "\xc1\xbf", false},
	{"overlong maximum 3", "\xe0\x9f\xbf", false},
	{"overlong maximum 4", "\xf0\x8f\xbf\xbf", false},
	{"overlong NUL", "\xc0\x80", false},
	{"surrogate U+D800", "\xed\xa0\x80", false},
	{"surrogate U+DFFF", "\xed\xbf\xbf", false},
	{"surrogate pair", "\xed\xa0\x80\xed\xb0\x80", false},
	{"Autobahn 6.3.1", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", false},
	{"Autobahn 6.4.1", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited", false},
	{"bad after a long run", "0123456789abcdef0123456789abcdef\xff0123456789", false},
	{"good after a long run", "0123456789abcdef0123456789abcde\xc3\xa40123456789", true},
	{"emoji", "👩‍🚀🇬🇷", true},
}

func TestTextVectors(t *testing.T) {
	for _, tt := range utf8Vectors {
		t.Run(tt.name, func(t *testing.T) {
			if utf8.ValidString(tt.in) != tt.valid {
				t.Fatal("vector disagrees with unicode/utf8")
			}
			want := Code(0)
			if !tt.valid {
				want = CodeInvalidPayload
			}
			if _, code := everySplit(t, &Limits{}, frame(OpText, true, tt.in)); code != want {
				t.Errorf("one frame: code %d, want %d", code, want)
			}
			for i := 0; i <= len(tt.in); i++ {
				in := join(frame(OpText, false, tt.in[:i]), frame(OpPing, true, "\xff"), frame(OpContinuation, true, tt.in[i:]))
				if _, code := decode(t, &Limits{}, in); code != want {
					t.Errorf("fragments cut at %d: code %d, want %d", i, code, want)
				}
			}
			if _, code := decode(t, &Limits{NoUTF8: true}, frame(OpText, true, tt.in)); code != 0 {
				t.Errorf("check off: code %d, want 0", code)
			}
		})
	}
}

// TestTextFailsFast requires 1007 from the first byte that no continuation can
// make valid, long before the frame or message ends.
func TestTextFailsFast(t *testing.T) {
	tests := []struct {
		in string // fails exactly with its last byte
	}{
		{"abc\xff"}, {"\xc1"}, {"\xe0\x9f"}, {"\xed\xa0"}, {"\xf0\x8f"}, {"\xf4\x90"}, {"\xf5"},
		{"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90"}, {"\xe2\x82\x41"}, {"\xf0\x9f\x98\xc3"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%x", tt.in), func(t *testing.T) {
			in := AppendMaskedHeader(nil, OpText, false, false, 1000, testMask)
			at := len(in)
			in = append(in, tt.in...)
			Mask(in[at:], testMask, 0)
			if _, code := decode(t, &Limits{}, in[:len(in)-1]); code != 0 {
				t.Errorf("code %d one byte too early", code)
			}
			if _, code := everySplit(t, &Limits{}, in); code != CodeInvalidPayload {
				t.Errorf("code %d, want 1007", code)
			}
		})
	}
}

func FuzzUTF8(f *testing.F) {
	for _, tt := range utf8Vectors {
		f.Add([]byte(tt.in), 3)
	}
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		if cut < 0 || cut > len(p) {
			cut = len(p) / 2
		}
		var s utf8State
		got := s.feed(p[:cut]) && s.feed(p[cut:]) && s.complete()
		if want := utf8.Valid(p); got != want {
			t.Errorf("feed(%x | %x) = %v, want %v", p[:cut], p[cut:], got, want)
		}
	})
}
