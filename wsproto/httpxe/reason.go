package httpxe

import (
	"strconv"

	"github.com/kzfast/kzfast/wsproto"
)

// A Field is one header line.
type Field = wsproto.Field

// A StatusError refuses a request with the answer the peer is owed.
type StatusError = wsproto.StatusError

// Reason returns the phrase of a status line (protocol.md §1.3), or "Status"
// for a status that has none here.
func Reason(status int) string {
	if s := wsproto.ReasonPhrase(status); s != "" {
		return s
	}
	return "Status"
}

// AppendHTML appends the body of an error response that no service wrote
// (protocol.md §1.3); an empty reason means [Reason] of the status.
func AppendHTML(dst []byte, status int, reason string) []byte {
	if reason == "" {
		reason = Reason(status)
	}
	dst = append(dst, "<html><head></head><body><h1>"...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	return append(dst, "</h1></body></html>"...)
}
