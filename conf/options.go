package conf

import (
	"net/netip"
	"strings"
)

// Options is what [Load] takes besides the file. The zero value works.
type Options struct {
	// Define holds the -D name=value words of the command line. They win over
	// the properties block. GATEWAY_CONFIG_DIRECTORY and GATEWAY_WEB_DIRECTORY
	// move the two directories; other names are plain parameters.
	Define map[string]string

	// GatewayOpts is the text of the environment variable GATEWAY_OPTS. Its -D
	// words count as if given before those of Define, which win.
	GatewayOpts string

	// Hostname answers ${hostname}. Empty means the name the kernel gives.
	Hostname string

	// Strict refuses service types that are otherwise tolerated with a warning.
	Strict bool

	// PortMapping switches off H-3 and H-4: accept and balance URIs of a
	// service may then differ in port, path and scheme. The element
	// kz:balance.port-mapping does the same from inside the file.
	PortMapping bool
}

// A Resolver answers what only the host knows. [SystemResolver] asks the
// operating system; tests pass their own.
type Resolver interface {
	// LookupHost gives the addresses of a host name, which is never a literal.
	LookupHost(host string) ([]netip.Addr, error)
	// Interfaces lists the interfaces of this host with their addresses.
	Interfaces() ([]Interface, error)
}

// An Interface is one network interface of this host.
type Interface struct {
	Name  string
	Addrs []netip.Addr
}

// ParseDefines reads -D words the way a shell would split them: blanks
// separate words, single or double quotes keep blanks together. Words that are
// not of the form -Dname=value (or -Dname, an empty value) are skipped.
func ParseDefines(text string) map[string]string {
	defs := make(map[string]string)
	for _, w := range words(text) {
		if !strings.HasPrefix(w, "-D") {
			continue
		}
		name, value, _ := strings.Cut(w[len("-D"):], "=")
		if name != "" {
			defs[name] = value
		}
	}
	return defs
}

func words(text string) []string {
	var out []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if inWord {
				out = append(out, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		out = append(out, word.String())
	}
	return out
}

// defines merges GatewayOpts and Define.
func (o *Options) defines() map[string]string {
	defs := ParseDefines(o.GatewayOpts)
	for k, v := range o.Define {
		defs[k] = v
	}
	return defs
}
