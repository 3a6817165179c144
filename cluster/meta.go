package cluster

import (
	"encoding/binary"
	"fmt"
)

// Layout of memberlist metadata (spec cluster-management.md §2.2).
const (
	metaLayout  = 1
	metaFixed   = 36 // bytes before the product string's length
	maxProduct  = 32
	metaLeaving = 1 << 0

	// maxEpoch is the year 10889. Above it nothing could ever be newer.
	maxEpoch = 1 << 48
)

// meta is what gossip itself carries about a member: who this life is, and
// which record is its newest.
type meta struct {
	flags    byte
	instance uint64
	stamp    stamp
	hash     uint64
	port     uint16 // admin port, 0 = none
	product  string
}

func (m *meta) leaving() bool { return m.flags&metaLeaving != 0 }

func (m *meta) append(dst []byte) []byte {
	dst = append(dst, metaLayout, m.flags)
	dst = binary.BigEndian.AppendUint64(dst, m.instance)
	dst = binary.BigEndian.AppendUint64(dst, m.stamp.epoch)
	dst = binary.BigEndian.AppendUint64(dst, m.stamp.version)
	dst = binary.BigEndian.AppendUint64(dst, m.hash)
	dst = binary.BigEndian.AppendUint16(dst, m.port)
	dst = append(dst, byte(len(m.product)))
	return append(dst, m.product...)
}

// parseMeta decodes metadata. Bytes after the product string belong to later
// layouts' readers and are skipped.
func parseMeta(b []byte) (meta, error) {
	if len(b) < metaFixed+1 {
		return meta{}, fmt.Errorf("member metadata of %d bytes, at least %d needed", len(b), metaFixed+1)
	}
	if b[0] != metaLayout {
		return meta{}, fmt.Errorf("member metadata layout %d, known is %d", b[0], metaLayout)
	}
	n := int(b[metaFixed])
	if n > maxProduct || len(b) < metaFixed+1+n {
		return meta{}, fmt.Errorf("member metadata: product string of %d bytes, limit %d, present %d", n, maxProduct, len(b)-metaFixed-1)
	}
	m := meta{
		flags:    b[1],
		instance: binary.BigEndian.Uint64(b[2:]),
		stamp:    stamp{binary.BigEndian.Uint64(b[10:]), binary.BigEndian.Uint64(b[18:])},
		hash:     binary.BigEndian.Uint64(b[26:]),
		port:     binary.BigEndian.Uint16(b[34:]),
		product:  string(b[metaFixed+1 : metaFixed+1+n]),
	}
	if m.instance == 0 {
		return meta{}, fmt.Errorf("member metadata: no instance")
	}
	if m.stamp.epoch > maxEpoch {
		return meta{}, fmt.Errorf("member metadata: epoch %d, limit %d", m.stamp.epoch, uint64(maxEpoch))
	}
	return m, nil
}
