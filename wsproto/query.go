package wsproto

import "bytes"

// QueryParam returns the raw value of the first query parameter with exactly
// this name; a parameter without "=" has an empty value.
func (r *Request) QueryParam(name string) (value []byte, ok bool) {
	r.EachParam(func(_, n, v []byte) bool {
		if string(n) == name {
			value, ok = v, true
		}
		return !ok
	})
	return value, ok
}

// EachParam calls fn with every query parameter in order until fn returns
// false: the whole pair, and its name and value, all as sent.
func (r *Request) EachParam(fn func(pair, name, value []byte) bool) {
	rest := r.RawQuery
	for len(rest) > 0 {
		var pair []byte
		if i := bytes.IndexByte(rest, '&'); i >= 0 {
			pair, rest = rest[:i:i], rest[i+1:]
		} else {
			pair, rest = rest, nil
		}
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if !fn(pair, name, value) {
			return
		}
	}
}
