package conf

import (
	"fmt"
	"strings"
)

// What members tell one another about their balanced services has bounds:
// these are those of package balance, and a test holds the two together. A
// member that broke one would start and be refused by all others.
const (
	maxAdvertBytes   = 256 << 10
	maxAdvertEntries = 1024 // pairs of service and balance URI
	maxAdvertTargets = 64   // accepts of one service
	maxAdvertName    = 255  // bytes of a service's or member's name
	maxAdvertURI     = 2048 // bytes of an accept or balance
)

// Most bytes of the wire form beside the texts: of an advert with the names
// that are not ours to choose, of an entry, of one text.
const (
	advertFrame = 1024
	entryFrame  = 20
	textFrame   = 4
)

// checkAdvert is KZ-17. Without a cluster the bounds hold as well: balancer
// and service are joined by the same advert.
func (l *loader) checkAdvert() {
	entries, bytes := 0, advertFrame
	for _, s := range l.cfg.Services {
		if len(s.Balances) == 0 || s.Tolerated != "" {
			continue
		}
		if fault := nameFault(s.Name); fault != "" {
			l.errorf(s.Pos, "KZ-17", "service %q has balance URIs and is told to other members, but its name %s; choose another <name>", shown(s.Name), fault)
		}
		targets := 0
		for i, a := range s.Accepts {
			l.checkAdvertURI(s, "accept", a.URI, a.Pos)
			targets += len(a.URI.String()) + textFrame
			if i == maxAdvertTargets {
				l.errorf(a.Pos, "KZ-17", "service %q has %d accepts behind its balance URIs, other members take at most %d; make two services of it", shown(s.Name), len(s.Accepts), maxAdvertTargets)
			}
		}
		for _, b := range s.Balances {
			at := l.balancePos(s, b)
			l.checkAdvertURI(s, "balance", b, at)
			before, had := entries, bytes
			entries++
			bytes += entryFrame + len(b.String()) + len(s.Name) + len(s.Type) + targets
			if before == maxAdvertEntries {
				l.errorf(at, "KZ-17", "service %q: balance %s is one too many: other members take at most %d balance URIs of one member, counted per service; remove some", shown(s.Name), b, maxAdvertEntries)
			}
			if had <= maxAdvertBytes && bytes > maxAdvertBytes {
				l.errorf(at, "KZ-17", "service %q: balance %s is too much: what this member tells others of its balanced services, all accepts under every balance, must stay below %d bytes; remove some", shown(s.Name), shown(b.String()), maxAdvertBytes)
			}
		}
	}
}

func (l *loader) checkAdvertURI(s *Service, kind string, u URI, at Pos) {
	text := u.String()
	if len(text) > maxAdvertURI {
		l.errorf(at, "KZ-17", "service %q: %s %s has %d bytes, other members take at most %d; shorten it", shown(s.Name), kind, shown(text), len(text), maxAdvertURI)
		return
	}
	for _, r := range text {
		if r <= ' ' || r >= 0x7f {
			l.errorf(at, "KZ-17", "service %q: %s %s cannot stand in a redirect: %q is not ASCII; use ASCII, for host names the xn-- form", shown(s.Name), kind, shown(text), r)
			return
		}
	}
}

// nameFault says why a name cannot be told to other members; "" when it can.
func nameFault(name string) string {
	switch {
	case len(name) > maxAdvertName:
		return fmt.Sprintf("has %d bytes, they take at most %d", len(name), maxAdvertName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "holds a line break or another control character"
	}
	return ""
}
