package conf

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// maxAffinityKeys is how many generations of cookie keys are accepted.
const maxAffinityKeys = 3

// clusterKeys reads kz:key-file and kz:affinity.key-file (cluster-management.md
// §2.12, protocol.md §4.6).
func (l *loader) clusterKeys(c *Cluster, s settings) {
	if s.has("kz:key-file") {
		c.KeyFile = l.path(s.text("kz:key-file"))
		keys, err := readKeys(c.KeyFile, 16, 24, 32)
		if err != nil {
			l.errorf(s.pos("kz:key-file"), "KZ-15", "cluster key file %s: %v", c.KeyFile, err)
		}
		for _, k := range keys {
			c.Keys = append(c.Keys, k.Key)
		}
	}
	if s.has("kz:affinity.key-file") {
		c.AffinityKeyFile = l.path(s.text("kz:affinity.key-file"))
		keys, err := readKeys(c.AffinityKeyFile, 32)
		if err == nil && len(keys) > maxAffinityKeys {
			err = fmt.Errorf("%d keys, at most %d are accepted; remove the oldest", len(keys), maxAffinityKeys)
		}
		if err != nil {
			l.errorf(s.pos("kz:affinity.key-file"), "KZ-15", "affinity key file %s: %v", c.AffinityKeyFile, err)
		}
		c.AffinityKeys = keys
	}
}

// readKeys reads one key per line: base64, in front of it optionally an id of
// two hex digits and a colon. Empty lines and lines starting with # are
// skipped. Without an id the key's first SHA-256 byte is it. A message never
// quotes a line.
func readKeys(path string, sizes ...int) ([]ByteKey, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w; create it or correct the path", reason(err))
	}
	if fi.Mode().Perm()&^0o640 != 0 {
		return nil, fmt.Errorf("its mode %v lets others read it; chmod 0600 it", fi.Mode().Perm())
	}
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; correct the path or its rights", err)
	}
	var keys []ByteKey
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseKey(line)
		if err != nil || !slices.Contains(sizes, len(k.Key)) {
			return nil, fmt.Errorf("line %d is not a base64 key of %v bytes; write one with: head -c %d /dev/urandom | base64", i+1, sizes, sizes[len(sizes)-1])
		}
		if slices.ContainsFunc(keys, func(o ByteKey) bool { return o.ID == k.ID }) {
			return nil, fmt.Errorf("line %d has the id %s of an earlier line; give it another one", i+1, k.ID)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key; write one base64 key per line")
	}
	return keys, nil
}

func parseKey(line string) (ByteKey, error) {
	id, text, ok := strings.Cut(line, ":")
	if !ok {
		id, text = "", line
	} else if b, err := hex.DecodeString(id); err != nil || len(b) != 1 {
		return ByteKey{}, errors.New("id is not two hex digits")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return ByteKey{}, err
	}
	if id == "" {
		sum := sha256.Sum256(key)
		id = hex.EncodeToString(sum[:1])
	}
	return ByteKey{strings.ToLower(id), key}, nil
}
