package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

const (
	maxName   = 64        // bytes of a member name
	maxRecord = 256 << 10 // bytes of an encoded record

	// MaxAdvert is the largest advert, in bytes.
	MaxAdvert = maxRecord - 256

	recordFormat = 1
)

// A state is what a member says about itself.
type state byte

const (
	stateUp      state = 2
	stateLeaving state = 4
)

// A stamp orders the records of one name: epochs first, then versions.
type stamp struct{ epoch, version uint64 }

func (s stamp) less(o stamp) bool {
	return s.epoch < o.epoch || s.epoch == o.epoch && s.version < o.version
}

// A record is what one member tells all others. It is immutable: raw is its
// one encoding, kept so that a relay passes on what it does not understand.
//
//	0   1  format = 1
//	1   1  state: 2 up, 4 leaving
//	2   8  instance
//	10  8  epoch
//	18  8  version
//	26  2  length of the name, name
//	…   4  length of the advert, advert
//	…      unknown fields of later formats, preserved
type record struct {
	name     string
	instance uint64
	stamp    stamp
	state    state
	advert   []byte // aliases raw
	raw      []byte
	hash     uint64 // FNV-1a of raw
}

var errRecord = errors.New("malformed record")

// newRecord encodes a record; advert is copied.
func newRecord(name string, instance uint64, at stamp, st state, advert []byte) *record {
	b := make([]byte, 0, 28+len(name)+4+len(advert))
	b = append(b, recordFormat, byte(st))
	b = binary.BigEndian.AppendUint64(b, instance)
	b = binary.BigEndian.AppendUint64(b, at.epoch)
	b = binary.BigEndian.AppendUint64(b, at.version)
	b = appendString16(b, name)
	b = binary.BigEndian.AppendUint32(b, uint32(len(advert)))
	b = append(b, advert...)
	return &record{
		name: name, instance: instance, stamp: at, state: st,
		advert: b[len(b)-len(advert):], raw: b, hash: hashOf(b),
	}
}

// parseRecord decodes b, which the record keeps.
func parseRecord(b []byte) (*record, error) {
	if len(b) > maxRecord {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", errRecord, len(b), maxRecord)
	}
	if len(b) < 28 || b[0] != recordFormat {
		return nil, errRecord
	}
	r := &record{
		state:    state(b[1]),
		instance: binary.BigEndian.Uint64(b[2:]),
		stamp:    stamp{binary.BigEndian.Uint64(b[10:]), binary.BigEndian.Uint64(b[18:])},
		raw:      b,
		hash:     hashOf(b),
	}
	name, rest, ok := cutString16(b[26:])
	if !ok || len(rest) < 4 {
		return nil, errRecord
	}
	r.name = name
	n := binary.BigEndian.Uint32(rest)
	if uint64(n) > uint64(len(rest)-4) {
		return nil, errRecord
	}
	r.advert = rest[4 : 4+n : 4+n]
	if _, ok := parseName(r.name); !ok {
		return nil, fmt.Errorf("%w: member name %q", errRecord, r.name)
	}
	if r.stamp.epoch > maxEpoch {
		return nil, fmt.Errorf("%w: epoch %d", errRecord, r.stamp.epoch)
	}
	return r, nil
}

func hashOf(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

func appendString16(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// cutString16 splits a name with a 16-bit length from the front of b.
func cutString16(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > maxName || len(b) < 2+n {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}
