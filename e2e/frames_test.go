//go:build linux

package e2e

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// header is the head of a masked frame with any first byte and any declared
// length; the mask is zero.
func header(first byte, length uint64) []byte {
	b := []byte{first, 0x80}
	switch {
	case length < 126:
		b[1] |= byte(length)
	case length < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(length))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, length)
	}
	return append(b, 0, 0, 0, 0)
}

// TestFrameAbuse is drills F28 and F29: frames that lie about their length or
// break the rules are answered with the right close code at once, and cost
// neither memory nor the other clients.
func TestFrameAbuse(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1})
	f.start()
	m := f.members[0]
	c := newCrowd(t, f, 10)
	quiet := m.resident()
	began := time.Now()
	const rounds = 20
	for _, a := range []struct {
		name  string
		bytes []byte
		code  int
	}{
		{"2^63-1 bytes", header(0x82, 1<<63-1), 1009},
		{"highest bit set", header(0x82, 1<<63|5), 1002},
		{"all bits set", header(0x82, 1<<64-1), 1002},
		{"2^40 bytes", header(0x82, 1<<40), 1009},
		{"one byte over the default limit", header(0x82, 128<<10+1), 1009},
		{"close of 126 bytes", header(0x88, 126), 1002},
		{"ping of 65536 bytes", header(0x89, 1<<16), 1002},
		{"ping in fragments", header(0x09, 1), 1002},
		{"reserved bit", header(0xC2, 1), 1002},
		{"reserved opcode", header(0x83, 1), 1002},
		{"continuation of nothing", header(0x80, 1), 1002},
		{"text within a message", append(header(0x01, 0), header(0x81, 0)...), 1002},
		{"unmasked", []byte{0x81, 0x01, 'a'}, 1002},
		{"bad UTF-8 at the end of a message", append(append(header(0x81, 60001), bytes.Repeat([]byte("a"), 60000)...), 0xff), 1007},
		{"half a character, then another frame", append(append(header(0x01, 1), 0xe2), append(header(0x80, 1), 'a')...), 1007},
		{"close code 1005", append(header(0x88, 2), 0x03, 0xed), 1002},
		{"close of one byte", append(header(0x88, 1), 0x03), 1002},
	} {
		t.Run(a.name, func(t *testing.T) {
			for i := range rounds {
				w, err := open(from(f.network, i), m.addr(), m.uri())
				if err != nil {
					t.Fatal(err)
				}
				_, _ = w.Write(a.bytes)
				if code := closeCode(w); code != a.code {
					t.Errorf("ended with %d, want %d", code, a.code)
				}
				w.Close()
			}
		})
	}
	c.speak()
	c.settle(patience, "bystanders")
	if n := len(c.since(began).ends); n > 0 {
		t.Errorf("%d bystanders lost their connection", n)
	}
	grown := m.resident() - quiet
	if grown > slack {
		t.Errorf("resident memory grew by %d MiB", grown/mib)
	}
	t.Logf("F29: 17 kinds of bad frames, %d connections each: RSS %+.1f MiB, 0 bystanders lost", rounds, mibOf(grown))
}

// TestFrameFloods is drill F28: streams of frames that cost more than they
// carry end with 1008, and the others are served meanwhile.
func TestFrameFloods(t *testing.T) {
	f := newFleet(t, fleetSpec{Members: 1})
	f.start()
	m := f.members[0]
	c := newCrowd(t, f, 10)
	began := time.Now()
	for _, a := range []struct {
		name       string
		first, all []byte
	}{
		{"pings", nil, bytes.Repeat(header(0x89, 0), 1000)},
		{"pongs", nil, bytes.Repeat(header(0x8A, 0), 1000)},
		{"empty fragments", header(0x02, 0), bytes.Repeat(header(0x00, 0), 1000)},
		{"fragments of one byte", append(header(0x02, 1), 'a'), bytes.Repeat(append(header(0x00, 1), 'a'), 1000)},
	} {
		t.Run(a.name, func(t *testing.T) {
			w, err := open(plain, m.addr(), m.uri())
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			codes := make(chan int, 1)
			go func() { codes <- closeCode(w) }()
			_, err = w.Write(a.first)
			sent := 0
			for err == nil && sent < 200 {
				_ = w.SetWriteDeadline(time.Now().Add(patience))
				_, err = w.Write(a.all)
				sent++
			}
			if code := await(t, codes); code != 1008 {
				t.Errorf("ended with %d after up to %d frames, want 1008", code, sent*1000)
			}
		})
		c.speak()
		c.settle(patience, "bystanders")
	}
	if n := len(c.since(began).ends); n > 0 {
		t.Errorf("%d bystanders lost their connection", n)
	}
}

// closeCode reads to the end of a connection and answers the code of the close
// frame; 0 when there was none.
func closeCode(w *wsConn) int {
	for {
		_ = w.SetReadDeadline(time.Now().Add(patience))
		op, payload, err := w.anyFrame()
		if err != nil {
			return 0
		}
		if op == opClose && len(payload) >= 2 {
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}
