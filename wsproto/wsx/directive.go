package wsx

import "github.com/kzfast/kzfast/wsproto"

// Subprotocol is the name by which a client asks for the extended handshake.
const Subprotocol = "x-kaazing-handshake"

// signature is U+F0FF, the private character that starts a directive.
const signature = "\xEF\x83\xBF"

// A Directive is what a balancer-aware server says in its first message.
type Directive uint8

const (
	None     Directive = iota // nothing is due
	Continue                  // N: carry on here
	Redirect                  // R and a URI: reconnect there
	NoMember                  // bare R: a balancer without members
)

// AppendContinue appends the frame of directive N.
func AppendContinue(dst []byte) []byte {
	return append(wsproto.AppendHeader(dst, wsproto.OpBinary, true, false, 4), signature+"N"...)
}

// AppendRedirect appends the frame of directive R; without a uri it says that
// no member is available.
func AppendRedirect(dst, uri []byte) []byte {
	dst = wsproto.AppendHeader(dst, wsproto.OpBinary, true, false, int64(4+len(uri)))
	return append(append(dst, signature+"R"...), uri...)
}

// AppendMarker appends the empty binary frame that ends an inner response for
// clients that wait for it (wse.Params.EndMarker).
func AppendMarker(dst []byte) []byte {
	return wsproto.AppendHeader(dst, wsproto.OpBinary, true, false, 0)
}

// ParseDirective reads the payload of a client's first message, text or binary.
// uri aliases it and is for [Redirect] only. None means application data.
func ParseDirective(payload []byte) (d Directive, uri []byte) {
	if len(payload) < 4 || string(payload[:3]) != signature {
		return None, nil
	}
	rest := payload[4:]
	switch {
	case payload[3] == 'N' && len(rest) == 0:
		return Continue, nil
	case payload[3] == 'R' && len(rest) == 0:
		return NoMember, nil
	case payload[3] == 'R':
		return Redirect, rest
	}
	return None, nil
}

// AfterOuter says which directive follows the outer 101 (protocol.md §3.2,
// §4.3). extended: the client asked for [Subprotocol]; kl: its query has .kl=Y;
// balancer: it reached a balancer URI, where member says that one is available.
// After Redirect and NoMember comes Close 1000. A plain client at a balancer
// never gets a 101: it has been redirected by a 302.
func AfterOuter(extended, kl, balancer, member bool) Directive {
	switch {
	case !balancer && !kl:
		return None
	case !balancer, extended && (kl || member):
		return Continue
	case !extended && !kl:
		return None
	case !extended && member:
		return Redirect
	}
	return NoMember
}

// AfterInner says which directive follows an inner 101. A balancer sends an
// inner 101 only to clients with .kl=Y, to others [Found].
func AfterInner(kl, balancer, member bool) Directive {
	switch {
	case !kl:
		return None
	case !balancer:
		return Continue
	case member:
		return Redirect
	}
	return NoMember
}
