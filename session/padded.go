package session

import (
	"github.com/valyala/bytebufferpool"

	"github.com/kzfast/kzfast/wsproto/wse"
)

// A padded is the transport of a downstream whose client sees nothing before a
// block of some kilobytes has come: gzip, and padding behind each write
// (spec/protocol.md §6.5, ".kbp").
type padded struct {
	Transport
	gzip  wse.Gzip
	block int // bytes of padding
}

// Write implements [Transport].
func (t *padded) Write(p []byte) { t.pass(p, t.Transport.Write) }

// Send implements [Transport].
func (t *padded) Send(p []byte) { t.pass(p, t.Transport.Send) }

// Close implements [Transport].
func (t *padded) Close() {
	t.Transport.Write(t.gzip.AppendEnd(nil))
	t.Transport.Close()
}

func (t *padded) pass(p []byte, write func([]byte)) {
	b := bytebufferpool.Get()
	b.B = t.gzip.Append(b.B, p, t.block)
	write(b.B)
	bytebufferpool.Put(b)
}
