package multicast

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// keyInfo separates beacon keys from every other key made of a gossip key.
const keyInfo = "ha-beacon-1"

// A key signs and checks datagrams of one cluster.
type key struct {
	k   []byte
	tag [tagLen]byte
}

// deriveKeys gives one key per gossip key, the first being the one to sign
// with. Without gossip keys the cluster name takes their place.
func deriveKeys(cluster string, secrets [][]byte) ([]key, error) {
	if len(secrets) == 0 {
		sum := sha256.Sum256([]byte(keyInfo + cluster))
		return []key{newKey(sum[:], cluster)}, nil
	}
	keys := make([]key, 0, len(secrets))
	for i, s := range secrets {
		k, err := hkdf.Key(sha256.New, s, nil, keyInfo, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("beacon key %d: %w", i, err)
		}
		keys = append(keys, newKey(k, cluster))
	}
	return keys, nil
}

func newKey(k []byte, cluster string) key {
	h := hmac.New(sha256.New, k)
	h.Write([]byte("tag"))
	h.Write([]byte(cluster))
	out := key{k: k}
	copy(out.tag[:], h.Sum(nil))
	return out
}

// sign gives the truncated MAC of b.
func (k *key) sign(b []byte) []byte {
	h := hmac.New(sha256.New, k.k)
	h.Write(b)
	return h.Sum(nil)[:macLen]
}
