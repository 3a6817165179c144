package balance

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"time"
)

// A cookie value is
//
//	1 . kid . exp . mid . mac
//	    2     8     12    22     characters, 49 in all
//
// with kid and exp in lower-case hex and mid and mac in base64url.
const (
	valueLen  = 49
	signedLen = 26 // up to the dot before mac
	midAt     = 14
	macAt     = 27
	macBytes  = 16

	maxCookies     = 4
	maxCookieValue = 64
	maxAhead       = 300 // seconds an exp may lie beyond the ttl: clocks differ
)

// A Cookie holds what a client's affinity cookies ask for, at most four wishes
// in their order. The zero value asks for nothing. It is a value without
// references; reset it by assigning the zero value.
type Cookie struct {
	n     uint8 // valid wishes
	seen  uint8 // cookies of the name, valid or not
	found [maxCookies]cookieID
	exp   [maxCookies]int64
}

// Present reports whether a valid cookie was found.
func (c *Cookie) Present() bool { return c.n > 0 }

// A cookieID is a member's name under one key.
type cookieID struct {
	key    byte
	member [12]byte
}

type cookieIDs struct {
	aff  *Affinity
	n    uint8
	list [MaxKeys]cookieID
}

func (ids *cookieIDs) has(id *cookieID) bool {
	for i := range ids.n {
		if ids.list[i] == *id {
			return true
		}
	}
	return false
}

// Read adds the valid affinity cookies of one Cookie header to c. A request
// with several such headers calls it for each in turn. Forged, expired,
// foreign and malformed cookies are passed over: there is no error. It does
// not allocate and does not retain header.
func (a *Affinity) Read(c *Cookie, header []byte, secure bool, now time.Time) {
	name := a.CookieName(secure)
	for len(header) > 0 && c.seen < maxCookies {
		var pair []byte
		pair, header, _ = bytes.Cut(header, []byte{';'})
		k, v, ok := bytes.Cut(pair, []byte{'='})
		if !ok || string(bytes.Trim(k, " \t")) != name {
			continue
		}
		c.seen++
		a.accept(c, bytes.Trim(v, " \t"), now.Unix())
	}
}

func (a *Affinity) accept(c *Cookie, v []byte, now int64) {
	if len(v) > maxCookieValue || len(v) != valueLen || !wellFormed(v) {
		return
	}
	kid, exp := fromHex(v[2:4]), fromHex(v[5:13])
	k := a.key(byte(kid))
	if k == nil {
		return
	}
	var mac [22]byte
	a.sign(k, &mac, v[:signedLen])
	if subtle.ConstantTimeCompare(mac[:], v[macAt:]) != 1 {
		return
	}
	if exp <= now || exp > now+a.ttl+maxAhead {
		return
	}
	id := &c.found[c.n]
	id.key = k.id
	copy(id.member[:], v[midAt:])
	c.exp[c.n] = exp
	c.n++
}

func (a *Affinity) key(id byte) *subkeys {
	for i := range a.keys {
		if a.keys[i].id == id {
			return &a.keys[i]
		}
	}
	return nil
}

// sign writes the text of the mac over the first four fields of a value.
func (a *Affinity) sign(k *subkeys, dst *[22]byte, signed []byte) {
	var buf [len(a.group) + 1 + signedLen]byte
	msg := append(buf[:0], a.group[:]...)
	msg = append(msg, 0)
	msg = append(msg, signed...)
	sum := shortMAC(&k.kmac, msg)
	base64.RawURLEncoding.Encode(dst[:], sum[:macBytes])
}

// wellFormed matches `^1\.[0-9a-f]{2}\.[0-9a-f]{8}\.[\w-]{12}\.[\w-]{22}$` on valueLen bytes.
func wellFormed(v []byte) bool {
	if v[0] != '1' {
		return false
	}
	for i, b := range v[1:] {
		switch i++; {
		case i == 1 || i == 4 || i == midAt-1 || i == macAt-1:
			if b != '.' {
				return false
			}
		case i < midAt:
			if !('0' <= b && b <= '9' || 'a' <= b && b <= 'f') {
				return false
			}
		case !('0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '-' || b == '_'):
			return false
		}
	}
	return true
}

func fromHex(v []byte) (n int64) {
	for _, b := range v {
		d := int64(b - '0')
		if b >= 'a' {
			d = int64(b-'a') + 10
		}
		n = n<<4 | d
	}
	return n
}

// Due reports whether the answer that sends a client to t must set a cookie:
// the client had none, it named another member, or half its life has passed.
func (a *Affinity) Due(c *Cookie, t *Target, now time.Time) bool {
	for i := range c.n {
		if t.ids.has(&c.found[i]) {
			return c.exp[i]-now.Unix() < a.ttl/2
		}
	}
	return true
}

// AppendSetCookie appends the value of a Set-Cookie header that binds the
// client to t's member. secure says whether the request came over TLS. It
// allocates nothing beyond growing dst.
func (a *Affinity) AppendSetCookie(dst []byte, t *Target, secure bool, now time.Time) []byte {
	dst = append(dst, a.CookieName(secure)...)
	dst = append(dst, '=')
	dst = a.appendValue(dst, t, now.Unix()+a.ttl)
	dst = append(dst, "; Path="...)
	if secure && a.hostOnly {
		dst = append(dst, '/')
	} else {
		dst = appendPath(dst, t.path)
	}
	dst = append(dst, a.domainField...)
	if secure {
		return append(dst, a.secureTail...)
	}
	return append(dst, a.plainTail...)
}

func (a *Affinity) appendValue(dst []byte, t *Target, exp int64) []byte {
	k := &a.keys[0]
	at := len(dst)
	dst = append(dst, "1."...)
	dst = appendHex(dst, uint64(k.id), 2)
	dst = append(dst, '.')
	dst = appendHex(dst, uint64(exp), 8)
	dst = append(dst, '.')
	if t.ids.aff == a {
		dst = append(dst, t.ids.list[0].member[:]...)
	} else {
		// The balancer was bound to other keys after t was picked.
		var mid [12]byte
		a.nameMember(&mid, t.Name)
		dst = append(dst, mid[:]...)
	}
	var mac [22]byte
	a.sign(k, &mac, dst[at:])
	dst = append(dst, '.')
	return append(dst, mac[:]...)
}

// nameMember writes the member's id under the signing key.
func (a *Affinity) nameMember(mid *[12]byte, member string) {
	var buf [maxMACInput]byte
	msg := append(buf[:0], a.group[:]...)
	msg = append(msg, 0)
	msg = append(msg, member...)
	sum := shortMAC(&a.keys[0].kid, msg)
	base64.RawURLEncoding.Encode(mid[:], sum[:9])
}

func appendHex(dst []byte, n uint64, width int) []byte {
	var buf [16]byte
	digits := strconv.AppendUint(buf[:0], n, 16)
	for i := len(digits); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendPath appends a cookie path; what would end the attribute is escaped.
func appendPath(dst []byte, path string) []byte {
	for i := range len(path) {
		if c := path[i]; c == ';' || c == ',' {
			dst = appendEscaped(dst, c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
