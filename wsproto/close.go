package wsproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Code is the status in a close frame (RFC 6455 §7.4).
type Code uint16

// The codes of RFC 6455 §7.4.1 and the later IANA registrations 1012 to 1014.
// CodeNoStatus, CodeAbnormal and CodeTLSHandshake never appear on the wire.
const (
	CodeNormal             Code = 1000
	CodeGoingAway          Code = 1001
	CodeProtocolError      Code = 1002
	CodeUnsupportedData    Code = 1003
	CodeNoStatus           Code = 1005
	CodeAbnormal           Code = 1006
	CodeInvalidPayload     Code = 1007
	CodePolicyViolation    Code = 1008
	CodeTooBig             Code = 1009
	CodeMandatoryExtension Code = 1010
	CodeInternalError      Code = 1011
	CodeServiceRestart     Code = 1012
	CodeTryAgainLater      Code = 1013
	CodeBadGateway         Code = 1014
	CodeTLSHandshake       Code = 1015
)

// Sendable reports whether c may stand in a close frame: 1000-1003, 1007-1014
// and 3000-4999 (protocol.md §2.1).
func (c Code) Sendable() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// String returns c in decimal.
func (c Code) String() string { return strconv.Itoa(int(c)) }

// A CloseError reports why a connection must be failed (RFC 6455 §7.1.7).
// Code is what the peer is told; Err is for our log only.
type CloseError struct {
	Code Code
	Err  error
}

// Error returns the code and the cause.
func (e *CloseError) Error() string {
	if e.Err == nil {
		return "close " + e.Code.String()
	}
	return "close " + e.Code.String() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

func protocolError(format string, args ...any) *CloseError {
	return &CloseError{CodeProtocolError, fmt.Errorf(format, args...)}
}

// MaxReason is the longest reason in a close frame in bytes.
const MaxReason = MaxControl - 2

var errReasonUTF8 = errors.New("close reason is not UTF-8")

// ParseClose reads the payload of a received close frame by the rules of
// protocol.md §2.1. An empty payload gives CodeNoStatus, answered by an empty
// close frame; otherwise code and reason are echoed unchanged. reason aliases
// payload. A non-nil error holds the code with which to fail the connection.
func ParseClose(payload []byte) (code Code, reason []byte, err *CloseError) {
	if len(payload) == 0 {
		return CodeNoStatus, nil, nil
	}
	if len(payload) == 1 || len(payload) > MaxControl {
		return 0, nil, protocolError("close frame of %d bytes", len(payload))
	}
	code, reason = Code(binary.BigEndian.Uint16(payload)), payload[2:]
	switch {
	case !code.Sendable():
		return code, nil, protocolError("close code %d received", code)
	case utf8.Valid(reason):
		return code, reason, nil
	case code == CodeNormal:
		return code, nil, &CloseError{CodeProtocolError, errReasonUTF8}
	}
	return code, nil, &CloseError{CodeInvalidPayload, errReasonUTF8}
}

// AppendClose appends a server's close frame. Code 0 or CodeNoStatus makes the
// empty one. A reason longer than [MaxReason] is cut at a character boundary.
// The code is written as given, [Code.Sendable] or not.
func AppendClose(dst []byte, code Code, reason []byte) []byte {
	if code == 0 || code == CodeNoStatus {
		return AppendHeader(dst, OpClose, true, false, 0)
	}
	reason = cutReason(reason)
	dst = AppendHeader(dst, OpClose, true, false, int64(2+len(reason)))
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}

// AppendMaskedClose is [AppendClose] for a client.
func AppendMaskedClose(dst []byte, code Code, reason []byte, mask [4]byte) []byte {
	if code == 0 || code == CodeNoStatus {
		return AppendMaskedHeader(dst, OpClose, true, false, 0, mask)
	}
	reason = cutReason(reason)
	dst = AppendMaskedHeader(dst, OpClose, true, false, int64(2+len(reason)), mask)
	at := len(dst)
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
	Mask(dst[at:], mask, 0)
	return dst
}

// cutReason cuts at most three bytes more than needed: the start of a
// character that does not fit.
func cutReason(reason []byte) []byte {
	if len(reason) <= MaxReason {
		return reason
	}
	n := MaxReason
	for n > MaxReason-utf8.UTFMax && !utf8.RuneStart(reason[n]) {
		n--
	}
	return reason[:n]
}
