package conf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// maxFileBytes bounds every XML file we read.
const maxFileBytes = 4 << 20

var (
	bomUTF8    = []byte{0xef, 0xbb, 0xbf}
	bomUTF16BE = []byte{0xfe, 0xff}
	bomUTF16LE = []byte{0xff, 0xfe}
)

// toUTF8 gives the text of an XML file in UTF-8: from UTF-8, UTF-16 with or
// without a byte order mark, US-ASCII or ISO-8859-1, told by the mark or the
// XML declaration.
func toUTF8(b []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, bomUTF8):
		b = b[len(bomUTF8):]
		return b, declared(b, "utf-8")
	case bytes.HasPrefix(b, bomUTF16BE):
		return fromUTF16(b[2:], binary.BigEndian)
	case bytes.HasPrefix(b, bomUTF16LE):
		return fromUTF16(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte{0, '<'}):
		return fromUTF16(b, binary.BigEndian)
	case bytes.HasPrefix(b, []byte{'<', 0}):
		return fromUTF16(b, binary.LittleEndian)
	}
	switch name := declaredEncoding(b); name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return b, nil
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1":
		return fromLatin1(b), nil
	default:
		return nil, fmt.Errorf("encoding %q is not supported; save the file as UTF-8, UTF-16 or ISO-8859-1", shown(name))
	}
}

// declared checks that the declaration does not contradict the mark.
func declared(b []byte, want string) error {
	if name := declaredEncoding(b); name != "" && name != want {
		return fmt.Errorf("the file starts with the byte order mark of %s but declares encoding %q; correct the declaration", want, shown(name))
	}
	return nil
}

// declaredEncoding is the encoding of the XML declaration, in lower case.
func declaredEncoding(b []byte) string {
	if !bytes.HasPrefix(b, []byte("<?xml")) {
		return ""
	}
	end := bytes.Index(b[:min(len(b), 512)], []byte("?>"))
	if end < 0 {
		return ""
	}
	_, rest, ok := strings.Cut(string(b[:end]), "encoding")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t\r\n=")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	return strings.ToLower(name)
}

func fromUTF16(b []byte, order binary.ByteOrder) ([]byte, error) {
	if len(b)%2 != 0 {
		return nil, errors.New("the UTF-16 text ends in the middle of a character; save the file again")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, '\uFFFD') {
		return nil, errors.New("the UTF-16 text holds a broken character; save the file again")
	}
	return []byte(text), nil
}

func fromLatin1(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		if c < 0x80 {
			out = append(out, c)
		} else {
			out = append(out, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	return out
}
