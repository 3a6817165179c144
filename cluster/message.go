package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// First byte of a memberlist user message (spec cluster-management.md §2.6).
const (
	msgRecord = 1 // an encoded record
	msgWant   = 2 // please send this member's record
	msgDigest = 3 // what the sender knows
	msgLoad   = 4 // load sample, best effort
)

const (
	maxDigest = 4096 // entries
	maxLoad   = 900  // bytes of a load sample: it must fit one packet

	// wholeState is how much of the registry travels in a periodic push/pull
	// before digests replace it; maxState bounds it on a join as well.
	wholeState = 64 << 10
	maxState   = 4 << 20
)

var errMessage = errors.New("malformed message")

// A message is one decoded user message; the fields of its type are set.
type message struct {
	typ     byte
	record  *record // msgRecord
	from    string  // msgWant, msgDigest, msgLoad: the sender's name
	name    string  // msgWant
	stamp   stamp   // msgWant: what the sender has
	digest  []known // msgDigest
	inst    uint64  // msgLoad
	seq     uint64  // msgLoad
	payload []byte  // msgLoad
}

// known is one line of a digest.
type known struct {
	name  string
	stamp stamp
}

func appendRecord(dst []byte, r *record) []byte {
	return append(append(dst, msgRecord), r.raw...)
}

func appendWant(dst []byte, from, name string, have stamp) []byte {
	dst = appendString16(append(dst, msgWant), from)
	dst = appendString16(dst, name)
	return appendStamp(dst, have)
}

func appendDigest(dst []byte, from string, ks []known) []byte {
	dst = appendString16(append(dst, msgDigest), from)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(ks)))
	for _, k := range ks {
		dst = appendStamp(appendString16(dst, k.name), k.stamp)
	}
	return dst
}

func appendLoad(dst []byte, from string, instance, seq uint64, payload []byte) []byte {
	dst = appendString16(append(dst, msgLoad), from)
	dst = binary.BigEndian.AppendUint64(dst, instance)
	dst = binary.BigEndian.AppendUint64(dst, seq)
	return append(dst, payload...)
}

// parseMessage decodes one user message; what it returns aliases b.
func parseMessage(b []byte) (message, error) {
	if len(b) == 0 {
		return message{}, errMessage
	}
	m := message{typ: b[0]}
	b = b[1:]
	var err error
	ok := true
	switch m.typ {
	case msgRecord:
		m.record, err = parseRecord(b)
	case msgWant:
		ok = m.parseWant(b)
	case msgDigest:
		ok = m.parseDigest(b)
	case msgLoad:
		ok = m.parseLoad(b)
	default:
		err = fmt.Errorf("message type %d unknown", m.typ)
	}
	if err == nil && !ok {
		err = fmt.Errorf("%w: type %d", errMessage, m.typ)
	}
	return m, err
}

func (m *message) parseWant(b []byte) (ok bool) {
	if m.from, b, ok = cutString16(b); !ok {
		return false
	}
	if m.name, b, ok = cutString16(b); !ok {
		return false
	}
	m.stamp, _, ok = cutStamp(b)
	return ok
}

func (m *message) parseDigest(b []byte) (ok bool) {
	if m.from, b, ok = cutString16(b); !ok || len(b) < 2 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	// 18 bytes is the shortest entry: the count cannot make us allocate more
	// than the message's own size.
	if n > maxDigest || n*18 > len(b) {
		return false
	}
	m.digest = make([]known, n)
	for i := range m.digest {
		k := &m.digest[i]
		if k.name, b, ok = cutString16(b); !ok {
			return false
		}
		if k.stamp, b, ok = cutStamp(b); !ok {
			return false
		}
	}
	return true
}

func (m *message) parseLoad(b []byte) (ok bool) {
	if m.from, b, ok = cutString16(b); !ok || len(b) < 16 || len(b)-16 > maxLoad {
		return false
	}
	m.inst = binary.BigEndian.Uint64(b)
	m.seq = binary.BigEndian.Uint64(b[8:])
	m.payload = b[16:]
	return true
}

// appendState wraps a message for the push/pull exchange, where several
// travel together.
func appendState(dst, msg []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(msg)))
	return append(dst, msg...)
}

// cutState splits the next message of a push/pull exchange from the front of b.
func cutState(b []byte) (msg, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n : 4+n], b[4+n:], true
}

func appendStamp(b []byte, s stamp) []byte {
	b = binary.BigEndian.AppendUint64(b, s.epoch)
	return binary.BigEndian.AppendUint64(b, s.version)
}

func cutStamp(b []byte) (s stamp, rest []byte, ok bool) {
	if len(b) < 16 {
		return s, nil, false
	}
	return stamp{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, b[16:], true
}
