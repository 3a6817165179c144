package proxy

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/kzfast/kzfast/wsproto"
)

func TestRecord(t *testing.T) {
	var want []wsproto.Frame
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		data := bytes.Repeat([]byte{'x'}, n)
		want = append(want,
			wsproto.Frame{Op: wsproto.OpText, Fin: true, Len: int64(n), Data: data},
			wsproto.Frame{Op: wsproto.OpBinary, Len: 1 << 40, Off: 1 << 33, Data: data},
			wsproto.Frame{Op: wsproto.OpContinuation, Fin: true, Len: int64(n), Data: data})
	}
	var b []byte
	for i := range want {
		b = appendRecord(b, &want[i])
	}
	var got []wsproto.Frame
	eachRecord(b, func(f *wsproto.Frame) { got = append(got, *f) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d frames came back, want the %d that were kept", len(got), len(want))
	}
}
