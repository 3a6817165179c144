package wse

const (
	typeDelimited = 0x00
	typeCommand   = 0x01
	typeBinary    = 0x80
	typeText      = 0x81
	typePing      = 0x89
	typePong      = 0x8A
)

// Command frames are the same in every encoding downstream: none of their
// bytes needs an escape.
const (
	nopFrame       = "\x0100\xFF"
	reconnectFrame = "\x0101\xFF"
	closeFrame     = "\x0102\xFF"
)

// AppendMessage appends one message as the server sends it in e: text stays
// text in mixed encodings and becomes binary in the others.
func AppendMessage(dst []byte, e Encoding, text bool, payload []byte) []byte {
	dst = AppendHeader(dst, e, text, int64(len(payload)))
	return AppendPayload(dst, e, payload)
}

// AppendHeader appends type and length of a message of n payload bytes, for a
// payload that follows in pieces by [AppendPayload].
func AppendHeader(dst []byte, e Encoding, text bool, n int64) []byte {
	var h [1 + 5]byte
	h[0] = typeBinary
	if text && e.Mixed() {
		h[0] = typeText
	}
	return AppendPayload(dst, e, appendLen(h[:1], n))
}

// AppendPayload appends payload bytes, escaped where e escapes. Pieces of one
// payload may be appended one after the other.
func AppendPayload(dst []byte, e Encoding, p []byte) []byte {
	if e >= Escaped {
		return appendEscaped(dst, p)
	}
	return append(dst, p...)
}

// MaxFrameOverhead is what a frame may be longer than its payload, in an
// encoding without escapes.
const MaxFrameOverhead = 6

// appendLen appends n, below 2^35, as LEN.
func appendLen(dst []byte, n int64) []byte {
	shift := 28
	for shift > 0 && n>>shift == 0 {
		shift -= 7
	}
	for ; shift > 0; shift -= 7 {
		dst = append(dst, 0x80|byte(n>>shift)&0x7f)
	}
	return append(dst, byte(n)&0x7f)
}

// AppendNOP appends a NOP, the heartbeat of a downstream.
func AppendNOP(dst []byte) []byte { return append(dst, nopFrame...) }

// AppendReconnect appends RECONNECT. Nothing may follow it in a body.
func AppendReconnect(dst []byte) []byte { return append(dst, reconnectFrame...) }

// AppendClose appends CLOSE. Only RECONNECT may follow.
func AppendClose(dst []byte) []byte { return append(dst, closeFrame...) }

// AppendPing appends a ping; only for sessions created with
// X-Accept-Commands: ping.
func AppendPing(dst []byte, e Encoding) []byte { return AppendPayload(dst, e, pingFrame) }

// AppendPong appends a pong; see [AppendPing].
func AppendPong(dst []byte, e Encoding) []byte { return AppendPayload(dst, e, pongFrame) }

var (
	pingFrame = []byte{typePing, 0}
	pongFrame = []byte{typePong, 0}
)

// AppendPadding appends the one command frame that pads a body, of which
// written bytes are out already, to total bytes (.kp, protocol.md §6.5). With
// nothing to pad it appends nothing.
func AppendPadding(dst []byte, written, total int) []byte {
	k := (total - written) / 2
	if k <= 0 {
		return dst
	}
	dst = append(dst, typeCommand)
	for range k {
		dst = append(dst, '0', '0')
	}
	return append(dst, 0xFF)
}

func appendEscaped(dst, p []byte) []byte {
	for _, c := range p {
		switch c {
		case 0x00:
			dst = append(dst, 0x7F, '0')
		case '\n':
			dst = append(dst, 0x7F, 'n')
		case '\r':
			dst = append(dst, 0x7F, 'r')
		case 0x7F:
			dst = append(dst, 0x7F, 0x7F)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendLayers puts the layers of an upstream body around frames. It is the
// client's side, for our own client and for tests.
func AppendLayers(dst []byte, l Layers, frames []byte) []byte {
	if l&LayerEscape != 0 {
		frames = appendEscaped(nil, frames)
	}
	if l&LayerUTF8 == 0 {
		return append(dst, frames...)
	}
	for _, c := range frames {
		if c < 0x80 {
			dst = append(dst, c)
		} else {
			dst = append(dst, 0xC0|c>>6, 0x80|c&0x3f)
		}
	}
	return dst
}
