package wsproto

import (
	"errors"
	"fmt"
	"strconv"
)

// A StatusError ends a request before the upgrade. Status, Reason and Headers
// are what the client is told; Err is for our log only.
type StatusError struct {
	Status  int
	Reason  string
	Headers []Field // extra header lines in any order
	Close   bool    // the connection cannot be used for another request
	Err     error
}

// Error returns the status line and the cause.
func (e *StatusError) Error() string {
	s := strconv.Itoa(e.Status) + " " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *StatusError) Unwrap() error { return e.Err }

// Append appends the whole answer as [AppendStatus] does, with e.Headers and
// the extra lines h. Errors of the request head carry a Date but no Server
// (protocol.md §1.5): pass what the case asks for, empty leaves it out.
func (e *StatusError) Append(dst []byte, h []Field, server string, date []byte) []byte {
	r := Reply{Status: e.Status, Reason: e.Reason, Headers: h, Server: server, Date: date}
	if len(e.Headers) > 0 {
		r.Headers = e.Headers
		if len(h) > 0 {
			r.Headers = append(append(make([]Field, 0, len(h)+len(e.Headers)), h...), e.Headers...)
		}
	}
	return r.Append(dst)
}

// ReasonPhrase returns the phrase that our answers carry for a status, with
// the odd ones of protocol.md §1.3, and "" for an unknown status.
func ReasonPhrase(status int) string { return reasons[status] }

var reasons = map[int]string{
	100: "Continue",
	101: "Web Socket Protocol Handshake",
	200: "OK",
	201: "Created",
	202: "Accepted",
	203: "Non-Authorative Information",
	204: "No Content",
	205: "Reset Content",
	206: "Partial Content",
	300: "Multiple Choices",
	301: "Moved Permanently",
	302: "Found",
	303: "See Other",
	304: "Not Modified",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	402: "Payment Required",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	406: "Not Acceptable",
	407: "Proxy Authentication Required",
	408: "Request Timeout",
	409: "Conflict",
	410: "Gone",
	411: "Length Required",
	412: "Precondition Failed",
	413: "Request Entity Too Large",
	414: "Request URI Too Long",
	415: "Unsupported Media Type",
	416: "Requested Range Not Satisfiable",
	417: "Expectation Failed",
	426: "Upgrade Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	500: "Internal Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "Version Not Supported",
	508: "Loop detected",
}

func statusError(status int, err error) *StatusError {
	return &StatusError{Status: status, Reason: reasons[status], Close: true, Err: err}
}

func badRequest(format string, args ...any) *StatusError {
	return statusError(400, fmt.Errorf(format, args...))
}

func tooLarge(format string, args ...any) *StatusError {
	return statusError(431, fmt.Errorf(format, args...))
}

var (
	errBareCR = statusError(400, errors.New("CR without LF in the head"))
	errFold   = statusError(400, errors.New("header line begins with a blank"))
)
