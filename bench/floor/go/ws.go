package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

// upgrade answers the request head at the front of p; n is its length, 0 when
// it is not whole.
func upgrade(p []byte) (answer []byte, n int) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, 0
	}
	var key []byte
	for line := range bytes.Lines(p[:end+2]) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Sec-WebSocket-Key")) {
			key = bytes.TrimSpace(value)
		}
	}
	sum := sha1.Sum(append(bytes.Clone(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	answer = append(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	answer = base64.StdEncoding.AppendEncode(answer, sum[:])
	return append(answer, "\r\n\r\n"...), end + 4
}

// keys is scratch for one mask, repeated.
var keys [4096]byte

// unmask writes src under mask to dst, which may overlap src from below.
func unmask(dst, src []byte, mask [4]byte) {
	n := min(len(keys), (len(src)+3)&^3)
	copy(keys[:], mask[:])
	for k := 4; k < n; k *= 2 {
		copy(keys[k:n], keys[:k])
	}
	if len(src) > 0 && &dst[0] != &src[0] {
		copy(dst, src)
	}
	for b := dst[:len(src)]; len(b) > 0; {
		k := subtle.XORBytes(b, b, keys[:])
		b = b[k:]
	}
}

// echo turns the whole frames of p into their echoes, in p. Pings are not
// answered; a close frame and an invalid frame give ok false.
func echo(p []byte) (used int, out []byte, ok bool) {
	from, to := -1, 0
	for {
		b := p[used:]
		if len(b) < 6 {
			break
		}
		n, head := int(b[1]&0x7f), 6
		switch {
		case n == 126:
			n, head = int(binary.BigEndian.Uint16(b[2:])), 8
		case n == 127:
			if len(b) < 14 {
				return used, p[max(from, 0):to], true
			}
			n, head = int(binary.BigEndian.Uint64(b[2:])), 14
		}
		if b[1]&0x80 == 0 || n < 0 || n > 256<<10 {
			return used, nil, false
		}
		if len(b) < head+n {
			break
		}
		first, mask := b[0], [4]byte(b[head-4:])
		if first&0x0f == 8 {
			return used, nil, false
		}
		payload := b[head : head+n]
		used += head + n
		if first&8 != 0 {
			continue
		}
		if from < 0 {
			to = used - n
			from = to - (head - 4)
		} else {
			to += head - 4
		}
		put(p[to-(head-4):to], first, n)
		if n > 0 {
			unmask(p[to:], payload, mask)
		}
		to += n
	}
	return used, p[max(from, 0):to], true
}

// put writes a header that fills b.
func put(b []byte, first byte, n int) {
	b[0] = first
	switch len(b) {
	case 2:
		b[1] = byte(n)
	case 4:
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(n))
	}
}
