package balance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The wire form of an advert is one format byte followed by fields, each
//
//	tag (uvarint)  length (uvarint)  length bytes
//
// with numbers as uvarints, an entry as nested fields, fields of zero value
// left out and tags in ascending order. A decoder skips tags it does not know,
// so a later release may add fields without a new format byte.
const formatByte = 1

const (
	tagState = iota + 1
	tagName
	tagZone
	tagVersion
	tagConns
	tagCapacity
	tagEntry
)

const (
	tagBalance = iota + 1
	tagService
	tagType
	tagTarget
	tagWeight
	tagEntryConns
)

var errTruncated = errors.New("advert: truncated field")

// Append appends the canonical wire form of a to dst and returns the result.
// Two adverts with the same content have the same wire form, whatever the
// order of their entries and targets. a is not changed.
func (a *Advert) Append(dst []byte) []byte {
	dst = append(dst, formatByte)
	dst = appendNumber(dst, tagState, uint64(a.State))
	dst = appendText(dst, tagName, a.Name)
	dst = appendText(dst, tagZone, a.Zone)
	dst = appendText(dst, tagVersion, a.Version)
	dst = appendNumber(dst, tagConns, uint64(a.Conns))
	dst = appendNumber(dst, tagCapacity, uint64(a.Capacity))
	var scratch []byte
	for _, e := range a.canonical() {
		scratch = e.append(scratch[:0])
		dst = binary.AppendUvarint(dst, tagEntry)
		dst = binary.AppendUvarint(dst, uint64(len(scratch)))
		dst = append(dst, scratch...)
	}
	return dst
}

func (e *Entry) append(dst []byte) []byte {
	dst = appendText(dst, tagBalance, e.Balance)
	dst = appendText(dst, tagService, e.Service)
	dst = appendText(dst, tagType, e.Type)
	for _, t := range e.Targets {
		dst = appendText(dst, tagTarget, t)
	}
	dst = appendNumber(dst, tagWeight, uint64(e.Weight))
	return appendNumber(dst, tagEntryConns, uint64(e.Conns))
}

func appendText(dst []byte, tag uint64, s string) []byte {
	if s == "" {
		return dst
	}
	dst = binary.AppendUvarint(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendNumber(dst []byte, tag, n uint64) []byte {
	if n == 0 {
		return dst
	}
	var b [binary.MaxVarintLen64]byte
	l := binary.PutUvarint(b[:], n)
	dst = binary.AppendUvarint(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(l))
	return append(dst, b[:l]...)
}

// DecodeAdvert reads the wire form written by [Advert.Append] of this or any
// other release. Entries and targets come back in canonical order. Input
// beyond the bounds of [Advert.Validate] is an error, and nothing is allocated
// that the input does not carry. b is not retained.
func DecodeAdvert(b []byte) (*Advert, error) {
	if len(b) == 0 || len(b) > MaxAdvertBytes {
		return nil, fmt.Errorf("advert of %d bytes, limit 1 to %d", len(b), MaxAdvertBytes)
	}
	if b[0] != formatByte {
		return nil, fmt.Errorf("advert: format %d, known is %d", b[0], formatByte)
	}
	a := new(Advert)
	if err := eachField(b[1:], a.field); err != nil {
		return nil, err
	}
	a.Entries = a.canonical()
	return a, nil
}

func (a *Advert) field(tag uint64, v []byte) (err error) {
	switch tag {
	case tagState:
		var n uint64
		n, err = number(v, math.MaxUint8)
		a.State = State(n)
	case tagName:
		a.Name, err = name("name", v)
	case tagZone:
		a.Zone, err = name("zone", v)
	case tagVersion:
		a.Version, err = name("version", v)
	case tagConns:
		a.Conns, err = number32(v)
	case tagCapacity:
		a.Capacity, err = number32(v)
	case tagEntry:
		if len(a.Entries) == MaxEntries {
			return fmt.Errorf("advert: more than %d entries", MaxEntries)
		}
		var e Entry
		if err = eachField(v, e.field); err == nil {
			err = checkURI("balance", e.Balance)
		}
		a.Entries = append(a.Entries, e)
	}
	return err
}

func (e *Entry) field(tag uint64, v []byte) (err error) {
	switch tag {
	case tagBalance:
		e.Balance, err = uri("balance", v)
	case tagService:
		e.Service, err = name("service", v)
	case tagType:
		e.Type, err = name("type", v)
	case tagTarget:
		if len(e.Targets) == MaxTargets {
			return fmt.Errorf("advert: more than %d targets in an entry", MaxTargets)
		}
		var t string
		t, err = uri("target", v)
		e.Targets = append(e.Targets, t)
	case tagWeight:
		var n uint64
		n, err = number(v, math.MaxUint16)
		e.Weight = uint16(n)
	case tagEntryConns:
		e.Conns, err = number32(v)
	}
	return err
}

func eachField(b []byte, fn func(tag uint64, v []byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errTruncated
		}
		b = b[n:]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return errTruncated
		}
		v := b[n : n+int(size)]
		b = b[n+int(size):]
		if err := fn(tag, v); err != nil {
			return err
		}
	}
	return nil
}

func name(what string, v []byte) (string, error) {
	s := string(v)
	return s, checkName(what, s)
}

func uri(what string, v []byte) (string, error) {
	s := string(v)
	return s, checkURI(what, s)
}

func number32(v []byte) (uint32, error) {
	n, err := number(v, math.MaxUint32)
	return uint32(n), err
}

func number(v []byte, limit uint64) (uint64, error) {
	n, size := binary.Uvarint(v)
	if size <= 0 || size != len(v) {
		return 0, fmt.Errorf("advert: malformed number of %d bytes", len(v))
	}
	if n > limit {
		return 0, fmt.Errorf("advert: number %d, limit %d", n, limit)
	}
	return n, nil
}
