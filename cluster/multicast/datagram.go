package multicast

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

const (
	magic       = "HAB1"
	maxDatagram = 128 // bytes
	fixedLen    = 36  // bytes before the address
	tagLen      = 8
	macLen      = 16

	protocolMin = 1
	protocolMax = 1
)

// A kind says what a datagram is for.
type kind byte

const (
	announce kind = 1 // here I am
	query    kind = 2 // here I am, and who else is?
	bye      kind = 3 // I leave
)

const (
	flagKeyed     = 1 << 0
	flagEncrypted = 1 << 1
	flagDraining  = 1 << 2
)

// Reasons to drop a datagram. The first is legal: another cluster, or another
// program, uses the same group.
var (
	errForeign  = errors.New("another cluster's or program's datagram")
	errShape    = errors.New("malformed datagram")
	errMAC      = errors.New("signature does not verify")
	errProtocol = errors.New("no common beacon protocol")
)

// A datagram is one decoded or to be encoded beacon.
type datagram struct {
	kind     kind
	flags    byte
	instance uint64
	seq      uint64 // microseconds since 1970
	min, max byte
	addr     netip.AddrPort
}

// append signs d with k and appends it to dst.
func (d *datagram) append(dst []byte, k *key) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, byte(d.kind), d.flags, 0, 0)
	dst = append(dst, k.tag[:]...)
	dst = binary.BigEndian.AppendUint64(dst, d.instance)
	dst = binary.BigEndian.AppendUint64(dst, d.seq)
	dst = append(dst, d.min, d.max)
	dst = binary.BigEndian.AppendUint16(dst, d.addr.Port())
	ip := d.addr.Addr().Unmap().AsSlice()
	dst = append(dst, byte(len(ip)))
	dst = append(dst, ip...)
	dst = append(dst, 0) // empty extension area
	binary.BigEndian.PutUint16(dst[start+6:], uint16(len(dst)-start+macLen))
	return append(dst, k.sign(dst[start:])...)
}

// parse checks b against every key and decodes it. It keeps nothing of b.
func parse(b []byte, keys []key) (datagram, error) {
	var d datagram
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return d, errForeign
	}
	if len(b) < fixedLen+1+macLen || len(b) > maxDatagram || int(binary.BigEndian.Uint16(b[6:])) != len(b) {
		return d, errShape
	}
	k := keyOf(b[8:8+tagLen], keys)
	if k == nil {
		return d, errForeign
	}
	body := b[:len(b)-macLen]
	if !hmac.Equal(b[len(b)-macLen:], k.sign(body)) {
		return d, errMAC
	}
	d.kind, d.flags = kind(b[4]), b[5]
	d.instance = binary.BigEndian.Uint64(b[16:])
	d.seq = binary.BigEndian.Uint64(b[24:])
	d.min, d.max = b[32], b[33]
	if d.kind < announce || d.kind > bye {
		return d, errShape
	}
	if d.min > protocolMax || d.max < protocolMin {
		return d, fmt.Errorf("%w: theirs %d to %d, ours %d to %d", errProtocol, d.min, d.max, protocolMin, protocolMax)
	}
	addr, rest, ok := cutAddr(body[fixedLen:])
	if !ok || len(rest) < 1 || len(rest) != 1+int(rest[0]) {
		return d, errShape
	}
	port := binary.BigEndian.Uint16(b[34:])
	if port == 0 || addr.IsUnspecified() || addr.IsMulticast() {
		return d, errShape
	}
	d.addr = netip.AddrPortFrom(addr, port)
	return d, nil
}

// cutAddr splits a length-prefixed address from the front of b.
func cutAddr(b []byte) (addr netip.Addr, rest []byte, ok bool) {
	if len(b) < 1 {
		return addr, nil, false
	}
	n := int(b[0])
	if (n != 4 && n != 16) || len(b) < 1+n {
		return addr, nil, false
	}
	addr, ok = netip.AddrFromSlice(b[1 : 1+n])
	return addr.Unmap(), b[1+n:], ok
}

// keyOf finds the key whose cluster tag is tag, nil when none has it.
func keyOf(tag []byte, keys []key) *key {
	for i := range keys {
		if bytes.Equal(tag, keys[i].tag[:]) {
			return &keys[i]
		}
	}
	return nil
}
