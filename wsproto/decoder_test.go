package wsproto

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// event is one whole frame as a receiver that joins chunks sees it.
type event struct {
	op   Opcode
	fin  bool
	rsv1 bool
	data string
}

func (e event) String() string {
	if len(e.data) > 40 {
		return fmt.Sprintf("{%v fin=%v rsv1=%v %d bytes}", e.op, e.fin, e.rsv1, len(e.data))
	}
	return fmt.Sprintf("{%v fin=%v rsv1=%v %q}", e.op, e.fin, e.rsv1, e.data)
}

// decode feeds pieces to a fresh decoder and checks what must hold for each
// yielded chunk. code is 0 when nothing failed.
func decode(t testing.TB, lim *Limits, pieces ...[]byte) (events []event, code Code) {
	t.Helper()
	var d Decoder
	var f Frame
	var partial []byte
	for _, piece := range pieces {
		p := bytes.Clone(piece)
		for len(p) > 0 {
			n, ok, err := d.Next(p, lim, &f)
			if err != nil {
				var ce *CloseError
				if !errors.As(err, &ce) {
					t.Fatalf("error is %T, want *CloseError", err)
				}
				return events, ce.Code
			}
			if !ok {
				if n != len(p) {
					t.Fatalf("no frame after %d of %d bytes", n, len(p))
				}
				break
			}
			if len(f.Data) > 0 && &f.Data[0] != &p[n-len(f.Data)] {
				t.Fatal("Data is not the end of the consumed bytes")
			}
			if f.Off != int64(len(partial)) {
				t.Fatalf("Off = %d after %d bytes", f.Off, len(partial))
			}
			if h := d.HeaderBytes(); h > 0 {
				if !f.Start() || h+len(f.Data) != n || h < HeaderLen(f.Len) {
					t.Fatalf("HeaderBytes = %d, consumed %d, data %d, start %v", h, n, len(f.Data), f.Start())
				}
			}
			partial = append(partial, f.Data...)
			if f.End() {
				events = append(events, event{f.Op, f.Fin, f.RSV1, string(partial)})
				partial = partial[:0]
			}
			p = p[n:]
		}
	}
	return events, 0
}

// everySplit decodes in whole, byte by byte and in two at each position (at up
// to 300 positions when in is long) and requires one result.
func everySplit(t testing.TB, lim *Limits, in []byte) ([]event, Code) {
	t.Helper()
	want, wantCode := decode(t, lim, in)
	compare := func(how string, got []event, code Code) {
		t.Helper()
		if code != wantCode || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: got %v code %d, whole gives %v code %d", how, got, code, want, wantCode)
		}
	}
	single := make([][]byte, len(in))
	for i := range in {
		single[i] = in[i : i+1]
	}
	got, code := decode(t, lim, single...)
	compare("byte by byte", got, code)
	step := max(1, len(in)/300)
	for i := 1; i < len(in); i += step {
		got, code := decode(t, lim, in[:i], in[i:])
		compare(fmt.Sprintf("cut at %d", i), got, code)
	}
	return want, wantCode
}

var testMask = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// frame builds a client frame.
func frame(op Opcode, fin bool, data string) []byte {
	b := AppendMaskedHeader(nil, op, fin, false, int64(len(data)), testMask)
	at := len(b)
	b = append(b, data...)
	Mask(b[at:], testMask, 0)
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecoderSize(t *testing.T) {
	if got := unsafe.Sizeof(Decoder{}); got > 56 {
		t.Errorf("Decoder is %d bytes, limit 56", got)
	}
}

func TestDecoderLengths(t *testing.T) {
	lim := &Limits{MaxMessage: 1 << 20}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 125, 126, 127, 128, 65535, 65536, 65537} {
		for _, op := range []Opcode{OpText, OpBinary} {
			data := strings.Repeat("kzfast-", n/7+1)[:n]
			got, code := everySplit(t, lim, join(frame(op, true, data), frame(OpPing, true, "x")))
			want := []event{{op, true, false, data}, {OpPing, true, false, "x"}}
			if code != 0 || fmt.Sprint(got) != fmt.Sprint(want) || got[0].data != data {
				t.Errorf("%v of %d bytes: got %v code %d, want %v", op, n, got, code, want)
			}
		}
	}
}

// TestDecoderFrames covers framing, control frames, reserved bits and opcodes
// and fragmentation (Autobahn groups 1 to 5) and the table of protocol.md §2.1.
func TestDecoderFrames(t *testing.T) {
	big := strings.Repeat("*", 125)
	header := func(s string) []byte { return unhex(t, s) }
	rsv := func(bits byte, b []byte) []byte { b = bytes.Clone(b); b[0] |= bits; return b }
	type test struct {
		name string
		in   []byte
		want []event
		code Code
	}
	tests := []test{
		{"nothing", nil, nil, 0},
		{"spec example", header("81 85 37 FA 21 3D 7F 9F 4D 51 58"), []event{{OpText, true, false, "Hello"}}, 0},
		{"empty text", frame(OpText, true, ""), []event{{OpText, true, false, ""}}, 0},
		{"empty binary", frame(OpBinary, true, ""), []event{{OpBinary, true, false, ""}}, 0},
		{"ping without payload", frame(OpPing, true, ""), []event{{OpPing, true, false, ""}}, 0},
		{"ping with payload", frame(OpPing, true, "\x00\xff\xfe\xfd"), []event{{OpPing, true, false, "\x00\xff\xfe\xfd"}}, 0},
		{"ping of 125", frame(OpPing, true, big), []event{{OpPing, true, false, big}}, 0},
		{"ping of 126", frame(OpPing, true, big+"*"), nil, CodeProtocolError},
		{"pong of 126", frame(OpPong, true, big+"*"), nil, CodeProtocolError},
		{"close of 126", frame(OpClose, true, big+"*"), nil, CodeProtocolError},
		{"ping in 126 form with 1 byte", header("89 FE 00 01 00 00 00 00 41"), nil, CodeProtocolError},
		{"ping in 127 form", header("89 FF 00 00 00 00 00 00 00 01 00 00 00 00 41"), nil, CodeProtocolError},
		{"unsolicited pong", frame(OpPong, true, "x"), []event{{OpPong, true, false, "x"}}, 0},
		{"close is yielded", frame(OpClose, true, "\x03\xe8"), []event{{OpClose, true, false, "\x03\xe8"}}, 0},
		{"unmasked", header("81 01 41"), nil, CodeProtocolError},
		{"unmasked empty", header("81 00"), nil, CodeProtocolError},
		{"good then bad", join(frame(OpText, true, "ok"), header("81 00")), []event{{OpText, true, false, "ok"}}, CodeProtocolError},
		{"ping not final", frame(OpPing, false, ""), nil, CodeProtocolError},
		{"pong not final", frame(OpPong, false, ""), nil, CodeProtocolError},
		{"close not final", frame(OpClose, false, ""), nil, CodeProtocolError},
		{"two fragments", join(frame(OpText, false, "fragment1"), frame(OpContinuation, true, "fragment2")),
			[]event{{OpText, false, false, "fragment1"}, {OpContinuation, true, false, "fragment2"}}, 0},
		{"spec fragments", join(header("01 89 37 FA 21 3D"), xor("fragment1"), header("80 89 37 FA 21 3D"), xor("fragment2")),
			[]event{{OpText, false, false, "fragment1"}, {OpContinuation, true, false, "fragment2"}}, 0},
		{"empty fragments", join(frame(OpText, false, ""), frame(OpContinuation, false, ""), frame(OpContinuation, true, "")),
			[]event{{OpText, false, false, ""}, {OpContinuation, false, false, ""}, {OpContinuation, true, false, ""}}, 0},
		{"ping between fragments", join(frame(OpBinary, false, "a"), frame(OpPing, true, "p"), frame(OpContinuation, true, "b")),
			[]event{{OpBinary, false, false, "a"}, {OpPing, true, false, "p"}, {OpContinuation, true, false, "b"}}, 0},
		{"ping with invalid UTF-8 inside text", join(frame(OpText, false, "\xce"), frame(OpPing, true, "\xff"), frame(OpContinuation, true, "\xba")),
			[]event{{OpText, false, false, "\xce"}, {OpPing, true, false, "\xff"}, {OpContinuation, true, false, "\xba"}}, 0},
		{"continuation first, final", frame(OpContinuation, true, "x"), nil, CodeProtocolError},
		{"continuation first, not final", frame(OpContinuation, false, "x"), nil, CodeProtocolError},
		{"continuation after a finished message", join(frame(OpText, true, "a"), frame(OpContinuation, true, "b")),
			[]event{{OpText, true, false, "a"}}, CodeProtocolError},
		{"continuation after finished fragments", join(frame(OpText, false, "a"), frame(OpContinuation, true, "b"), frame(OpContinuation, true, "c")),
			[]event{{OpText, false, false, "a"}, {OpContinuation, true, false, "b"}}, CodeProtocolError},
		{"text inside a message", join(frame(OpText, false, "a"), frame(OpText, true, "b")),
			[]event{{OpText, false, false, "a"}}, CodeProtocolError},
		{"binary inside a message", join(frame(OpText, false, "a"), frame(OpBinary, false, "b")),
			[]event{{OpText, false, false, "a"}}, CodeProtocolError},
		{"invalid UTF-8 in binary", frame(OpBinary, true, "\xff\xfe"), []event{{OpBinary, true, false, "\xff\xfe"}}, 0},
		{"binary after half-open text state", join(frame(OpText, true, "ä"), frame(OpBinary, true, "\xff")),
			[]event{{OpText, true, false, "ä"}, {OpBinary, true, false, "\xff"}}, 0},
		{"126 form for 1 byte", header("82 FE 00 01 00 00 00 00 41"), []event{{OpBinary, true, false, "A"}}, 0},
		{"127 form for 1 byte", header("82 FF 00 00 00 00 00 00 00 01 00 00 00 00 41"), []event{{OpBinary, true, false, "A"}}, 0},
		{"126 form for nothing", header("82 FE 00 00 00 00 00 00"), []event{{OpBinary, true, false, ""}}, 0},
		{"top bit of the length", header("82 FF 80 00 00 00 00 00 00 00 00 00 00 00"), nil, CodeProtocolError},
		{"length of all ones", header("82 FF FF FF FF FF FF FF FF FF 00 00 00 00"), nil, CodeProtocolError},
		{"length 2^63-1", header("82 FF 7F FF FF FF FF FF FF FF 00 00 00 00"), nil, CodeTooBig},
		{"length 2^40", header("82 FF 00 00 01 00 00 00 00 00 00 00 00 00"), nil, CodeTooBig},
		{"length 2^40 before its mask", header("82 FF 00 00 01 00 00 00 00 00"), nil, CodeTooBig},
		{"zero mask", header("81 82 00 00 00 00 68 69"), []event{{OpText, true, false, "hi"}}, 0},
		{"truncated header", header("81 FE 00"), nil, 0},
		{"truncated payload", header("81 85 37 FA 21 3D 7F"), nil, 0},
		{"bad second byte is enough", header("89 7E"), nil, CodeProtocolError},
	}
	for _, bits := range []byte{0x10, 0x20, 0x40, 0x50, 0x70} {
		for _, op := range []Opcode{OpText, OpBinary, OpPing, OpPong, OpClose} {
			tests = append(tests, test{fmt.Sprintf("rsv %02x on %v", bits, op),
				join(frame(OpText, true, "a"), rsv(bits, frame(op, true, "")), frame(OpPing, true, "")),
				[]event{{OpText, true, false, "a"}}, CodeProtocolError})
		}
	}
	for _, op := range []Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, data := range []string{"", "x"} {
			tests = append(tests, test{fmt.Sprintf("%v with %q", op, data),
				join(frame(OpText, true, "a"), frame(op, true, data), frame(OpPing, true, "")),
				[]event{{OpText, true, false, "a"}}, CodeProtocolError})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, code := everySplit(t, &Limits{}, tt.in)
			if code != tt.code || fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v code %d, want %v code %d", got, code, tt.want, tt.code)
			}
		})
	}
}

func xor(s string) []byte {
	b := []byte(s)
	Mask(b, testMask, 0)
	return b
}

func TestDecoderClientRole(t *testing.T) {
	lim := &Limits{Client: true}
	in := join(AppendFrame(nil, OpText, []byte("hello")), AppendHeader(nil, OpBinary, false, false, 0), AppendFrame(nil, OpPing, nil),
		AppendHeader(nil, OpContinuation, true, false, 1), []byte{0xFF})
	got, code := everySplit(t, lim, in)
	want := []event{{OpText, true, false, "hello"}, {OpBinary, false, false, ""}, {OpPing, true, false, ""}, {OpContinuation, true, false, "\xff"}}
	if code != 0 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v code %d, want %v", got, code, want)
	}
	if _, code := everySplit(t, lim, frame(OpText, true, "masked")); code != CodeProtocolError {
		t.Errorf("masked server frame: code %d, want 1002", code)
	}
}

func TestDecoderRSV1(t *testing.T) {
	lim := &Limits{RSV1: true, MaxMessage: 1000}
	rsv1 := func(b []byte) []byte { b[0] |= 0x40; return b }
	tests := []struct {
		name string
		in   []byte
		want int // frames yielded
		code Code
	}{
		{"on text, bytes not checked", rsv1(frame(OpText, true, "\xff\xff")), 1, 0},
		{"on the first fragment", join(rsv1(frame(OpText, false, "\xff")), frame(OpContinuation, true, "\xff")), 2, 0},
		{"plain text is still checked", join(rsv1(frame(OpText, true, "\xff")), frame(OpText, true, "\xff")), 1, CodeInvalidPayload},
		{"on a continuation", join(rsv1(frame(OpText, false, "")), rsv1(frame(OpContinuation, true, ""))), 1, CodeProtocolError},
		{"on a ping", rsv1(frame(OpPing, true, "")), 0, CodeProtocolError},
		{"with RSV2", func() []byte { b := rsv1(frame(OpText, true, "")); b[0] |= 0x20; return b }(), 0, CodeProtocolError},
		{"slack for stored blocks", rsv1(frame(OpBinary, true, strings.Repeat("x", 1064))), 1, 0},
		{"limit", rsv1(frame(OpBinary, true, strings.Repeat("x", 1065))), 0, CodeTooBig},
		{"limit over fragments", join(rsv1(frame(OpBinary, false, strings.Repeat("x", 1064))), frame(OpContinuation, true, "x")), 1, CodeTooBig},
		{"no slack uncompressed", frame(OpBinary, true, strings.Repeat("x", 1001)), 0, CodeTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, code := everySplit(t, lim, tt.in)
			if len(got) != tt.want || code != tt.code {
				t.Errorf("got %d frames code %d, want %d code %d", len(got), code, tt.want, tt.code)
			}
		})
	}
}

func TestDecoderMaxMessage(t *testing.T) {
	text := func(n int) string { return strings.Repeat("m", n) }
	tests := []struct {
		name string
		lim  Limits
		in   []byte
		want int
		code Code
	}{
		{"at the limit", Limits{MaxMessage: 10}, frame(OpText, true, text(10)), 1, 0},
		{"over the limit", Limits{MaxMessage: 10}, frame(OpText, true, text(11)), 0, CodeTooBig},
		{"decided from the header", Limits{MaxMessage: 10}, frame(OpText, true, text(11))[:2], 0, CodeTooBig},
		{"fragments at the limit", Limits{MaxMessage: 10}, join(frame(OpText, false, text(5)), frame(OpContinuation, true, text(5))), 2, 0},
		{"fragments over it", Limits{MaxMessage: 10}, join(frame(OpText, false, text(5)), frame(OpContinuation, false, text(5)), frame(OpContinuation, true, "x")), 2, CodeTooBig},
		{"empty fragments do not add", Limits{MaxMessage: 1}, join(frame(OpText, false, "x"), frame(OpContinuation, false, ""), frame(OpContinuation, true, "")), 3, 0},
		{"messages do not add up", Limits{MaxMessage: 5}, join(frame(OpText, true, text(5)), frame(OpText, true, text(5))), 2, 0},
		{"control frames do not count", Limits{MaxMessage: 5}, join(frame(OpText, false, text(5)), frame(OpPing, true, text(125)), frame(OpContinuation, true, "")), 3, 0},
		{"default passes", Limits{}, frame(OpText, true, text(131072)), 1, 0},
		{"default fails", Limits{}, frame(OpText, true, text(131073)), 0, CodeTooBig},
		{"no limit", Limits{MaxMessage: -1}, frame(OpText, true, text(131073)), 1, 0},
		{"no limit, sum overflows", Limits{MaxMessage: -1}, join(frame(OpBinary, false, "x"), unhex(t, "80 FF 7F FF FF FF FF FF FF FF 00 00 00 00")), 1, CodeTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, code := everySplit(t, &tt.lim, tt.in)
			if len(got) != tt.want || code != tt.code {
				t.Errorf("got %d frames code %d, want %d code %d", len(got), code, tt.want, tt.code)
			}
		})
	}
}

func TestDecoderCounters(t *testing.T) {
	var d Decoder
	var f Frame
	next := func(b []byte) {
		t.Helper()
		if _, ok, err := d.Next(b, &Limits{}, &f); !ok || err != nil {
			t.Fatalf("Next = %v, %v", ok, err)
		}
	}
	if !d.Idle() {
		t.Error("zero value is not idle")
	}
	next(frame(OpText, false, "abc"))
	next(frame(OpPing, true, "p"))
	next(frame(OpContinuation, false, "de"))
	if d.Fragments() != 2 || d.Announced() != 5 || d.Idle() {
		t.Errorf("Fragments %d, Announced %d, Idle %v; want 2, 5, false", d.Fragments(), d.Announced(), d.Idle())
	}
	if op, deflated := d.Message(); op != OpText || deflated {
		t.Errorf("Message = %v, %v", op, deflated)
	}
	next(frame(OpContinuation, true, ""))
	if !d.Idle() {
		t.Error("not idle after the message")
	}
	next(frame(OpBinary, true, ""))
	if op, _ := d.Message(); op != OpBinary || d.Fragments() != 1 || d.Announced() != 0 {
		t.Errorf("second message: %v, %d frames, %d bytes", op, d.Fragments(), d.Announced())
	}
	if n, ok, err := d.Next([]byte{0x81}, &Limits{}, &f); n != 1 || ok || err != nil || d.Idle() {
		t.Errorf("half a header: %d, %v, %v, idle %v", n, ok, err, d.Idle())
	}
}

func TestDecoderAllocations(t *testing.T) {
	lim := &Limits{}
	in := join(frame(OpText, true, strings.Repeat("grüße ", 20)), frame(OpPing, true, "p"), frame(OpBinary, false, strings.Repeat("x", 1000)),
		frame(OpContinuation, true, "y"))
	p := make([]byte, len(in))
	var d Decoder
	var f Frame
	allocs := testing.AllocsPerRun(100, func() {
		copy(p, in)
		for cut := range 2 {
			rest := p[:len(p)/3]
			if cut == 1 {
				rest = p[len(p)/3:]
			}
			for len(rest) > 0 {
				n, _, err := d.Next(rest, lim, &f)
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per run, want 0", allocs)
	}
}
