package wsproto

// Header lines are written in the order of protocol.md §1.4: by name without
// case, lines of one name in the order given, Set-Cookie after all others. We
// write our own lines in that order; the caller's, h, are brought in order
// first and then merged in, before our line of the same name. h is what is
// left of them.

// inOrder returns h sorted, as a copy in buf when it was not.
func inOrder(h, buf []Field) []Field {
	for i := 1; i < len(h); i++ {
		if after(h[i-1].Name, h[i].Name) {
			h = append(buf, h...)
			insertionSort(h)
			break
		}
	}
	return h
}

func insertionSort(h []Field) {
	for i := 1; i < len(h); i++ {
		for j := i; j > 0 && after(h[j-1].Name, h[j].Name); j-- {
			h[j-1], h[j] = h[j], h[j-1]
		}
	}
}

// after reports whether a stands behind b.
func after(a, b []byte) bool {
	if ca, cb := equalFold(a, "Set-Cookie"), equalFold(b, "Set-Cookie"); ca || cb {
		return ca && !cb
	}
	return compareFold(a, b) > 0
}

func compareFold[T string | []byte](a []byte, b T) int {
	for i := range min(len(a), len(b)) {
		if d := int(lower(a[i])) - int(lower(b[i])); d != 0 {
			return d
		}
	}
	return len(a) - len(b)
}

// appendUpTo writes those of h that stand before name or have it.
func appendUpTo(dst []byte, h []Field, name string) ([]byte, []Field) {
	for len(h) > 0 && !equalFold(h[0].Name, "Set-Cookie") && compareFold(h[0].Name, name) <= 0 {
		dst = appendField(dst, h[0].Name, h[0].Value)
		h = h[1:]
	}
	return dst, h
}

// appendOwn writes a line of our own in its place.
func appendOwn[T string | []byte](dst []byte, h []Field, name string, value T) ([]byte, []Field) {
	dst, h = appendUpTo(dst, h, name)
	return appendField(dst, name, value), h
}

// appendRest writes what is left of h, and one more cookie.
func appendRest(dst []byte, h []Field, cookie []byte) []byte {
	for i := range h {
		dst = appendField(dst, h[i].Name, h[i].Value)
	}
	if len(cookie) > 0 {
		dst = appendField(dst, "Set-Cookie", cookie)
	}
	return dst
}

// AppendField appends one header line.
func AppendField(dst []byte, name string, value []byte) []byte {
	return appendField(dst, name, value)
}

func appendField[N, V string | []byte](dst []byte, name N, value V) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), '\r', '\n')
}
