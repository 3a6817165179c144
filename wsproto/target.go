package wsproto

import (
	"bytes"
	"errors"
)

// target splits Target by its form and decodes the path.
func (r *Request) target() *StatusError {
	t := r.Target
	switch {
	case t[0] == '/':
		r.form = originForm
		return r.pathAndQuery(t)
	case string(r.Method) == "CONNECT":
		r.form, r.host = authorityForm, t
		return nil
	case len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS":
		r.form, r.Path, r.RawPath = asteriskForm, t, t
		return nil
	}
	i := bytes.Index(t, []byte("://"))
	if i < 0 || !knownScheme(t[:i]) {
		return badRequest("request target %q", clip(t))
	}
	r.form, r.scheme = absoluteForm, t[:i]
	t = t[i+3:]
	end := bytes.IndexAny(t, "/?")
	if end < 0 {
		end = len(t)
	}
	r.host = t[:end:end]
	return r.pathAndQuery(t[end:])
}

func knownScheme(s []byte) bool {
	return equalFold(s, "http") || equalFold(s, "https") || equalFold(s, "ws") || equalFold(s, "wss")
}

var slash = []byte("/")

func (r *Request) pathAndQuery(t []byte) *StatusError {
	path := t
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		path, r.RawQuery = t[:i:i], t[i+1:]
	}
	if len(path) == 0 {
		r.RawPath, r.Path = path, slash
		return nil
	}
	r.RawPath = path
	if plainPath(path) {
		r.Path = path
	} else {
		var err *StatusError
		if r.path, err = appendPath(r.path[:0], path); err != nil {
			return err
		}
		r.Path = r.path
	}
	return dotSegment(r.Path)
}

// plainPath reports whether a path needs no change.
func plainPath(p []byte) bool {
	for i, c := range p {
		if c == '%' || c == '\\' || c == '/' && i > 0 && p[i-1] == '/' {
			return false
		}
	}
	return true
}

var (
	errEscape    = statusError(400, errors.New("broken percent escape in the path"))
	errSeparator = statusError(400, errors.New("escaped separator or NUL in the path"))
	errDots      = statusError(400, errors.New(`"." or ".." segment in the path`))
)

// appendPath decodes percent escapes once and collapses runs of slashes. A
// slash, backslash or NUL that was escaped is refused, a bare backslash too.
func appendPath(dst, p []byte) ([]byte, *StatusError) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch c {
		case '\\':
			return dst, errSeparator
		case '/':
			if len(dst) > 0 && dst[len(dst)-1] == '/' {
				continue
			}
		case '%':
			if i+2 >= len(p) {
				return dst, errEscape
			}
			hi, lo := unhexDigit(p[i+1]), unhexDigit(p[i+2])
			if hi > 15 || lo > 15 {
				return dst, errEscape
			}
			c = hi<<4 | lo
			if c == '/' || c == '\\' || c == 0 {
				return dst, errSeparator
			}
			i += 2
		}
		dst = append(dst, c)
	}
	return dst, nil
}

// unhexDigit returns the value of a hexadecimal digit, 255 for another byte.
func unhexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// dotSegment refuses a decoded path with a "." or ".." segment: whoever routes a
// request and whoever serves it must see one path.
func dotSegment(p []byte) *StatusError {
	for i := 0; ; {
		j := bytes.Index(p[i:], []byte("/."))
		if j < 0 {
			return nil
		}
		i += j + len("/.")
		end := i
		if end < len(p) && p[end] == '.' {
			end++
		}
		if end == len(p) || p[end] == '/' {
			return errDots
		}
	}
}
