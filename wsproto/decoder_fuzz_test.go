package wsproto

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// reference decodes a complete input the slow way, with gobwas/ws's reader for
// headers, and joins text before it validates it.
func reference(in []byte, lim *Limits) (events []event, code Code) {
	state := ws.StateServerSide
	if lim.Client {
		state = ws.StateClientSide
	}
	var text []byte
	var isText, deflated bool
	var total int64
	for {
		h, n, err := readHeader(in)
		if len(in) >= 2 {
			first := ws.Header{Fin: in[0]&0x80 != 0, Rsv: in[0] & 0x70 >> 4, OpCode: ws.OpCode(in[0] & 15),
				Masked: in[1]&0x80 != 0, Length: int64(in[1] & 0x7F)}
			if lim.RSV1 && first.OpCode >= ws.OpText && first.OpCode <= ws.OpBinary {
				first.Rsv &^= 4
			}
			if ws.CheckHeader(first, state) != nil {
				return events, CodeProtocolError
			}
		}
		if err == ws.ErrHeaderLengthMSB {
			return events, CodeProtocolError
		}
		if err != nil {
			return events, 0
		}
		if h.OpCode.IsData() {
			if h.OpCode != ws.OpContinuation {
				text, total, isText, deflated = nil, 0, h.OpCode == ws.OpText, h.Rsv1()
			}
			if h.Length > lim.maxMessage(deflated)-total {
				return events, CodeTooBig
			}
			total += h.Length
		}
		if n > len(in) {
			return events, 0
		}
		in = in[n:]
		data := bytes.Clone(in[:min(int64(len(in)), h.Length)])
		in = in[len(data):]
		if h.Masked {
			for i := range data {
				data[i] ^= h.Mask[i%4]
			}
		}
		whole := int64(len(data)) == h.Length
		if h.OpCode.IsData() && isText && !deflated && !lim.NoUTF8 {
			text = append(text, data...)
			if !canBecomeValid(text) || whole && h.Fin && !utf8.Valid(text) {
				return events, CodeInvalidPayload
			}
		}
		if !whole {
			return events, 0
		}
		events = append(events, event{Opcode(h.OpCode), h.Fin, h.Rsv1(), string(data)})
		if h.OpCode.IsData() {
			state = state.Clear(ws.StateFragmented)
			if !h.Fin {
				state = state.Set(ws.StateFragmented)
			}
		}
	}
}

// readHeader reads a header whose mask may not be complete; n is then more
// than len(in).
func readHeader(in []byte) (h ws.Header, n int, err error) {
	need := 2
	if len(in) >= 2 {
		switch in[1] & 0x7F {
		case 126:
			need = 4
		case 127:
			need = 10
		}
	}
	if len(in) < need {
		return h, 0, io.ErrUnexpectedEOF
	}
	r := bytes.NewReader(append(bytes.Clone(in), 0, 0, 0, 0))
	size := r.Len()
	h, err = ws.ReadHeader(r)
	return h, size - r.Len(), err
}

func canBecomeValid(p []byte) bool {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			if utf8.FullRune(p) {
				return false
			}
			// A prefix is good if one of its completions is.
			for _, tail := range []string{"\x80", "\xbf", "\x80\x80", "\xbf\x80", "\x80\x80\x80", "\xbf\x80\x80"} {
				if utf8.Valid(append(bytes.Clone(p), tail...)) {
					return true
				}
			}
			return false
		}
		p = p[n:]
	}
	return true
}

func FuzzDecoder(f *testing.F) {
	f.Add(frame(OpText, true, "Hello"), uint8(0))
	f.Add(join(frame(OpText, false, "\xce"), frame(OpPing, true, "\xff"), frame(OpContinuation, true, "\xba")), uint8(0))
	f.Add(join(AppendFrame(nil, OpText, []byte("x")), AppendFrame(nil, OpClose, []byte{3, 232})), uint8(1))
	f.Add(join(frame(OpBinary, false, "abc"), frame(OpContinuation, true, "def")), uint8(7))
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff1234"), uint8(8))
	f.Add([]byte("\xc1\x82\x00\x00\x00\x00\xff\xff"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, mode uint8) {
		lim := &Limits{Client: mode&1 != 0, RSV1: mode&2 != 0, NoUTF8: mode&4 != 0, MaxMessage: 100}
		if mode&8 != 0 {
			lim.MaxMessage = -1
		}
		got, code := everySplit(t, lim, in)
		want, wantCode := reference(in, lim)
		if code != wantCode || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%x: got %v code %d, reference %v code %d", in, got, code, want, wantCode)
		}
		var total int64
		for _, e := range got {
			if !e.op.Control() {
				if e.op != OpContinuation {
					total = 0
				}
				total += int64(len(e.data))
			}
		}
		if limit := lim.maxMessage(lim.RSV1); limit != math.MaxInt64 && total > limit {
			t.Errorf("%d bytes of one message, limit %d", total, limit)
		}
	})
}
