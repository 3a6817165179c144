package httpxe

import "strconv"

// Reason returns the phrase of a status line, including the odd ones that
// clients and scripts compare literally (protocol.md §1.3), or "Status" for a
// status without one.
func Reason(status int) string {
	switch status {
	case 101:
		return "Web Socket Protocol Handshake"
	case 200:
		return "OK"
	case 201:
		return "Created"
	case 203:
		return "Non-Authorative Information"
	case 204:
		return "No Content"
	case 206:
		return "Partial Content"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Found"
	case 303:
		return "See Other"
	case 304:
		return "Not Modified"
	case 307:
		return "Temporary Redirect"
	case 308:
		return "Permanent Redirect"
	}
	return errorReason(status)
}

func errorReason(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 409:
		return "Conflict"
	case 412:
		return "Precondition Failed"
	case 413:
		return "Request Entity Too Large"
	case 414:
		return "Request URI Too Long"
	case 415:
		return "Unsupported Media Type"
	case 416:
		return "Requested Range Not Satisfiable"
	case 417:
		return "Expectation Failed"
	case 426:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "Version Not Supported"
	case 508:
		return "Loop detected"
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

// A StatusError refuses a request: Status and Reason are what the peer is
// told, Err is for our log only. An empty Reason stands for [Reason] of Status.
type StatusError struct {
	Status int
	Reason string
	Err    error
}

func (e *StatusError) Error() string {
	s := strconv.Itoa(e.Status) + " " + e.Reason
	if e.Reason == "" {
		s += Reason(e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *StatusError) Unwrap() error { return e.Err }
