package directory

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A span is the part of a file to send, in bytes.
type span struct{ start, length int64 }

func (s span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.start, s.start+s.length-1, size)
}

// rangeOf returns what a GET asks for: 206 and the span of a single byte range,
// 416 when it lies behind the end, else 200 and the whole file (RFC 9110 §14.2).
// Several ranges, other units and malformed ones are ignored. If-Range counts
// only with the exact Last-Modified date: our entity tags are weak and may not
// be used for ranges (§13.1.5).
func rangeOf(r *http.Request, size int64, tag string, mtime time.Time) (span, int) {
	whole := span{0, size}
	values := r.Header["Range"]
	if r.Method != http.MethodGet || len(values) != 1 {
		return whole, http.StatusOK
	}
	if r.Header.Get("If-Range") != "" {
		date, ok := dateOf(r.Header, "If-Range", mtime)
		if !ok || !mtime.Truncate(time.Second).Equal(date) {
			return whole, http.StatusOK
		}
	}
	unit, spec, found := strings.Cut(values[0], "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return whole, http.StatusOK
	}
	first, last, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || !digits(first) || !digits(last) || first == "" && last == "" {
		return whole, http.StatusOK
	}
	if first == "" {
		return suffix(last, size)
	}
	start, err := strconv.ParseInt(first, 10, 64)
	if err != nil || start >= size {
		return whole, http.StatusRequestedRangeNotSatisfiable
	}
	end := size - 1
	if n, err := strconv.ParseInt(last, 10, 64); last != "" && err == nil && n < end {
		end = n
	}
	if end < start {
		return whole, http.StatusOK
	}
	return span{start, end - start + 1}, http.StatusPartialContent
}

// suffix is the last n bytes of a file.
func suffix(n string, size int64) (span, int) {
	length, err := strconv.ParseInt(n, 10, 64)
	if err != nil || length > size {
		length = size
	}
	if length == 0 {
		return span{0, size}, http.StatusRequestedRangeNotSatisfiable
	}
	return span{size - length, length}, http.StatusPartialContent
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
