package wsproto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/flate"
)

// flushTail ends every compressed message on the way through flate and is not
// sent (RFC 7692 §7.2.1).
const flushTail = "\x00\x00\xff\xff"

// Deflate appends the compressed payload of a message (RFC 7692 §7.2.1) without
// context takeover. The result stands in one frame with RSV1, or is cut into
// several of which only the first has it. It is safe for any goroutine.
func Deflate(dst, src []byte) []byte {
	d := deflaters.Get().(*deflater)
	d.out = dst
	d.w.Reset(d)
	// Writes go to memory: there is nothing that could fail.
	_, _ = d.w.Write(src)
	_ = d.w.Flush()
	dst, d.out = d.out, nil
	deflaters.Put(d)
	return dst[:len(dst)-len(flushTail)]
}

// A deflater is a flate writer and where it writes to. One takes some hundred
// KiB, so a pool keeps about one for each loop that compresses.
type deflater struct {
	w   *flate.Writer
	out []byte
}

func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err)
	}
	return &deflater{w: w}
}}

// A message may inflate to InflateRatio times its compressed size, and to
// InflateFree bytes in any case.
const (
	InflateRatio = 256
	InflateFree  = 1 << 20
)

// Inflate appends the content of a compressed message, whose payload over all
// its frames is src, without context takeover. maxOut limits the content as
// [Limits].MaxMessage does. err is a *CloseError: 1009 as soon as the next byte
// would pass maxOut or the ratio, 1007 for anything that is not deflate. dst
// grows with the content, never to what a header claims. Text is still to be
// checked. It is safe for any goroutine.
func Inflate(dst, src []byte, maxOut int64) ([]byte, error) {
	limit := (&Limits{MaxMessage: maxOut}).maxMessage(false)
	limit = min(limit, max(InflateFree, int64(len(src))*InflateRatio), math.MaxInt/2)
	in := inflaters.Get().(*inflater)
	in.buf = append(append(in.buf[:0], src...), inflateTail...)
	in.src.Reset(in.buf)
	out, err := in.inflate(dst, int(limit))
	if cap(in.buf) > keepBuffer {
		in.buf = nil
	}
	in.src.Reset(nil)
	inflaters.Put(in)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// An inflater is a flate reader and what it reads: a message, the tail that was
// not sent, and a final block so that flate ends. It is a copy because flate is
// fastest on a bytes.Reader, of which it takes no byte more than it needs.
type inflater struct {
	r     io.ReadCloser
	src   bytes.Reader
	buf   []byte
	extra [1]byte // for the byte that would pass the limit
}

const (
	inflateTail = flushTail + "\x01\x00\x00\xff\xff"
	keepBuffer  = 64 << 10 // bytes an idle inflater may hold
)

var inflaters = sync.Pool{New: func() any { return &inflater{r: flate.NewReader(bytes.NewReader(nil))} }}

// maxStreams bounds how often a message may end a deflate stream and begin
// another behind it, which RFC 7692 §7.2.3.5 allows once.
const maxStreams = 4

var errStreams = errors.New("message of many deflate streams")

const window = 32 << 10

func (in *inflater) inflate(dst []byte, limit int) ([]byte, error) {
	base := len(dst)
	for range maxStreams {
		dict := dst[max(base, len(dst)-window):]
		if err := in.r.(flate.Resetter).Reset(&in.src, dict); err != nil {
			return dst, &CloseError{CodeInvalidPayload, err}
		}
		var err error
		if dst, err = in.stream(dst, base, base+limit); err != nil {
			return dst, err
		}
		if in.src.Len() <= len(inflateTail) {
			return dst, nil
		}
	}
	return dst, &CloseError{CodeInvalidPayload, errStreams}
}

// stream inflates up to a final block, and to no more than end bytes in dst.
func (in *inflater) stream(dst []byte, base, end int) ([]byte, error) {
	for {
		room := dst[len(dst):min(cap(dst), end)]
		switch {
		case len(dst) == end:
			room = in.extra[:]
		case len(room) == 0:
			grown := make([]byte, len(dst), min(end, max(2*cap(dst), len(dst)+3*len(in.buf), 512)))
			copy(grown, dst)
			dst = grown
			continue
		}
		n, err := in.r.Read(room)
		if n > 0 && len(dst) == end {
			return dst, &CloseError{CodeTooBig, fmt.Errorf("%d compressed bytes inflate to more than %d", len(in.buf)-len(inflateTail), end-base)}
		}
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, &CloseError{CodeInvalidPayload, fmt.Errorf("inflate: %w", err)}
		}
	}
}
