package wsproto

import (
	"bytes"
	"fmt"
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
		r := bytes.NewReader(in)
		h, err := ws.ReadHeader(r)
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
		in = in[len(in)-r.Len():]
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
	f.Add(frame(Text, true, "Hello"), uint8(0))
	f.Add(join(frame(Text, false, "\xce"), frame(Ping, true, "\xff"), frame(Continuation, true, "\xba")), uint8(0))
	f.Add(join(AppendFrame(nil, Text, []byte("x")), AppendFrame(nil, Close, []byte{3, 232})), uint8(1))
	f.Add(join(frame(Binary, false, "abc"), frame(Continuation, true, "def")), uint8(7))
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff1234"), uint8(8))
	f.Add([]byte("\xc1\x82\x00\x00\x00\x00\xff\xff"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, mode uint8) {
		lim := &Limits{Client: mode&1 != 0, RSV1: mode&2 != 0, NoUTF8: mode&4 != 0, MaxMessage: 100}
		if mode&8 != 0 {
			lim.MaxMessage = -1
		}
		got, code := everySplit(t, lim, in)
		want, wantCode := reference(in, lim)
		if wantCode == 0 && code == CodeTooBig && len(in) > 0 {
			// The limit is applied before the mask is there; the reference wants whole headers.
			wantCode = code
		}
		if code != wantCode || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%x: got %v code %d, reference %v code %d", in, got, code, want, wantCode)
		}
		var total int64
		for _, e := range got {
			if !e.op.Control() {
				if e.op != Continuation {
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
