package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A URI is an accept, connect or balance URI in canonical form (§5.2): scheme
// and host in lower case, port explicit, tls written as ssl, path "/" where
// the scheme has paths and none was given. URIs compare with ==.
type URI struct {
	Scheme string // ws, wss, http, https, sse, sse+ssl, tcp, ssl, udp
	Host   string // name, IPv4, or IPv6 without brackets; "" when Iface is set
	Iface  string // interface name of the @name form, lower case
	Port   int
	Path   string // with its leading slash; "" for tcp, ssl, udp
	Query  string // after "?", connect URIs only
}

// Secure reports whether the URI's scheme is one over TLS.
func (u URI) Secure() bool {
	switch u.Scheme {
	case "wss", "https", "ssl", "sse+ssl":
		return true
	}
	return false
}

// IsZero reports whether u is unset.
func (u URI) IsZero() bool { return u == URI{} }

// Authority is host:port as a Host header carries it, the port always written.
func (u URI) Authority() string { return hostText(u.Host, u.Iface) + ":" + strconv.Itoa(u.Port) }

// String is the canonical text, with explicit port.
func (u URI) String() string {
	s := u.Scheme + "://" + u.Authority() + u.Path
	if u.Query != "" {
		s += "?" + u.Query
	}
	return s
}

// HTTP is the same URI with the http or https scheme that carries it on the
// wire (protocol.md §4.3): ws and sse become http, wss and sse+ssl https.
func (u URI) HTTP() URI {
	switch u.Scheme {
	case "ws", "sse":
		u.Scheme = "http"
	case "wss", "sse+ssl":
		u.Scheme = "https"
	}
	return u
}

// Addr gives the literal address of the host, false for names and interfaces.
func (u URI) Addr() (netip.Addr, bool) {
	a, err := netip.ParseAddr(u.Host)
	return a, err == nil
}

func hostText(host, iface string) string {
	switch {
	case iface != "" && strings.ContainsAny(iface, ": "):
		return "[@" + iface + "]"
	case iface != "":
		return "@" + iface
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	}
	return host
}

// A scheme says what its URIs look like. port 0: none is implied.
type scheme struct {
	port int
	path bool
}

var schemes = map[string]scheme{
	"ws":      {80, true},
	"wss":     {443, true},
	"http":    {80, true},
	"https":   {443, true},
	"sse":     {80, true},
	"sse+ssl": {443, true},
	"tcp":     {},
	"ssl":     {},
	"udp":     {},
}

// A uriError is a fault of a URI with the rule it breaks.
type uriError struct {
	rule string
	text string
}

func (e *uriError) Error() string { return e.text }

func uriFault(rule, format string, args ...any) error {
	return &uriError{rule, fmt.Sprintf(format, args...)}
}

// ParseURI reads one URI and makes it canonical. The text of an error starts
// with the URI and ends with the remedy.
func ParseURI(text string) (URI, error) {
	s := strings.TrimSpace(text)
	name := shown(s)
	if s == "" {
		name = `""`
	}
	if strings.Contains(s, "${") {
		return URI{}, uriFault("U-8", "%s still holds an unexpanded ${; write the parameter without an extra $", name)
	}
	if i := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '\\' || r == '"' || r == '<' || r == '>' || r == '^' || r == '`' || r == '{' || r == '}' || r == '|'
	}); i >= 0 && !strings.Contains(s, "[@") {
		return URI{}, uriFault("U-1", "%s is not a URI: %q is not allowed in it; remove it, or percent-encode it in the path of a connect", name, s[i:i+1])
	}
	sch, rest, ok := strings.Cut(s, "://")
	if !ok || sch == "" {
		return URI{}, uriFault("U-1", "%s is not a URI with a scheme and a host; write scheme://host:port/path", name)
	}
	sch = strings.ToLower(sch)
	if sch == "tls" {
		sch = "ssl"
	}
	kind, ok := schemes[sch]
	switch {
	case sch == "pipe":
		if strings.Contains(strings.TrimRight(rest, "/"), ":") {
			return URI{}, uriFault("U-4", "%s: a pipe URI has no port; and pipe is not supported, use tcp on a loopback address", name)
		}
		return URI{}, uriFault("U-3", "%s: scheme pipe is not supported; use tcp on a loopback address", name)
	case !ok:
		return URI{}, uriFault("U-3", "%s: scheme %s is not supported; use ws, wss, http, https, sse, tcp, ssl or udp", name, shown(sch))
	}
	u := URI{Scheme: sch}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, u.Path = rest[:i], rest[i:]
	}
	if i := strings.IndexByte(u.Path, '#'); i >= 0 {
		return URI{}, uriFault("U-6", "%s has a fragment; remove it", name)
	}
	u.Path, u.Query, _ = strings.Cut(u.Path, "?")
	if u.Path == "" && kind.path {
		u.Path = "/"
	}
	if !kind.path {
		if u.Path != "" && u.Path != "/" {
			return URI{}, uriFault("U-5", "%s: a %s URI has no path, found %s; remove the path", name, sch, shown(u.Path))
		}
		u.Path = ""
	}
	port, err := u.setAuthority(authority, name)
	if err != nil {
		return URI{}, err
	}
	switch {
	case port != "":
		if u.Port, ok = parsePort(port); !ok {
			return URI{}, uriFault("U-1", "%s: port %q is not a number from 1 to 65535; correct it", name, port)
		}
	case kind.port == 0:
		return URI{}, uriFault("U-2", "%s needs an explicit port", name)
	default:
		u.Port = kind.port
	}
	if u.Iface != "" && sch != "tcp" && sch != "udp" {
		return URI{}, uriFault("U-7", "%s: an interface name cannot stand in a %s URI; write the public host name here and bind it with %s.bind @%s:%d", name, sch, sch, u.Iface, u.Port)
	}
	return u, nil
}

// setAuthority fills Host or Iface and gives the text of the port.
func (u *URI) setAuthority(authority, name string) (port string, err error) {
	if strings.Contains(authority, "@") && !strings.HasPrefix(authority, "@") && !strings.HasPrefix(authority, "[@") {
		return "", uriFault("U-1", "%s names a user; remove the part before @", name)
	}
	host, port, ok := splitAuthority(authority)
	if !ok {
		return "", uriFault("U-1", "%s: %q is not a host with an optional port; write host:port, IPv6 addresses in brackets", name, authority)
	}
	host = strings.ToLower(host)
	if iface, ok := strings.CutPrefix(host, "@"); ok {
		if iface == "" {
			return "", uriFault("U-1", "%s names no interface after @; write @eth0:port", name)
		}
		u.Iface = iface
		return port, nil
	}
	if host == "" {
		return "", uriFault("U-1", "%s has no host; write scheme://host:port/path", name)
	}
	u.Host = host
	if a, err := netip.ParseAddr(host); err == nil {
		u.Host = a.Unmap().String()
	} else if strings.ContainsAny(host, ":[]@,;()*!'&=+$ ") {
		return "", uriFault("U-1", "%s: %q is not a host name; correct it", name, host)
	}
	return port, nil
}

// splitAuthority cuts host[:port], [ipv6][:port], @iface[:port] and
// [@iface][:port]. Brackets are removed.
func splitAuthority(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", false
		}
		host, s = s[1:end], s[end+1:]
		if s == "" {
			return host, "", validBracketed(host)
		}
		port, found := strings.CutPrefix(s, ":")
		return host, port, found && port != "" && validBracketed(host)
	}
	host, port, found := strings.Cut(s, ":")
	if strings.Contains(port, ":") || found && port == "" {
		return "", "", false
	}
	return host, port, true
}

func validBracketed(host string) bool {
	if strings.HasPrefix(host, "@") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Is6()
}

func parsePort(s string) (int, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= 65535
}
