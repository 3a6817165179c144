package balance

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// MaxKeys is the number of affinity keys accepted at a time.
const MaxKeys = 3

// A Key is one generation of the secret all members share.
type Key struct {
	ID     byte   // written into each cookie; distinct among the accepted keys
	Secret []byte // 32 random bytes; at least 16
}

// DeriveKey returns the key of members that are configured with none. All
// members of the cluster agree on it, but so does everyone who can guess the
// cluster's name: such a person can forge cookies, and choose his member among
// the live ones with them. Warn the operator.
func DeriveKey(cluster string) Key {
	secret, err := hkdf.Key(sha256.New, []byte(cluster), nil, "kzfast affinity key v1", sha256.Size)
	if err != nil {
		panic(err) // only for lengths beyond the hash's reach
	}
	return Key{Secret: secret}
}

// SameSite is option affinity.samesite, of cookies over TLS.
type SameSite uint8

// The values of SameSite. None lets a page of another site open the socket.
const (
	SameSiteNone SameSite = iota
	SameSiteLax
	SameSiteStrict
)

var sameSiteText = [...]string{"; SameSite=None", "; SameSite=Lax", "; SameSite=Strict"}

// AffinityOptions configure the [Affinity] of one balancer service.
type AffinityOptions struct {
	Service string // name of the balancer service, equal on all members
	Keys    []Key  // newest first: it signs, the others are still believed
	// TTL is the life of a cookie in whole seconds; 0 means 24 h.
	TTL time.Duration
	// Session leaves Max-Age out (affinity.ttl=0); the value still expires after 24 h.
	Session     bool
	SameSite    SameSite
	Partitioned bool
	Domain      string // affinity.domain; see [CheckDomain]
}

// An Affinity reads and writes the cookies of one balancer service
// (protocol.md §4.6). It is immutable and safe for any goroutine. A cookie is
// a preference, never authentication.
type Affinity struct {
	group       [8]byte
	keys        []subkeys
	ttl         int64 // seconds
	plain       string
	secure      string
	plainTail   string // attributes after Path and Domain
	secureTail  string
	hostOnly    bool
	domainField string
}

type subkeys struct {
	id   byte
	kid  [sha256.Size]byte // names members
	kmac [sha256.Size]byte // signs values
}

// NewAffinity checks o and derives what reading and writing need.
func NewAffinity(o AffinityOptions) (*Affinity, error) {
	if n := len(o.Keys); n == 0 || n > MaxKeys {
		return nil, fmt.Errorf("affinity of %q: %d keys, want 1 to %d", o.Service, n, MaxKeys)
	}
	a := &Affinity{ttl: int64(o.TTL / time.Second), hostOnly: o.Domain == ""}
	if o.Session || o.TTL == 0 {
		a.ttl = 86400
	}
	if a.ttl <= 0 {
		return nil, fmt.Errorf("affinity of %q: ttl %v, want a second or more", o.Service, o.TTL)
	}
	if int(o.SameSite) >= len(sameSiteText) {
		return nil, fmt.Errorf("affinity of %q: SameSite %d", o.Service, o.SameSite)
	}
	sum := sha256.Sum256([]byte(o.Service))
	base64.RawURLEncoding.Encode(a.group[:], sum[:6])
	for i, k := range o.Keys {
		if len(k.Secret) < 16 {
			return nil, fmt.Errorf("affinity of %q: key %02x of %d bytes, want 32", o.Service, k.ID, len(k.Secret))
		}
		for _, other := range o.Keys[:i] {
			if other.ID == k.ID {
				return nil, fmt.Errorf("affinity of %q: two keys with id %02x", o.Service, k.ID)
			}
		}
		a.keys = append(a.keys, subkeys{k.ID, longMAC(k.Secret, "gwha/member-id/v1"), longMAC(k.Secret, "gwha/cookie-mac/v1")})
	}
	a.names(&o)
	return a, nil
}

// names renders the parts of the cookie that never change.
func (a *Affinity) names(o *AffinityOptions) {
	a.plain = "gwha-" + string(a.group[:])
	a.secure = "__Host-" + a.plain
	if o.Domain != "" {
		a.secure = "__Secure-" + a.plain
		a.domainField = "; Domain=" + o.Domain
	}
	if !o.Session {
		a.plainTail = fmt.Sprintf("; Max-Age=%d", a.ttl)
	}
	a.plainTail += "; HttpOnly"
	a.secureTail = a.plainTail + "; Secure" + sameSiteText[o.SameSite]
	if o.Partitioned {
		a.secureTail += "; Partitioned"
	}
}

// Group returns the 8 characters that stand for the balancer service in the
// cookie's name.
func (a *Affinity) Group() string { return string(a.group[:]) }

// CookieName returns the name used with and without TLS.
func (a *Affinity) CookieName(secure bool) string {
	if secure {
		return a.secure
	}
	return a.plain
}

// CheckDomain reports why domain may not be the cookie's Domain for the given
// host names (the balancer's and all members'). Whether it is a public suffix
// such as "co.uk" is not known here.
func CheckDomain(domain string, hosts ...string) error {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return fmt.Errorf("affinity.domain %q: fewer than two labels", domain)
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return fmt.Errorf("affinity.domain %q: an IP address", domain)
	}
	for _, l := range labels {
		if l == "" || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("affinity.domain %q: label %q", domain, l)
		}
	}
	var errs []error
	for _, h := range hosts {
		if h != domain && !strings.HasSuffix(h, "."+domain) {
			errs = append(errs, fmt.Errorf("affinity.domain %q: host %q is not under it", domain, h))
		}
	}
	return errors.Join(errs...)
}

// idsOf names the member under each key.
func (a *Affinity) idsOf(member string) cookieIDs {
	ids := cookieIDs{aff: a, n: uint8(len(a.keys))}
	for i := range a.keys {
		msg := append(append(a.group[:len(a.group):len(a.group)], 0), member...)
		sum := longMAC(a.keys[i].kid[:], string(msg))
		ids.list[i].key = a.keys[i].id
		base64.RawURLEncoding.Encode(ids.list[i].member[:], sum[:9])
	}
	return ids
}

// score ranks a member for a client prefix; the newest key decides.
func (a *Affinity) score(member string, prefix []byte) [sha256.Size]byte {
	var buf [maxMACInput]byte
	msg := append(buf[:0], a.group[:]...)
	msg = append(msg, 0)
	msg = append(msg, member...)
	msg = append(msg, 0)
	msg = append(msg, prefix...)
	return shortMAC(&a.keys[0].kid, msg)
}

func longMAC(key []byte, msg string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(msg))
	h.Sum(sum[:0])
	return sum
}

const maxMACInput = 8 + 1 + MaxNameBytes + 1 + 16

// shortMAC is HMAC-SHA-256 (RFC 2104) on the stack, for messages up to
// maxMACInput bytes and on the heap beyond.
func shortMAC(key *[sha256.Size]byte, msg []byte) [sha256.Size]byte {
	if len(msg) > maxMACInput {
		return longMAC(key[:], string(msg))
	}
	var inner [sha256.BlockSize + maxMACInput]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := range sha256.BlockSize {
		var k byte
		if i < len(key) {
			k = key[i]
		}
		inner[i], outer[i] = k^0x36, k^0x5c
	}
	n := copy(inner[sha256.BlockSize:], msg)
	sum := sha256.Sum256(inner[:sha256.BlockSize+n])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
