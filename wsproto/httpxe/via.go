package httpxe

import "bytes"

// Via says how a response travels to the client that asked.
type Via uint8

const (
	// Plain is an ordinary HTTP response.
	Plain Via = iota
	// Bridge wraps for a bridge page or plug-in, known by its X-Origin header.
	Bridge
	// Enveloped wraps for a client that sent its request in an [Envelope].
	Enveloped
)

// MessageType is the media type of an explicit envelope request.
const MessageType = "application/x-message-http"

// Detect says how the response to a request must travel (protocol.md §1.9).
// contentType is the value of the Content-Type header and kct that of the .kct
// query token, either empty when absent; xOrigin reports that the request has
// an X-Origin header. An explicit envelope wins over X-Origin.
func Detect(method, contentType, kct []byte, xOrigin bool) Via {
	if len(kct) > 0 {
		contentType = kct
	}
	switch {
	case string(method) == "POST" && IsMessage(contentType):
		return Enveloped
	case xOrigin:
		return Bridge
	}
	return Plain
}

// IsMessage reports whether a Content-Type value names [MessageType], in any
// letter case and with any parameters.
func IsMessage(contentType []byte) bool {
	t, _ := splitType(contentType)
	return bytes.EqualFold(t, []byte(MessageType))
}

// ForStatus returns the way of a response with this status: v, except that a
// 401 is wrapped for a legacy client (any .kl or .kv query token) that would
// otherwise get it plain (protocol.md §1.9).
func (v Via) ForStatus(status int, legacy bool) Via {
	if v == Plain && status == 401 && legacy {
		return Bridge
	}
	return v
}

// String names the way for logs.
func (v Via) String() string {
	switch v {
	case Plain:
		return "plain"
	case Bridge:
		return "bridge"
	case Enveloped:
		return "enveloped"
	}
	return "unknown"
}
