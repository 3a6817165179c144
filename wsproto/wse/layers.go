package wse

import "fmt"

// one decodes the next byte at p[n]. got is false when p ended first.
func (d *Decoder) one(p []byte, n int, l Layers) (c byte, next int, got bool, err error) {
	for n < len(p) {
		c, n = p[n], n+1
		if l == 0 {
			return c, n, true, nil
		}
		if c, got, err = d.undo(c, l); got || err != nil {
			return c, n, got, err
		}
	}
	return 0, n, false, nil
}

// take decodes up to want bytes of p[n:] in place, to the front of p[n:]. The
// decoded bytes are p[n:end], next is what was consumed.
func (d *Decoder) take(p []byte, n int, want int64, l Layers) (next, end int, err error) {
	if l == 0 {
		if rest := int64(len(p) - n); want > rest {
			want = rest
		}
		n += int(want)
		return n, n, nil
	}
	end = n
	for ; want > 0 && n < len(p); n++ {
		c, got, err := d.undo(p[n], l)
		if err != nil {
			return n, end, err
		}
		if got {
			p[end] = c
			end++
			want--
		}
	}
	return n, end, nil
}

// undo passes one body byte through the layers; got is false when it was only
// the first half of something.
func (d *Decoder) undo(c byte, l Layers) (_ byte, got bool, err error) {
	if l&LayerUTF8 != 0 {
		switch {
		case d.lead != 0:
			if c&0xC0 != 0x80 {
				return 0, false, errUTF8
			}
			c = d.lead<<6 | c&0x3f // the code point modulo 256
			d.lead = 0
		case c >= 0x80:
			if c < 0xC2 || c > 0xDF {
				return 0, false, errUTF8
			}
			d.lead = c
			return 0, false, nil
		}
	}
	if l&LayerEscape == 0 {
		return c, true, nil
	}
	if !d.escape {
		d.escape = c == 0x7F
		return c, !d.escape, nil
	}
	d.escape = false
	switch c {
	case '0':
		return 0, true, nil
	case 'n':
		return '\n', true, nil
	case 'r':
		return '\r', true, nil
	case 0x7F:
		return c, true, nil
	}
	return 0, false, refuse(fmt.Errorf("escape 7F %02X", c))
}
