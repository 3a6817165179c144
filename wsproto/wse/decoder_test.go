package wse

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMessageLimit(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536} {
		o := &Options{MaxMessage: int64(n)}
		if n == 0 {
			o.MaxMessage = 1
		}
		for _, delimited := range []bool{false, true} {
			for over := range 2 {
				payload := bytes.Repeat([]byte{'a'}, int(o.MaxMessage)+over)
				body := AppendMessage(nil, BinaryMixed, true, payload)
				if delimited {
					body = append(append([]byte{0}, payload...), 0xFF)
				}
				got := decode(o, AppendReconnect(body))
				if refused := got == "400"; refused != (over == 1) {
					t.Errorf("limit %d, %d more, delimited %v: refused %v", o.MaxMessage, over, delimited, refused)
				}
			}
		}
	}
}

// A declared length must not allocate (reliability.md F29).
func TestDeclaredLengthAllocatesNothing(t *testing.T) {
	var f Frame
	o := &Options{}
	header := appendLen([]byte{typeBinary}, 1<<34)
	n := testing.AllocsPerRun(100, func() {
		var d Decoder
		if _, ok, err := d.Next(header, o, &f); ok || err != nil {
			t.Fatal(ok, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestBufferLending(t *testing.T) {
	var d Decoder
	var f Frame
	lent := make([]byte, 0, 64)
	d.SetBuffer(lent)
	o := &Options{}
	d.Next([]byte{0x80, 3, 1}, o, &f)
	if d.Held() != 1 || d.TakeBuffer() != nil {
		t.Fatalf("held %d", d.Held())
	}
	if _, ok, _ := d.Next([]byte{2, 3}, o, &f); !ok || &f.Data[0] != &lent[:1][0] || !bytes.Equal(f.Data, []byte{1, 2, 3}) {
		t.Fatalf("frame not in the lent buffer: %v %v", ok, f)
	}
	if b := d.TakeBuffer(); cap(b) != 64 {
		t.Errorf("cap %d", cap(b))
	}
	p := []byte{0x80, 1, 9}
	if _, ok, _ := d.Next(p, o, &f); !ok || &f.Data[0] != &p[2] {
		t.Error("a whole frame was copied")
	}
}

func TestLayersByContentType(t *testing.T) {
	for _, tt := range []struct {
		e    Encoding
		ct   string
		want Layers
	}{
		{Binary, "text/plain;charset=utf-8", 0},
		{BinaryMixed, "", 0},
		{Text, "text/plain;charset=utf-8", LayerUTF8},
		{Text, "Text/Plain ; Charset = \"UTF-8\"", LayerUTF8},
		{Text, "text/plain; format=flowed; charset=UTF-8", LayerUTF8},
		{Text, "text/plain", 0},
		{Text, "text/plain;charset=windows-1252", 0},
		{TextMixed, "application/octet-stream", 0},
		{Escaped, "application/octet-stream", LayerEscape},
		{EscapedMixed, "text/plain;charset=utf-8", LayerEscape | LayerUTF8},
	} {
		if got := tt.e.Upstream([]byte(tt.ct)); got != tt.want {
			t.Errorf("%v with %q: layers %b, want %b", tt.e, tt.ct, got, tt.want)
		}
		if tt.e.IsText() && tt.e.Upstream(nil)&LayerUTF8 == 0 {
			t.Errorf("%v without Content-Type is not UTF-8", tt.e)
		}
	}
}

func TestPingNeedsAnnouncement(t *testing.T) {
	for _, b := range []byte{typePing, typePong} {
		if got := decode(&Options{}, []byte{b, 0}); got != "400" {
			t.Errorf("%02X: %s", b, got)
		}
	}
}

func TestReset(t *testing.T) {
	var d Decoder
	var f Frame
	o := &Options{}
	for range 2 {
		if n, ok, err := d.Next([]byte(reconnectFrame), o, &f); n != 4 || !ok || err != nil || d.End() != nil {
			t.Fatal(n, ok, err)
		}
		d.Reset()
	}
}

func TestCodecAllocs(t *testing.T) {
	payload := bytes.Repeat([]byte{0x7F, 'a', 0xC3, 0xA9}, 50)
	for e := range numEncodings {
		layers := e.Upstream(nil)
		frames := AppendReconnect(AppendMessage(nil, e, false, payload))
		if layers&LayerEscape != 0 {
			frames = AppendReconnect(AppendMessage(nil, Text, false, payload))
		}
		body := AppendLayers(nil, layers, frames)
		work, dst := make([]byte, len(body)), make([]byte, 0, 4096)
		o := &Options{Layers: layers}
		var d Decoder
		var f Frame
		n := testing.AllocsPerRun(100, func() {
			copy(work, body)
			d.Reset()
			n, ok, err := d.Next(work, o, &f)
			if !ok || err != nil || !bytes.Equal(f.Data, payload) {
				t.Fatal(ok, err)
			}
			d.Next(work[n:], o, &f)
			dst = AppendMessage(dst[:0], e, true, payload)
			dst = AppendPing(dst, e)
			dst = AppendReconnect(AppendClose(AppendPadding(AppendNOP(dst), 4, 100)))
		})
		if n != 0 {
			t.Errorf("%v: %v allocations, want 0", e, n)
		}
	}
}

// reference decodes a whole body the slow way: layer after layer.
func reference(o *Options, b []byte) string {
	var out []string
	fail := func() string { return strings.Join(append(out, "400"), " ") }
	b, layerErr := referenceLayers(o.Layers, b)
	for closed := false; ; {
		if len(b) == 0 {
			return fail()
		}
		var f Frame
		switch typ := b[0]; typ {
		case 0x00:
			i := bytes.IndexByte(b, 0xFF)
			if i < 0 || !closed && (int64(i-1) > o.MaxMessage || !utf8.Valid(b[1:i])) {
				return fail()
			}
			f, b = Frame{OpText, b[1:i]}, b[i+1:]
		case 0x01:
			var cl, re bool
			for b = b[1:]; ; b = b[2:] {
				if len(b) > 0 && b[0] == 0xFF {
					break
				}
				if len(b) < 2 {
					return fail()
				}
				switch string(b[:2]) {
				case "00":
				case "01":
					re = true
				case "02":
					cl = true
				default:
					return fail()
				}
			}
			b = b[1:]
			if cl && !closed {
				closed = true
				out = show(out, &Frame{Op: OpClose})
			}
			if re {
				out = show(out, &Frame{Op: OpReconnect})
				if len(b) > 0 || layerErr {
					return fail()
				}
				return strings.Join(out, " ")
			}
			continue
		case 0x80, 0x81, 0x89, 0x8A:
			var n, i int64
			for i = 1; ; i++ {
				if i == 6 || int(i) == len(b) || i == 1 && b[1] == 0x80 {
					return fail()
				}
				n = n<<7 | int64(b[i]&0x7f)
				if b[i] < 0x80 {
					break
				}
			}
			op := map[byte]Op{0x80: OpBinary, 0x81: OpText, 0x89: OpPing, 0x8A: OpPong}[typ]
			if b = b[i+1:]; n > o.MaxMessage || n > int64(len(b)) || op >= OpPing && (n > 0 || !o.Ping) {
				return fail()
			}
			if op == OpText && !closed && !utf8.Valid(b[:n]) {
				return fail()
			}
			f, b = Frame{op, b[:n]}, b[n:]
		default:
			return fail()
		}
		if !closed {
			out = show(out, &f)
		}
	}
}

// referenceLayers returns what decodes before the first fault.
func referenceLayers(l Layers, b []byte) (out []byte, bad bool) {
	if l&LayerUTF8 != 0 {
		for len(b) > 0 {
			r, n := utf8.DecodeRune(b)
			if n > 2 || n == 1 && b[0] >= 0x80 {
				bad = true
				break
			}
			out, b = append(out, byte(r)), b[n:]
		}
		b, out = out, nil
	}
	if l&LayerEscape == 0 {
		return b, bad
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == 0x7F {
			if i++; i == len(b) {
				return out, true
			}
			j := strings.IndexByte("0nr\x7F", b[i])
			if j < 0 {
				return out, true
			}
			c = "\x00\n\r\x7F"[j]
		}
		out = append(out, c)
	}
	return out, bad
}

// FuzzDecoder compares the decoder, fed whole and cut, with the reference.
func FuzzDecoder(f *testing.F) {
	for _, row := range golden(f, "upstream.txt") {
		f.Add(unhex(f, row[2]), uint8(encodingOf(f, row[1])), uint16(5))
	}
	f.Fuzz(func(t *testing.T, body []byte, enc uint8, cut uint16) {
		o := &Options{Layers: (Encoding(enc) % numEncodings).Upstream(nil), MaxMessage: 300, Ping: true}
		want := reference(o, body)
		if got := decode(o, body); got != want {
			t.Fatalf("whole: got %s want %s", got, want)
		}
		i := min(int(cut), len(body))
		if got := decode(o, body[:i], body[i:]); got != want {
			t.Fatalf("cut at %d: got %s want %s", i, got, want)
		}
	})
}

// FuzzEncoder checks that a client decodes what the server wrote.
func FuzzEncoder(f *testing.F) {
	f.Add([]byte("a\x00\n\r\x7F"), uint8(5), true)
	f.Fuzz(func(t *testing.T, payload []byte, enc uint8, text bool) {
		e := Encoding(enc) % numEncodings
		text = text && utf8.Valid(payload)
		op := Frame{OpBinary, payload}
		if text && e.Mixed() {
			op.Op = OpText
		}
		want := strings.Join(show(show(nil, &op), &Frame{Op: OpReconnect}), " ")
		down := AppendReconnect(AppendMessage(nil, e, text, payload))
		if got := decode(&Options{Layers: e.Downstream()}, down); got != want {
			t.Fatalf("down: got %s want %s", got, want)
		}
		plain := BinaryMixed
		if !e.Mixed() {
			plain = Binary
		}
		up := AppendLayers(nil, e.Upstream(nil), AppendReconnect(AppendMessage(nil, plain, text, payload)))
		if got := decode(&Options{Layers: e.Upstream(nil)}, up); got != want {
			t.Fatalf("up: got %s want %s", got, want)
		}
	})
}
