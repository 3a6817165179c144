package vendorclient

import (
	"bufio"
	"fmt"
	"io"
	"unicode/utf8"
)

// A kind is what a WSE frame is.
type kind uint8

const (
	kindText kind = iota + 1
	kindBinary
	kindNOP
	kindReconnect
	kindClose
	kindPing
	kindPong
)

// readFrame reads the next frame of a downstream body (spec/protocol.md §6.2).
// A command frame may hold several commands: rest is those after the first.
func readFrame(r *bufio.Reader) (k kind, payload []byte, rest []kind, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, nil, nil, err
	}
	switch first {
	case 0x80, 0x81:
		payload, err = readPayload(r)
		k = kindBinary
		if first == 0x81 {
			k = kindText
			if err == nil && !utf8.Valid(payload) {
				err = fmt.Errorf("text frame %.40q is not UTF-8", payload)
			}
		}
	case 0x89, 0x8A:
		payload, err = readPayload(r)
		if err == nil && len(payload) > 0 {
			err = fmt.Errorf("ping or pong with %d bytes", len(payload))
		}
		k = kindPing + kind(first-0x89)
	case 0x01:
		var all []kind
		if all, err = readCommands(r); err == nil {
			k, rest = all[0], all[1:]
		}
	default:
		err = fmt.Errorf("frame type %02X", first)
	}
	return k, payload, rest, cut(err)
}

// cut is the error of a body that ends inside a frame.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func readPayload(r *bufio.Reader) ([]byte, error) {
	n := 0
	for i := 0; ; i++ {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return nil, err
		case i == 0 && c == 0x80 || i == 5:
			return nil, fmt.Errorf("frame length with byte %02X at %d", c, i)
		}
		n = n<<7 | int(c&0x7f)
		if c < 0x80 {
			break
		}
	}
	if n > maxMessage {
		return nil, fmt.Errorf("frame of %d bytes", n)
	}
	p := make([]byte, n)
	_, err := io.ReadFull(r, p)
	return p, err
}

// readCommands reads pairs of digits up to FF. NOPs behind the first command
// are padding.
func readCommands(r *bufio.Reader) (all []kind, err error) {
	var digits [2]byte
	for {
		if digits[0], err = r.ReadByte(); err != nil {
			return nil, err
		}
		if digits[0] == 0xFF {
			break
		}
		if digits[1], err = r.ReadByte(); err != nil {
			return nil, err
		}
		k := kindNOP
		switch string(digits[:]) {
		case "00":
			if len(all) > 0 {
				continue
			}
		case "01":
			k = kindReconnect
		case "02":
			k = kindClose
		default:
			return nil, fmt.Errorf("command %q", digits)
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		all = append(all, kindNOP)
	}
	return all, nil
}

const (
	commandReconnect = "\x01\x30\x31\xff"
	commandClose     = "\x01\x30\x32\xff"
	framePong        = "\x8a\x00"
)

// appendMessage appends one message in length form.
func appendMessage(dst []byte, m Message) []byte {
	first := byte(0x80)
	if m.Text {
		first = 0x81
	}
	dst = append(dst, first)
	n := len(m.Data)
	for shift := 28; shift > 0; shift -= 7 {
		if n >= 1<<shift {
			dst = append(dst, byte(n>>shift)|0x80)
		}
	}
	return append(append(dst, byte(n)&0x7f), m.Data...)
}

// asText writes each byte as the character of its number, in UTF-8.
func asText(frames []byte) []byte {
	dst := make([]byte, 0, len(frames)+len(frames)/2)
	for _, c := range frames {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}
