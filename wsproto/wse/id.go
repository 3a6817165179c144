package wse

// IDLen is the length of a session id.
const IDLen = 32

// RandomLen is the number of random bytes with which [MakeID] fails less than
// once in 2^40 tries.
const RandomLen = 64

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// An ID names a session: 32 characters A-Z, a-z, 0-9, about 190 bits. It is a
// bearer secret; only [ID.Append] writes it in full.
type ID [IDLen]byte

// MakeID draws an id from bytes of a secure generator, without bias. ok is
// false when random ran out: call again with fresh bytes.
func MakeID(random []byte) (id ID, ok bool) {
	const fair = 256 / len(alphabet) * len(alphabet)
	n := 0
	for _, b := range random {
		if int(b) >= fair {
			continue
		}
		id[n] = alphabet[int(b)%len(alphabet)]
		if n++; n == IDLen {
			return id, true
		}
	}
	return ID{}, false
}

// ParseID checks the shape of an id.
func ParseID(b []byte) (id ID, ok bool) {
	if len(b) != IDLen {
		return ID{}, false
	}
	for _, c := range b {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return ID{}, false
		}
	}
	return ID(b), true
}

// Append appends all 32 characters.
func (id *ID) Append(dst []byte) []byte { return append(dst, id[:]...) }

// String returns a prefix that tells sessions apart in a log and opens none.
func (id ID) String() string { return string(id[:6]) + "…" }
