package wse

import "bytes"

// An Encoding is what the create suffix chose for a session (protocol.md §6.1).
type Encoding uint8

const (
	Binary       Encoding = iota // /;e/cb
	BinaryMixed                  // /;e/cbm
	Text                         // /;e/ct
	TextMixed                    // /;e/ctm
	Escaped                      // /;e/cte
	EscapedMixed                 // /;e/ctem

	numEncodings
)

var suffixes = [numEncodings]string{"b", "bm", "t", "tm", "te", "tem"}

// Bodies' media types, exactly as sent (protocol.md §6.1, §6.5).
const (
	OctetStream    = "application/octet-stream"
	UpstreamText   = "text/plain;charset=utf-8"
	DownstreamText = "text/plain; charset=windows-1252"
)

// parseEncoding finds the encoding of a path element without its first letter.
func parseEncoding(suffix []byte) (Encoding, bool) {
	for e, s := range suffixes {
		if string(suffix) == s {
			return Encoding(e), true
		}
	}
	return 0, false
}

// String returns the create suffix, such as "cbm".
func (e Encoding) String() string { return "c" + suffixes[e] }

// Mixed reports whether the server distinguishes text from binary messages;
// if not, it sends every message as binary.
func (e Encoding) Mixed() bool { return e&1 == 1 }

// IsText reports whether bodies travel as text.
func (e Encoding) IsText() bool { return e >= Text }

// UpstreamType returns the Content-Type that clients give upstream bodies.
func (e Encoding) UpstreamType() string {
	if e.IsText() {
		return UpstreamText
	}
	return OctetStream
}

// DownstreamType returns the default Content-Type of downstream bodies.
func (e Encoding) DownstreamType() string {
	if e.IsText() {
		return DownstreamText
	}
	return OctetStream
}

// Layers are the codings around the frames of one body.
type Layers uint8

const (
	// LayerEscape replaces 00, 0A, 0D and 7F by two bytes.
	LayerEscape Layers = 1 << iota
	// LayerUTF8 writes each byte as the UTF-8 form of U+0000 to U+00FF.
	LayerUTF8
)

// Downstream returns the layers of what the server sends.
func (e Encoding) Downstream() Layers {
	if e >= Escaped {
		return LayerEscape
	}
	return 0
}

// Upstream returns the layers of a client's body. The UTF-8 layer is there
// only when the body says "text/plain; charset=utf-8" in any case and spacing,
// or says nothing (nil); any other type is read as raw bytes (protocol.md §6.4).
func (e Encoding) Upstream(contentType []byte) Layers {
	l := e.Downstream()
	if e.IsText() && (contentType == nil || plainUTF8(contentType)) {
		l |= LayerUTF8
	}
	return l
}

func plainUTF8(v []byte) bool {
	t, params, _ := bytes.Cut(v, []byte{';'})
	if !bytes.EqualFold(bytes.TrimSpace(t), []byte("text/plain")) {
		return false
	}
	for len(params) > 0 {
		var p []byte
		p, params, _ = bytes.Cut(params, []byte{';'})
		name, value, _ := bytes.Cut(p, []byte{'='})
		if bytes.EqualFold(bytes.TrimSpace(name), []byte("charset")) {
			return bytes.EqualFold(bytes.Trim(bytes.TrimSpace(value), `"`), []byte("utf-8"))
		}
	}
	return false
}
