package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Bind names the socket of an accept: the value of a *.bind option, or the
// accept's own host and port when there is none (§6.1).
type Bind struct {
	Option string // "tcp.bind", ...; "" when the accept URI itself is bound
	Host   string // name or literal; "" with Iface set, or for a port alone
	Iface  string // of @iface:port, lower case
	Port   int
}

// Any reports whether the bind is a port alone or a wildcard address.
func (b Bind) Any() bool {
	return b.Iface == "" && (b.Host == "" || b.Host == "0.0.0.0" || b.Host == "::")
}

// Socket is the text that tells equal sockets apart before any name is
// resolved: host:port, @iface:port, or 0.0.0.0:port for a port alone.
func (b Bind) Socket() string {
	host := b.Host
	if b.Iface == "" && host == "" {
		host = "0.0.0.0"
	}
	return hostText(host, b.Iface) + ":" + strconv.Itoa(b.Port)
}

// String is the socket, with the option that named it.
func (b Bind) String() string {
	if b.Option == "" {
		return b.Socket()
	}
	return b.Socket() + " (" + b.Option + ")"
}

const bindForms = "8001, host:8001, 192.0.2.1:8001, [2001:db8::1]:8001, @eth0:8001, [@eth0 alias]:8001"

// parseBind reads the value of a *.bind option.
func parseBind(option, text string) (Bind, error) {
	s := strings.TrimSpace(text)
	b := Bind{Option: option}
	fault := fmt.Errorf("%q is not an address to bind; write one of the forms %s", shown(s), bindForms)
	if port, ok := parsePort(s); ok {
		b.Port = port
		return b, nil
	}
	host, port, ok := splitAuthority(s)
	if !ok || port == "" || host == "" || host == "@" {
		return Bind{}, fault
	}
	if b.Port, ok = parsePort(port); !ok {
		return Bind{}, fault
	}
	host = strings.ToLower(host)
	if iface, ok := strings.CutPrefix(host, "@"); ok {
		b.Iface = iface
		return b, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		b.Host = a.Unmap().String()
		return b, nil
	}
	if strings.ContainsAny(host, "/?#@[]: \t\r\n\"'\\{}$") {
		return Bind{}, fault
	}
	b.Host = host
	return b, nil
}

// bindLayers gives for each accept scheme the options that may bind it, the
// nearest layer first. TLS accepts never fall to a plain option (§6.1).
var bindLayers = map[string][]string{
	"ws":      {"ws", "http", "tcp"},
	"wss":     {"wss", "https", "ssl", "tcp"},
	"http":    {"http", "tcp"},
	"https":   {"https", "ssl", "tcp"},
	"sse":     {"http", "tcp"},
	"sse+ssl": {"https", "ssl", "tcp"},
	"ssl":     {"ssl", "tcp"},
	"tcp":     {"tcp"},
}

// bindFor gives the socket of an accept URI under a service's bind options.
func bindFor(u URI, binds map[string]Bind) Bind {
	for _, layer := range bindLayers[u.Scheme] {
		if b, ok := binds[layer]; ok {
			return b
		}
	}
	return Bind{Host: u.Host, Iface: u.Iface, Port: u.Port}
}
