package load

import (
	"bytes"
	"fmt"

	"github.com/kzfast/kzfast/bench/wire"
)

const (
	// tagBytes is the length of the tag in front of each message: 48 bits,
	// connection and sequence number, six to a byte so that it is text.
	tagBytes = 8
	// period is a prime, so that neighbouring messages start the text at
	// different places.
	period = 4093
)

// A pattern makes and checks the messages of one run. Immutable after
// newPattern.
type pattern struct {
	size   int
	plain  []byte    // the text, longer than a message by period
	masked [4][]byte // the text under the mask, for each position of the mask's start
	key    [4]byte
	head   []byte // the masked frame header, the same for all
}

func newPattern(size int, text bool, key [4]byte) *pattern {
	p := &pattern{size: size, key: key, plain: make([]byte, size+period)}
	x := uint32(2463534242)
	for i := range p.plain {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p.plain[i] = ' ' + byte(x>>8)%95
	}
	for i := range p.masked {
		p.masked[i] = bytes.Clone(p.plain)
		wire.Mask(p.masked[i], key, i)
	}
	p.head = wire.AppendHeader(nil, opcode(text), size, &p.key)
	return p
}

func opcode(text bool) byte {
	if text {
		return wire.OpText
	}
	return wire.OpBinary
}

func (p *pattern) start(id, seq uint32) int {
	return int((uint64(id)*31 + uint64(seq)*17) % period)
}

func tag(id, seq uint32) (t [tagBytes]byte) {
	v := uint64(id)<<32 | uint64(seq)
	for i := range t {
		t[i] = '0' + byte(v>>(42-6*i))&63
	}
	return t
}

// appendFrame appends message seq of connection id as a masked client frame.
func (p *pattern) appendFrame(dst []byte, id, seq uint32) []byte {
	dst = append(dst, p.head...)
	t := tag(id, seq)
	for i := range t {
		t[i] ^= p.key[i&3]
	}
	dst = append(dst, t[:]...)
	at := p.start(id, seq)
	// Position tagBytes+i of the payload is text[at+i]; the mask there is
	// key[i&3], and masked[m][at+i] was made with key[(m+at+i)&3].
	return append(dst, p.masked[-at&3][at:at+p.size-tagBytes]...)
}

// appendPlain appends the same message's payload alone.
func (p *pattern) appendPlain(dst []byte, id, seq uint32) []byte {
	t := tag(id, seq)
	dst = append(dst, t[:]...)
	at := p.start(id, seq)
	return append(dst, p.plain[at:at+p.size-tagBytes]...)
}

// check compares b with what stands at position at of message seq of
// connection id; b must not reach beyond the message.
func (p *pattern) check(b []byte, id, seq uint32, at int) error {
	if at < tagBytes {
		t := tag(id, seq)
		n := min(len(b), tagBytes-at)
		if !bytes.Equal(b[:n], t[at:at+n]) {
			return fmt.Errorf("connection %d, message %d: tag %q at %d, want %q", id, seq, b[:n], at, t[at:at+n])
		}
		if b, at = b[n:], at+n; len(b) == 0 {
			return nil
		}
	}
	from := p.start(id, seq) + at - tagBytes
	want := p.plain[from : from+len(b)]
	if bytes.Equal(b, want) {
		return nil
	}
	for i := range b {
		if b[i] != want[i] {
			at += i
			return fmt.Errorf("connection %d, message %d: byte %d is %#x, want %#x", id, seq, at, b[i], want[i])
		}
	}
	return nil
}
