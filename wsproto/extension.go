package wsproto

import "fmt"

// EachExtension calls fn with every element of an extension list header
// (RFC 6455 §9.1), such as Sec-WebSocket-Extensions, until fn returns false:
// its name, and its parameters for [NextParam]. An element that does not follow
// the grammar ends the walk with an error.
func (h *fields) EachExtension(header string, fn func(name, params []byte) bool) error {
	for i := range h.list {
		if !equalFold(h.list[i].Name, header) {
			continue
		}
		for rest := h.list[i].Value; ; {
			var item []byte
			var more bool
			item, rest, more = cutUnquoted(rest, ',')
			if item = trimBlanks(item); len(item) > 0 {
				name, params, _ := cutUnquoted(item, ';')
				if name = trimBlanks(name); !token(name) || !goodParams(params) {
					return fmt.Errorf("extension %q", clip(item))
				}
				if !fn(name, params) {
					return nil
				}
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// NextParam cuts the first parameter off what [EachExtension] gave: its name
// and its value without quotes, nil when it has none. An empty name means that
// there was none left.
func NextParam(params []byte) (name, value, rest []byte) {
	item, rest, _ := cutUnquoted(params, ';')
	name, value, has := cutUnquoted(item, '=')
	name = trimBlanks(name)
	if !has {
		return name, nil, rest
	}
	value = trimBlanks(value)
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return name, value, rest
}

func goodParams(params []byte) bool {
	for len(params) > 0 {
		var name, value []byte
		name, value, params = NextParam(params)
		if !token(name) || value != nil && !token(value) {
			return false
		}
	}
	return true
}

// cutUnquoted is bytes.Cut at a byte outside double quotes. RFC 6455 lets only
// tokens be quoted, so there are no escapes to honour.
func cutUnquoted(b []byte, sep byte) (before, after []byte, found bool) {
	quoted := false
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

func token[T string | []byte](s T) bool {
	for i := range len(s) {
		if class[s[i]]&isToken == 0 {
			return false
		}
	}
	return len(s) > 0
}
