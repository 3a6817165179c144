package client

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const inBandToken = ".kl=Y"

// parseURI reads a URI to dial: ws and wss, or http and https in their place.
func parseURI(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	return normal(u)
}

// normal brings a URL into the one form in which equal ones compare equal.
func normal(u *url.URL) (*url.URL, error) {
	n := *u
	switch n.Scheme {
	case "http":
		n.Scheme = "ws"
	case "https":
		n.Scheme = "wss"
	case "ws", "wss":
	default:
		return nil, fmt.Errorf("%q: scheme is not ws or wss", u)
	}
	if n.Hostname() == "" || n.Opaque != "" {
		return nil, fmt.Errorf("%q: no host", u)
	}
	n.Host = strings.ToLower(n.Host)
	n.Host = strings.TrimSuffix(n.Host, ":"+defaultPort(n.Scheme))
	if n.Path == "" {
		n.Path = "/"
	}
	n.Fragment, n.RawFragment, n.ForceQuery = "", "", false
	return &n, nil
}

func defaultPort(scheme string) string {
	if scheme == "wss" {
		return "443"
	}
	return "80"
}

// redirected is where a redirect answered by from leads.
func redirected(from *url.URL, to string) (*url.URL, error) {
	u, err := from.Parse(to)
	if err == nil {
		u, err = normal(u)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedirect, err)
	}
	u.User = from.User
	if from.Scheme == "wss" && u.Scheme == "ws" {
		return nil, fmt.Errorf("%w: %s to %s", ErrDowngrade, bare(from), bare(u))
	}
	return u, nil
}

// withToken adds .kl=Y to the query once.
func withToken(u *url.URL) *url.URL {
	if slices.Contains(strings.Split(u.RawQuery, "&"), inBandToken) {
		return u
	}
	n := *u
	if n.RawQuery != "" {
		n.RawQuery += "&"
	}
	n.RawQuery += inBandToken
	return &n
}

// bare is the URI without .kl=Y and user, as a person knows it.
func bare(u *url.URL) string {
	n := *u
	n.User = nil
	n.RawQuery = strings.Join(slices.DeleteFunc(strings.Split(n.RawQuery, "&"), func(p string) bool {
		return p == "" || p == inBandToken
	}), "&")
	return n.String()
}

// webURL is u as cookies know it.
func webURL(u *url.URL) *url.URL {
	n := *u
	n.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	return &n
}
