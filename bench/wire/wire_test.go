package wire

import (
	"bytes"
	"testing"
)

func TestHeaderEverySplit(t *testing.T) {
	mask := [4]byte{1, 2, 3, 4}
	for _, m := range []*[4]byte{nil, &mask} {
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
			b := AppendHeader(nil, OpBinary, n, m)
			for i := range b {
				if _, got := ParseHeader(b[:i]); got != 0 {
					t.Errorf("payload %d: header of %d bytes parsed from %d", n, len(b), i)
				}
			}
			h, got := ParseHeader(append(b, 0xff))
			if got != len(b) || h.Len != int64(n) || !h.Fin || h.Op != OpBinary || h.Masked != (m != nil) || h.RSV != 0 {
				t.Errorf("payload %d: got %+v in %d bytes, want %d", n, h, got, len(b))
			}
		}
	}
}

func TestFrameMasked(t *testing.T) {
	// RFC 6455 §5.7: a single-frame masked text message.
	want := []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}
	got := AppendFrame(nil, OpText, []byte("Hello"), [4]byte{0x37, 0xfa, 0x21, 0x3d})
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestAccept(t *testing.T) {
	// RFC 6455 §1.3.
	if got, want := Accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestResponse(t *testing.T) {
	head := "HTTP/1.1 302 Found\r\nlocation: http://h:1/echo\r\nContent-Length: 7\r\n\r\n"
	for i := range head {
		if _, n := ParseResponse([]byte(head[:i])); n != 0 {
			t.Fatalf("head parsed from its first %d bytes", i)
		}
	}
	r, n := ParseResponse([]byte(head + "payload"))
	if n != len(head) || r.Status != 302 || r.Header("Location") != "http://h:1/echo" || r.ContentLength() != 7 {
		t.Errorf("got %+v in %d bytes", r, n)
	}
	if r, _ := ParseResponse([]byte("SSH-2.0\r\n\r\n")); r.Status != 0 || r.ContentLength() != -1 {
		t.Errorf("not HTTP: got %+v", r)
	}
}
