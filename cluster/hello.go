package cluster

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The handshake of a member link. Both prove to hold the cluster key for this
// pair of lives; nothing else is ever sent over a link but heartbeats.
//
//	dialler   'K', version 1, instance 8, nonce 16, key tag 8, from, to (1+n each)
//	acceptor  verdict 1, instance 8, nonce 16, HMAC "accept" 32
//	dialler   HMAC "dial" 32
//
// Each HMAC-SHA256 covers its role and everything said before it.
const (
	helloVersion = 1
	helloTimeout = time.Second
	nonceLen     = 16
	keyTagLen    = 8
	answerLen    = 1 + 8 + nonceLen
)

// Verdicts of an acceptor.
const (
	helloFine       = 0
	helloWrongKey   = 1
	helloNotMe      = 2
	helloUnknown    = 3 // not (yet) a member here, or another life of it
	helloBadVersion = 4
)

var errHello = errors.New("link handshake")

// A greeting is what a dialler says first.
type greeting struct {
	version  byte
	instance uint64
	nonce    [nonceLen]byte
	tag      [keyTagLen]byte
	from, to string
	raw      []byte
}

func newGreeting(key []byte, instance uint64, from, to string) *greeting {
	g := &greeting{version: helloVersion, instance: instance, from: from, to: to}
	rand.Read(g.nonce[:])
	copy(g.tag[:], mac(key, "tag", g.nonce[:]))
	b := append(make([]byte, 0, 40+len(from)+len(to)), linkByte, helloVersion)
	b = binary.BigEndian.AppendUint64(b, instance)
	b = append(b, g.nonce[:]...)
	b = append(b, g.tag[:]...)
	b = append(append(b, byte(len(from))), from...)
	b = append(append(b, byte(len(to))), to...)
	g.raw = b
	return g
}

// readGreeting reads what follows the link byte.
func readGreeting(r io.Reader) (*greeting, error) {
	b := make([]byte, 2+8+nonceLen+keyTagLen, 256)
	b[0] = linkByte
	if _, err := io.ReadFull(r, b[1:]); err != nil {
		return nil, err
	}
	g := &greeting{version: b[1], instance: binary.BigEndian.Uint64(b[2:])}
	copy(g.nonce[:], b[10:])
	copy(g.tag[:], b[10+nonceLen:])
	for _, name := range []*string{&g.from, &g.to} {
		n := len(b)
		b = append(b, 0)
		if _, err := io.ReadFull(r, b[n:]); err != nil {
			return nil, err
		}
		size := int(b[n])
		if size > maxName {
			return nil, fmt.Errorf("%w: name of %d bytes, limit %d", errHello, size, maxName)
		}
		b = b[:n+1+size]
		if _, err := io.ReadFull(r, b[n+1:]); err != nil {
			return nil, err
		}
		*name = string(b[n+1:])
	}
	g.raw = b
	return g, nil
}

func mac(key []byte, role string, said ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(role))
	for _, s := range said {
		h.Write(s)
	}
	return h.Sum(nil)
}

// keyFor finds the key a greeting was made with.
func keyFor(g *greeting, keys [][]byte) []byte {
	for _, k := range keys {
		if hmac.Equal(g.tag[:], mac(k, "tag", g.nonce[:])[:keyTagLen]) {
			return k
		}
	}
	return nil
}

// greet does the dialler's part on c for a link to the life peer of to.
func greet(c net.Conn, key []byte, instance, peer uint64, from, to string) error {
	c.SetDeadline(time.Now().Add(helloTimeout))
	g := newGreeting(key, instance, from, to)
	if _, err := c.Write(g.raw); err != nil {
		return err
	}
	answer := make([]byte, answerLen)
	if _, err := io.ReadFull(c, answer[:1]); err != nil {
		return err
	}
	if answer[0] != helloFine {
		return fmt.Errorf("%w: refused with verdict %d", errHello, answer[0])
	}
	var sum [sha256.Size]byte
	if _, err := io.ReadFull(c, answer[1:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, sum[:]); err != nil {
		return err
	}
	if !hmac.Equal(sum[:], mac(key, "accept", g.raw, answer)) {
		return fmt.Errorf("%w: acceptor does not hold the cluster key", errHello)
	}
	if got := binary.BigEndian.Uint64(answer[1:]); got != peer {
		return fmt.Errorf("%w: instance %016x answers, %016x expected", errHello, got, peer)
	}
	if _, err := c.Write(mac(key, "dial", g.raw, answer, sum[:])); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// welcome does the acceptor's part. known says which life of a name counts
// here; the dialler's name and instance are given back once it has proved the
// key.
func welcome(c net.Conn, keys [][]byte, instance uint64, self string, known func(name string) (uint64, bool)) (from string, life uint64, err error) {
	c.SetDeadline(time.Now().Add(helloTimeout))
	g, err := readGreeting(c)
	if err != nil {
		return "", 0, err
	}
	key := keyFor(g, keys)
	expected, isKnown := known(g.from)
	verdict := byte(helloFine)
	switch {
	case g.version != helloVersion:
		verdict = helloBadVersion
	case key == nil:
		verdict = helloWrongKey
	case g.to != self:
		verdict = helloNotMe
	case !isKnown || expected != g.instance:
		verdict = helloUnknown
	}
	if verdict != helloFine {
		c.Write([]byte{verdict})
		return "", 0, fmt.Errorf("%w: refused %q with verdict %d", errHello, g.from, verdict)
	}
	answer := append(make([]byte, 0, answerLen+sha256.Size), helloFine)
	answer = binary.BigEndian.AppendUint64(answer, instance)
	var nonce [nonceLen]byte
	rand.Read(nonce[:])
	answer = append(answer, nonce[:]...)
	sum := mac(key, "accept", g.raw, answer)
	if _, err := c.Write(append(answer, sum...)); err != nil {
		return "", 0, err
	}
	var proof [sha256.Size]byte
	if _, err := io.ReadFull(c, proof[:]); err != nil {
		return "", 0, err
	}
	if !hmac.Equal(proof[:], mac(key, "dial", g.raw, answer[:answerLen], sum)) {
		return "", 0, fmt.Errorf("%w: dialler does not hold the cluster key", errHello)
	}
	return g.from, g.instance, c.SetDeadline(time.Time{})
}
