package wsx

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
)

func TestPingPongBytes(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"3.6 ping", AppendPing(nil), "81 06 01 01 01 02 09 00"},
		{"3.6 pong", AppendPong(nil), "81 06 01 01 01 02 0A 00"},
		{"3.6 escape", AppendEscape(nil), "81 04 01 01 01 02"},
		{"3.6 client ping", wsproto.AppendMaskedFrame(nil, wsproto.OpText, []byte(PingPayload), [4]byte{0x37, 0xFA, 0x21, 0x3D}),
			"81 86 37 FA 21 3D 36 FB 20 3F 3E FA"},
		{"3.6 client pong", wsproto.AppendMaskedFrame(nil, wsproto.OpText, []byte(PongPayload), [4]byte{0x37, 0xFA, 0x21, 0x3D}),
			"81 86 37 FA 21 3D 36 FB 20 3F 3D FA"},
		{"3.6 client escape", wsproto.AppendMaskedFrame(nil, wsproto.OpText, []byte(ControlBytes), [4]byte{0x37, 0xFA, 0x21, 0x3D}),
			"81 84 37 FA 21 3D 36 FB 20 3F"},
	} {
		if got := fmt.Sprintf("% X", tt.got); got != tt.want {
			t.Errorf("%s: got %s want %s", tt.name, got, tt.want)
		}
	}
}

// frame is a whole frame in the tests' notation: "T" text, "B" binary, "C"
// continuation, "P" native ping; lower case means FIN=0.
type frame struct {
	kind byte
	data string
}

func (f frame) chunks(size int) (out []wsproto.Frame) {
	op := map[byte]wsproto.Opcode{'T': wsproto.OpText, 'B': wsproto.OpBinary, 'C': wsproto.OpContinuation,
		'P': wsproto.OpPing}[f.kind&^0x20]
	whole := wsproto.Frame{Op: op, Fin: f.kind < 'a', Len: int64(len(f.data))}
	for off := 0; ; off += size {
		c := whole
		c.Off, c.Data = int64(off), []byte(f.data[off:min(off+size, len(f.data))])
		if out = append(out, c); c.End() {
			return out
		}
	}
}

// collector puts chunks together again and shows whole frames.
type collector struct {
	out []string
	cur []byte
	t   testing.TB
}

func (c *collector) add(f *wsproto.Frame) {
	if f.Off != int64(len(c.cur)) || f.Off+int64(len(f.Data)) > f.Len {
		c.t.Fatalf("chunk at %d of %d (%d bytes) after %d bytes", f.Off, f.Len, len(f.Data), len(c.cur))
	}
	c.cur = append(c.cur, f.Data...)
	if f.End() {
		kind := "CTB"[f.Op%8 : f.Op%8+1]
		if f.Op == wsproto.OpPing {
			kind = "P"
		}
		if !f.Fin {
			kind = strings.ToLower(kind)
		}
		c.out = append(c.out, fmt.Sprintf("%s%q", kind, c.cur))
		c.cur = c.cur[:0]
	}
}

func receive(t testing.TB, size int, frames ...frame) string {
	var r Receiver
	c := collector{t: t}
	for _, f := range frames {
		for _, chunk := range f.chunks(size) {
			var out [2]wsproto.Frame
			n, s, err := r.Next(&chunk, &out)
			var ce *wsproto.CloseError
			if errors.As(err, &ce) {
				return strings.Join(append(c.out, ce.Code.String()), " ")
			}
			for i := range n {
				c.add(&out[i])
			}
			if s != NoSignal {
				c.out = append(c.out, [...]string{Ping: "PING", Pong: "PONG"}[s])
			}
		}
	}
	return strings.Join(c.out, " ")
}

const ctl = ControlBytes

func TestReceiver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frames []frame
		want   string
	}{
		{"plain", []frame{{'T', "hello"}, {'T', ""}, {'T', "\x01"}, {'T', "\x01\x01\x01"}, {'T', "\x01\x01\x01\x03abc"}},
			`T"hello" T"" T"\x01" T"\x01\x01\x01" T"\x01\x01\x01\x03abc"`},
		{"ping pong", []frame{{'T', PingPayload}, {'T', PongPayload}}, "PING PONG"},
		{"escape", []frame{{'T', ctl}, {'T', ctl + "hi"}, {'T', "x"}}, `T"\x01\x01\x01\x02hi" T"x"`},
		{"escaped ping is data", []frame{{'T', ctl}, {'T', PingPayload}, {'T', PingPayload}}, `T"\x01\x01\x01\x02\t\x00" PING`},
		{"escaped control bytes", []frame{{'T', ctl}, {'T', ctl}, {'T', PongPayload}}, `T"\x01\x01\x01\x02" PONG`},
		{"escaped fragments", []frame{{'T', ctl}, {'t', ctl}, {'c', "a"}, {'C', ""}}, `t"\x01\x01\x01\x02" c"a" C""`},
		{"between", []frame{{'T', ctl}, {'P', ""}, {'B', ctl}, {'T', ctl}}, `P"" B"\x01\x01\x01\x02" T"\x01\x01\x01\x02"`},
		{"binary is never control", []frame{{'B', PingPayload}, {'b', ctl}, {'C', "\x09\x00"}}, `B"\x01\x01\x01\x02\t\x00" b"\x01\x01\x01\x02" C"\t\x00"`},
		{"continuation is never control", []frame{{'t', "a"}, {'C', PingPayload}}, `t"a" C"\x01\x01\x01\x02\t\x00"`},
		{"short first fragment", []frame{{'t', "\x01\x01"}, {'C', "\x01\x02"}}, `t"\x01\x01" C"\x01\x02"`},
		{"unknown control", []frame{{'T', ctl + "\x0B\x00"}}, "1002"},
		{"bad second byte", []frame{{'T', ctl + "\x09\x01"}}, "1002"},
		{"five bytes", []frame{{'T', ctl + "\x09"}}, "1002"},
		{"seven bytes", []frame{{'T', PingPayload + "x"}}, "1002"},
		{"unescaped text", []frame{{'T', ctl + "hello"}}, "1002"},
		{"fragmented ping", []frame{{'t', PingPayload}, {'C', ""}}, "1002"},
		{"fragmented escape", []frame{{'t', ctl}, {'C', ""}}, "1002"},
		{"escape then other text", []frame{{'T', ctl}, {'T', "hello"}}, "1002"},
		{"escape then short text", []frame{{'T', ctl}, {'T', "\x01\x01"}}, "1002"},
		{"escape then empty text", []frame{{'T', ctl}, {'T', ""}}, "1002"},
	} {
		for _, size := range []int{1000, 1, 2, 3, 4, 5} {
			got := receive(t, size, tt.frames...)
			if strings.HasSuffix(got, "1002") {
				got = got[strings.LastIndexByte(got, ' ')+1:]
			}
			if got != tt.want {
				t.Errorf("%s in chunks of %d:\ngot  %s\nwant %s", tt.name, size, got, tt.want)
			}
		}
	}
}

func send(t testing.TB, s *Sender, size int, frames ...frame) (string, []frame) {
	c := collector{t: t}
	for _, f := range frames {
		for _, chunk := range f.chunks(size) {
			var out [2]wsproto.Frame
			n, escape := s.Next(&chunk, &out)
			if escape {
				c.out = append(c.out, fmt.Sprintf("T%q", ctl))
			}
			for i := range n {
				c.add(&out[i])
			}
		}
	}
	var sent []frame
	for _, o := range c.out {
		var data string
		fmt.Sscanf(o[1:], "%q", &data)
		sent = append(sent, frame{o[0], data})
	}
	return strings.Join(c.out, " "), sent
}

func TestSender(t *testing.T) {
	const e = `T"\x01\x01\x01\x02"`
	for _, tt := range []struct {
		name   string
		frames []frame
		want   string
		ready  bool
	}{
		{"plain", []frame{{'T', "hello"}, {'T', ""}, {'T', "\x01"}, {'T', "\x01\x01\x01"}, {'T', "\x01\x01\x01\x03abc"}},
			`T"hello" T"" T"\x01" T"\x01\x01\x01" T"\x01\x01\x01\x03abc"`, true},
		{"escape", []frame{{'T', ctl}, {'T', PingPayload}, {'T', ctl + "hi"}},
			e + ` T"\x01\x01\x01\x02" ` + e + ` T"\x01\x01\x01\x02\t\x00" ` + e + ` T"\x01\x01\x01\x02hi"`, true},
		{"binary", []frame{{'B', ctl}, {'b', ctl}, {'C', "x"}}, `B"\x01\x01\x01\x02" b"\x01\x01\x01\x02" C"x"`, true},
		{"fragments", []frame{{'t', ctl}, {'c', ctl}, {'C', "x"}}, e + ` t"\x01\x01\x01\x02" c"\x01\x01\x01\x02" C"x"`, true},
		{"prefix over fragments", []frame{{'t', "\x01"}, {'P', ""}, {'c', "\x01\x01"}, {'c', "\x02\x09"}, {'C', "\x00"}},
			`P"" ` + e + ` t"\x01\x01\x01\x02\t" C"\x00"`, true},
		{"no prefix over fragments", []frame{{'t', "\x01\x01"}, {'C', "hello"}}, `T"\x01\x01hello"`, true},
		{"empty fragments", []frame{{'t', ""}, {'c', ""}, {'C', ""}}, `T""`, true},
		{"short message in fragments", []frame{{'t', "\x01"}, {'C', "\x01"}}, `T"\x01\x01"`, true},
		{"open", []frame{{'t', "hello"}, {'c', "x"}}, `t"hello" c"x"`, false},
		{"withheld", []frame{{'t', "\x01\x01"}}, ``, false},
		{"open binary", []frame{{'b', "x"}}, `b"x"`, false},
	} {
		for _, size := range []int{1000, 1, 2, 3, 4, 5} {
			var s Sender
			if got, _ := send(t, &s, size, tt.frames...); got != tt.want || s.Ready() != tt.ready {
				t.Errorf("%s in chunks of %d, ready %v:\ngot  %s\nwant %s", tt.name, size, s.Ready(), got, tt.want)
			}
		}
	}
}

// FuzzPingPong sends messages in arbitrary fragments and chunks: the receiver
// must get the same messages, and no signal, whatever the chunks.
func FuzzPingPong(f *testing.F) {
	f.Add([]byte("\x01\x01\x01\x02hi"), []byte(PingPayload), uint8(2), uint8(3), uint8(1))
	f.Add([]byte("\x01\x01"), []byte(ControlBytes), uint8(1), uint8(1), uint8(5))
	f.Fuzz(func(t *testing.T, a, b []byte, fragment, sendSize, receiveSize uint8) {
		var frames []frame
		var want []string
		for _, m := range []string{string(a), string(b)} {
			want = append(want, m)
			size := int(fragment%7) + 1
			for kind := byte('t'); ; kind = 'c' {
				if len(m) <= size {
					frames = append(frames, frame{kind &^ 0x20, m})
					break
				}
				frames = append(frames, frame{kind, m[:size]})
				m = m[size:]
			}
		}
		var s Sender
		_, sent := send(t, &s, int(sendSize%9)+1, frames...)
		if !s.Ready() {
			t.Fatal("message still open")
		}
		var r Receiver
		var got []string
		var cur bytes.Buffer
		for _, f := range sent {
			for _, chunk := range f.chunks(int(receiveSize%9) + 1) {
				var out [2]wsproto.Frame
				n, signal, err := r.Next(&chunk, &out)
				if signal != NoSignal || err != nil {
					t.Fatal(signal, err)
				}
				for _, o := range out[:n] {
					cur.Write(o.Data)
					if o.Last() {
						got = append(got, cur.String())
						cur.Reset()
					}
				}
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q want %q, sent %q", got, want, sent)
		}
	})
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte("T\x04\x01\x01\x01\x02T\x06\x01\x01\x01\x02\x09\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, script []byte, size uint8) {
		var frames []frame
		open := false
		for len(script) >= 2 {
			n := min(int(script[1]%9), len(script)-2)
			kind := script[0]
			switch fin := kind&0x20 == 0; {
			case open:
				frames = append(frames, frame{"cC"[b2i(fin)], string(script[2 : 2+n])})
				open = !fin
			case kind&1 == 0:
				frames = append(frames, frame{"bB"[b2i(fin)], string(script[2 : 2+n])})
				open = !fin
			default:
				frames = append(frames, frame{"tT"[b2i(fin)], string(script[2 : 2+n])})
				open = !fin
			}
			script = script[2+n:]
		}
		whole, parts := receive(t, 1000, frames...), receive(t, int(size%8)+1, frames...)
		if whole != parts {
			t.Fatalf("in chunks of %d: %s, whole %s", size%8+1, parts, whole)
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestPingPongAllocs(t *testing.T) {
	var r Receiver
	var s Sender
	var out, out2 [2]wsproto.Frame
	dst := make([]byte, 0, 64)
	frames := []wsproto.Frame{
		{Op: wsproto.OpText, Fin: true, Len: 5, Data: []byte("hello")},
		{Op: wsproto.OpText, Fin: true, Len: 8, Data: []byte(ControlBytes + "data")},
		{Op: wsproto.OpText, Fin: true, Len: 6, Data: []byte("\x01\x01")},
		{Op: wsproto.OpText, Fin: true, Len: 6, Off: 2, Data: []byte("\x01\x03ab")},
	}
	esc := wsproto.Frame{Op: wsproto.OpText, Fin: true, Len: 4, Data: []byte(ControlBytes)}
	if n := testing.AllocsPerRun(100, func() {
		for i := range frames {
			n, escape := s.Next(&frames[i], &out)
			if escape {
				r.Next(&esc, &out2)
			}
			for j := range n {
				if _, _, err := r.Next(&out[j], &out2); err != nil {
					t.Fatal(err)
				}
			}
		}
		dst = AppendMarker(AppendContinue(AppendEscape(AppendPong(AppendPing(dst[:0])))))
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
