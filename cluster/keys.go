package cluster

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// label is the memberlist label that keeps clusters apart.
func label(name string) string {
	l := "ha1:" + name
	if len(l) > 255 {
		sum := sha256.Sum256([]byte(name))
		l = "ha1#" + hex.EncodeToString(sum[:])
	}
	return l
}

// linkKeys gives one link key per gossip key, or one made of the cluster name
// when there is none: then the handshake guards against accidents only.
func linkKeys(name string, secrets [][]byte) ([][]byte, error) {
	const info = "ha-link-1"
	if len(secrets) == 0 {
		sum := sha256.Sum256([]byte(info + name))
		return [][]byte{sum[:]}, nil
	}
	out := make([][]byte, len(secrets))
	for i, s := range secrets {
		k, err := hkdf.Key(sha256.New, s, nil, info, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("link key %d: %w", i, err)
		}
		out[i] = k
	}
	return out, nil
}

func checkKeys(keys [][]byte) error {
	for i, k := range keys {
		switch len(k) {
		case 16, 24, 32:
		default:
			return fmt.Errorf("cluster key %d: %d bytes, allowed are 16, 24 and 32", i+1, len(k))
		}
	}
	return nil
}
