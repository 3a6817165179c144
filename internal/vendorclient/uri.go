package vendorclient

import (
	"fmt"
	"net/url"
	"strings"
)

// parseURI takes a ws or wss URI apart.
func parseURI(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("%q is not a ws or wss URI", uri)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// withLegacyToken appends .kl=Y unless the query has it.
func withLegacyToken(u *url.URL) *url.URL {
	for _, pair := range strings.Split(u.RawQuery, "&") {
		if pair == ".kl=Y" {
			return u
		}
	}
	return withToken(u, ".kl=Y")
}

func withToken(u *url.URL, token string) *url.URL {
	v := *u
	if v.RawQuery != "" {
		v.RawQuery += "&"
	}
	v.RawQuery += token
	return &v
}

// asHTTP is the URI with http for ws and https for wss, as asWS is the other
// way round.
func asHTTP(u *url.URL) *url.URL { return withScheme(u, "ws", "http") }

func asWS(u *url.URL) *url.URL { return withScheme(u, "http", "ws") }

func withScheme(u *url.URL, from, to string) *url.URL {
	v := *u
	if rest, ok := strings.CutPrefix(v.Scheme, from); ok {
		v.Scheme = to + rest
	}
	return &v
}

// origin is scheme, host and explicit port of a URI.
func origin(u *url.URL) string { return u.Scheme + "://" + authority(u) }

func authority(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "wss" || u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

// A Policy says which redirects a JavaScript client follows.
type Policy uint8

// The redirect policies of the vendor's client.
const (
	Always Policy = iota
	Never
	SameOrigin // scheme, host and port
	SameDomain // scheme and host
	PeerDomain // same domain but for the first label of both
	SubDomain  // the target is the same host or below it
)

// allows judges a redirect.
func (p Policy) allows(from, to *url.URL) bool {
	a, b := strings.ToLower(from.Hostname()), strings.ToLower(to.Hostname())
	switch p {
	case Always:
		return true
	case SameOrigin:
		return origin(from) == origin(to)
	case SameDomain:
		return from.Scheme == to.Scheme && a == b
	case PeerDomain:
		_, x, ok := strings.Cut(a, ".")
		_, y, _ := strings.Cut(b, ".")
		return a == b || ok && x != "" && x == y
	case SubDomain:
		return a == b || strings.HasSuffix(b, "."+a)
	}
	return false
}
