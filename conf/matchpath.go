package conf

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// matchPath makes the path of an accept or balance URI what requests are
// compared with: percent escapes are decoded once and runs of slashes become
// one, as for a request's own path (spec/protocol.md §1.2, wsproto.Request).
//
// The same text stands in redirects and adverts, so a path that could only be
// written there with an escape is refused, and so is one whose requests are
// answered 400: with a broken escape, an escaped separator or NUL, or a "." or
// ".." segment. The error ends with the remedy.
func matchPath(path string) (string, error) {
	var out strings.Builder
	last := byte(0)
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '/' && last == '/':
			continue
		case c == '%':
			b, ok := unescape(path[i:])
			switch {
			case !ok:
				return "", fmt.Errorf("%q is not a percent escape; write the character itself, or leave it out", path[i:min(i+3, len(path))])
			case b == '/' || b == '\\' || b == 0:
				return "", fmt.Errorf("requests with the escape %q in their path are refused; use a path without it", path[i:i+3])
			case b < utf8.RuneSelf && !bare(b):
				return "", fmt.Errorf("%q stands for a character that cannot be part of this path; use letters, digits and -._~!$&'()*+,;=:@ only", path[i:i+3])
			}
			c = b
			i += 2
		}
		out.WriteByte(c)
		last = c
	}
	p := out.String()
	if !utf8.ValidString(p) {
		return "", errors.New("its percent escapes are not UTF-8; use letters, digits and -._~!$&'()*+,;=:@ only")
	}
	for s := range strings.SplitSeq(p, "/") {
		if s == "." || s == ".." {
			return "", fmt.Errorf("requests with a %q segment in their path are refused; write the path without it", s)
		}
	}
	return p, nil
}

// unescape reads %41 at the front of s.
func unescape(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	hi, lo := strings.IndexByte(hexDigits, lower(s[1])), strings.IndexByte(hexDigits, lower(s[2]))
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

const hexDigits = "0123456789abcdef"

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// bare reports whether a path holds the ASCII character c without an escape
// (RFC 3986 §3.3).
func bare(c byte) bool {
	return c >= '0' && c <= '9' || lower(c) >= 'a' && lower(c) <= 'z' || strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}
