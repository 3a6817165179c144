package echo

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
)

// whole is a frame in one piece.
func whole(op wsproto.Opcode, fin bool, data string) wsproto.Frame {
	return wsproto.Frame{Op: op, Fin: fin, Len: int64(len(data)), Data: []byte(data)}
}

// chunks cuts f at off.
func chunks(f wsproto.Frame, off int) []wsproto.Frame {
	a, b := f, f
	a.Data = f.Data[:off]
	b.Off, b.Data = int64(off), f.Data[off:]
	return []wsproto.Frame{a, b}
}

var (
	text  = whole(wsproto.OpText, true, "hello")
	first = whole(wsproto.OpText, false, "hel")
	rest  = whole(wsproto.OpContinuation, true, "lo")
)

func TestEcho(t *testing.T) {
	tests := []struct {
		name string
		in   []wsproto.Frame
	}{
		{"text", []wsproto.Frame{text}},
		{"empty", []wsproto.Frame{whole(wsproto.OpText, true, "")}},
		{"binary", []wsproto.Frame{whole(wsproto.OpBinary, true, "\x00\xff")}},
		{"fragments", []wsproto.Frame{first, rest}},
		{"chunks", chunks(text, 2)},
		{"fragments in chunks", append(chunks(first, 1), chunks(rest, 1)...)},
		{"two messages", []wsproto.Frame{text, whole(wsproto.OpBinary, true, "x")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch, recv := open(t, Options{})
			for _, f := range tt.in {
				recv.Frame(ch, &f)
			}
			if !reflect.DeepEqual(ch.out, tt.in) {
				t.Errorf("echo = %+v, want %+v", ch.out, tt.in)
			}
		})
	}
}

func TestEchoLengths(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		data := bytes.Repeat([]byte{'x'}, n)
		for _, times := range []int{1, 2} {
			ch, recv := open(t, Options{Repeat: times})
			recv.Frame(ch, &wsproto.Frame{Op: wsproto.OpBinary, Fin: true, Len: int64(n), Data: data})
			if len(ch.out) != times {
				t.Fatalf("%d bytes: %d echoes, want %d", n, len(ch.out), times)
			}
			for _, f := range ch.out {
				if f.Op != wsproto.OpBinary || !f.Fin || !f.Whole() || !bytes.Equal(f.Data, data) {
					t.Errorf("%d bytes: echo %v fin %v of %d bytes", n, f.Op, f.Fin, len(f.Data))
				}
			}
		}
	}
}

// A repeated message is gathered first, wherever it was cut.
func TestRepeat(t *testing.T) {
	twice := []wsproto.Frame{text, text}
	tests := []struct {
		name string
		in   []wsproto.Frame
		want []wsproto.Frame
	}{
		{"whole", []wsproto.Frame{text}, twice},
		{"fragments", []wsproto.Frame{first, rest}, twice},
		{"empty first fragment", []wsproto.Frame{whole(wsproto.OpText, false, ""), whole(wsproto.OpContinuation, true, "hello")}, twice},
		{"empty last fragment", []wsproto.Frame{whole(wsproto.OpText, false, "hello"), whole(wsproto.OpContinuation, true, "")}, twice},
		{"unfinished", []wsproto.Frame{first}, nil},
		{"unfinished chunk", chunks(text, 2)[:1], nil},
		{"two kinds", []wsproto.Frame{first, rest, whole(wsproto.OpBinary, true, "x")},
			append(twice[:2:2], whole(wsproto.OpBinary, true, "x"), whole(wsproto.OpBinary, true, "x"))},
	}
	for off := 1; off < len(text.Data); off++ {
		tests = append(tests, struct {
			name string
			in   []wsproto.Frame
			want []wsproto.Frame
		}{"cut", chunks(text, off), twice})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch, recv := open(t, Options{Repeat: 2})
			for _, f := range tt.in {
				recv.Frame(ch, &f)
			}
			if !reflect.DeepEqual(ch.out, tt.want) {
				t.Errorf("echo = %+v, want %+v", ch.out, tt.want)
			}
		})
	}
}

// Conversations of one service do not mix.
func TestRepeatApart(t *testing.T) {
	s := New(Options{Repeat: 2})
	a, b := &recorder{keep: true}, &recorder{keep: true}
	ra, rb := s.Open(a, nil), s.Open(b, nil)
	half, other := first, text
	ra.Frame(a, &half)
	rb.Frame(b, &other)
	if want := []wsproto.Frame{text, text}; len(a.out) != 0 || !reflect.DeepEqual(b.out, want) {
		t.Errorf("echoes = %+v and %+v, want none and %+v", a.out, b.out, want)
	}
}

// A client that does not read its echoes is not read from until it does.
func TestBackPressure(t *testing.T) {
	for _, times := range []int{1, 3} {
		ch, recv := open(t, Options{Repeat: times})
		f := text
		recv.Frame(ch, &f)
		if ch.pauses != 0 {
			t.Errorf("repeat %d: paused below the mark", times)
		}
		ch.over = true
		recv.Frame(ch, &f)
		if ch.pauses != 1 {
			t.Errorf("repeat %d: paused %d times above the mark, want 1", times, ch.pauses)
		}
		ch.over = false
		recv.Drained(ch)
		if ch.pauses != 0 {
			t.Errorf("repeat %d: still paused after Drained", times)
		}
		recv.Closed(ch, wsproto.CodeNormal, nil)
	}
}

func TestEchoAllocates(t *testing.T) {
	for _, times := range []int{1, 2} {
		ch, recv := open(t, Options{Repeat: times})
		ch.keep = false
		f := text
		got := testing.AllocsPerRun(100, func() { recv.Frame(ch, &f) })
		if want := float64(min(times-1, 1)); got > want {
			t.Errorf("repeat %d: %v allocations for a message, want at most %v", times, got, want)
		}
	}
}
