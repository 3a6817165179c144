//go:build linux

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A cookieMaker writes affinity cookies by the recipe of protocol.md §4.6, on
// its own, so that tests can hold both sides to it.
type cookieMaker struct {
	key     []byte // K
	kid     string // two hex digits
	service string // name of the balancer service
}

func (m cookieMaker) mac(key, label []byte, n int) string {
	h := hmac.New(sha256.New, key)
	h.Write(label)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:n])
}

func (m cookieMaker) derived(label string) []byte {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(label))
	return h.Sum(nil)
}

// group is G, the part of the name that isolates balancers.
func (m cookieMaker) group() string {
	sum := sha256.Sum256([]byte(m.service))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// value is the cookie's value for a member until a time.
func (m cookieMaker) value(member string, until time.Time) string {
	g := m.group() + "\x00"
	head := fmt.Sprintf("1.%s.%08x.%s", m.kid, until.Unix(), m.mac(m.derived("gwha/member-id/v1"), []byte(g+member), 9))
	return head + "." + m.mac(m.derived("gwha/cookie-mac/v1"), []byte(g+head), 16)
}

// pair is name=value of the plaintext cookie.
func (m cookieMaker) pair(member string, until time.Time) string {
	return "gwha-" + m.group() + "=" + m.value(member, until)
}

// keyFile writes the key as kz:affinity.key-file wants it.
func (m cookieMaker) keyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(testFolder(t), "affinity.key")
	if err := os.WriteFile(file, []byte(m.kid+":"+base64Of(m.key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCookieRecipe checks the maker against the vector of protocol.md §4.6.
func TestCookieRecipe(t *testing.T) {
	m := cookieMaker{kid: "01", service: "Echo balancer"}
	for i := range 32 {
		m.key = append(m.key, byte(i))
	}
	until := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	got, want := m.pair("member-1", until), "gwha-YZo3oS_B=1.01.69570a80.c05Kz8d59Eyj.t7TMYTh3dIEWmkIO4z006A"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
