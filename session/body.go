package session

import (
	"errors"

	"github.com/kzfast/kzfast/wsproto"
)

// A body delimits the content of a request (RFC 9112 §6, §7.1), which is fed
// to it in arbitrary pieces. The zero value is a request without content.
type body struct {
	left    int64 // bytes of the content, or of the chunk, still to come
	line    int32 // bytes of the chunk extensions and trailers so far
	state   chunkState
	digits  uint8
	chunked bool
}

type chunkState uint8

const (
	chunkSize      chunkState = iota // at a size; the state of an unread chunked body
	chunkExtension                   // behind ";" or blanks
	chunkSizeEnd                     // LF of the size line
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerLine
	trailerLF
	chunkedLF // of the last, blank line
	chunkedEnd
)

// maxChunkLines bounds extensions and trailers together; neither means
// anything to us.
const maxChunkLines = 8 << 10

var errChunk = &wsproto.StatusError{Status: 400, Reason: "Bad Request", Close: true, Err: errors.New("broken chunked content")}

func bodyOf(r *wsproto.Request) body {
	if r.Chunked {
		return body{chunked: true}
	}
	return body{left: max(r.ContentLength, 0)}
}

func (b *body) done() bool {
	if b.chunked {
		return b.state == chunkedEnd
	}
	return b.left == 0
}

// next takes n bytes from the front of p, some of which, data, are content.
// With !done it has taken all of p or is to be called again.
func (b *body) next(p []byte) (data []byte, n int, err error) {
	if b.chunked {
		return b.nextChunk(p)
	}
	n = int(min(b.left, int64(len(p))))
	b.left -= int64(n)
	return p[:n], n, nil
}

func (b *body) nextChunk(p []byte) (data []byte, n int, err error) {
	for n < len(p) && b.state != chunkedEnd {
		if b.state != chunkData {
			if !b.control(p[n]) {
				return nil, n, errChunk
			}
			n++
			continue
		}
		m := int(min(b.left, int64(len(p)-n)))
		if b.left -= int64(m); b.left == 0 {
			b.state = chunkDataCR
		}
		return p[n : n+m], n + m, nil
	}
	return nil, n, nil
}

// control takes one byte between chunks.
func (b *body) control(c byte) bool {
	switch b.state {
	case chunkSize:
		return b.size(c)
	case chunkExtension, trailerLine:
		b.line++
		switch {
		case c == '\r' && b.state == chunkExtension:
			b.state = chunkSizeEnd
		case c == '\r':
			b.state = trailerLF
		case c < ' ' && c != '\t' || c == 0x7F:
			return false
		}
		return b.line <= maxChunkLines
	case trailerStart:
		if c == '\r' {
			b.state = chunkedLF
			return true
		}
		b.state = trailerLine
		return c > ' ' && c != 0x7F
	}
	return b.expect(c)
}

func (b *body) size(c byte) bool {
	var d byte
	switch {
	case c >= '0' && c <= '9':
		d = c - '0'
	case c >= 'a' && c <= 'f':
		d = c - 'a' + 10
	case c >= 'A' && c <= 'F':
		d = c - 'A' + 10
	case b.digits == 0:
		return false
	case c == ';' || c == ' ' || c == '\t':
		b.state = chunkExtension
		return true
	case c == '\r':
		b.state = chunkSizeEnd
		return true
	default:
		return false
	}
	b.left = b.left<<4 | int64(d)
	b.digits++
	return b.digits <= 15
}

// expect takes the one byte that may stand here.
func (b *body) expect(c byte) bool {
	switch b.state {
	case chunkSizeEnd:
		b.state = chunkData
		if b.left == 0 {
			b.state = trailerStart
		}
	case chunkDataCR:
		b.state = chunkDataLF
		return c == '\r'
	case chunkDataLF:
		b.state, b.digits = chunkSize, 0
	case trailerLF:
		b.state = trailerStart
	case chunkedLF:
		b.state = chunkedEnd
	}
	return c == '\n'
}
