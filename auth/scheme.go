package auth

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Scheme is a realm's http-challenge-scheme.
type Scheme uint8

// The schemes served. An Application scheme is answered by the client library
// of the predecessor, not by a browser.
const (
	Basic Scheme = iota
	ApplicationBasic
	ApplicationToken
)

// ParseScheme reads the configured text, which is compared exactly. The
// Negotiate schemes are known and refused as unsupported.
func ParseScheme(s string) (Scheme, error) {
	for scheme := Basic; scheme <= ApplicationToken; scheme++ {
		if s == scheme.String() {
			return scheme, nil
		}
	}
	if s == "Negotiate" || s == "Application Negotiate" {
		return 0, fmt.Errorf("http-challenge-scheme %q: Kerberos is not supported, use Basic or Application Basic", s)
	}
	return 0, fmt.Errorf("http-challenge-scheme %q: want Basic, Application Basic or Application Token", s)
}

// String returns the scheme as configured and as challenged.
func (s Scheme) String() string {
	if s.Application() {
		return "Application " + s.answer()
	}
	return s.answer()
}

// Application reports whether only clients of the extended or emulated
// handshake can answer a challenge; all others get 403 (protocol.md §1.7).
func (s Scheme) Application() bool { return s != Basic }

// answer is the scheme word of the Authorization header.
func (s Scheme) answer() string {
	if s == ApplicationToken {
		return "Token"
	}
	return "Basic"
}

// basic reports whether credentials are a name and a password.
func (s Scheme) basic() bool { return s != ApplicationToken }

// Credentials are what a client presented.
type Credentials struct {
	Scheme Scheme
	// Token is the text after the scheme word, as received.
	Token string
	// Name and Password are decoded from Token under the Basic kinds.
	Name, Password string
}

// parse reads an Authorization value for the scheme. ours is false when the
// value is empty or of another scheme; ok when the token could be decoded.
func (s Scheme) parse(authorization []byte) (c *Credentials, ours, ok bool) {
	word, token, _ := bytes.Cut(bytes.Trim(authorization, " \t"), []byte{' '})
	if !bytes.EqualFold(word, []byte(s.answer())) {
		return nil, false, false
	}
	c = &Credentials{Scheme: s, Token: string(bytes.Trim(token, " \t"))}
	if s.basic() {
		c.Name, c.Password, ok = decodeBasic(c.Token)
		return c, true, ok
	}
	return c, true, c.Token != ""
}

// decodeBasic splits base64 of UTF-8 "name:password" at the first colon
// (RFC 7617 §2). Missing padding is tolerated.
func decodeBasic(token string) (name, password string, ok bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil || !utf8.Valid(b) {
		return "", "", false
	}
	return strings.Cut(string(b), ":")
}
