package httpproxy

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// forward sets the forwarding headers of the request to the back end. The
// reverse proxy has removed some of them from out.
func (h *Handler) forward(in *http.Request, out http.Header, a *accept) {
	for name := range out {
		if forwarding(name) {
			delete(out, name)
		}
	}
	if h.forwarded == Exclude {
		return
	}
	for name, values := range in.Header {
		if forwarding(name) {
			out[name] = slices.Clone(values)
		}
	}
	if h.forwarded != Inject {
		return
	}
	host := in.Host
	if host != "" {
		host = authority(a.scheme, host)
	}
	by := localHost(in)
	appendTo(out, "X-Forwarded-For", in.RemoteAddr)
	appendTo(out, "X-Forwarded-Server", by)
	appendTo(out, "X-Forwarded-Proto", a.scheme)
	appendTo(out, "X-Forwarded-Host", host)
	appendTo(out, "Forwarded", "for="+quoted(in.RemoteAddr)+";by="+quoted(node(by))+";proto="+a.scheme+";host="+quoted(host))
}

// forwarding reports whether a canonical header name speaks of earlier hops.
func forwarding(name string) bool {
	return name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-")
}

// appendTo adds value at the end of a comma-separated list on one line.
func appendTo(head http.Header, name, value string) {
	if value == "" {
		return
	}
	if prior := strings.Join(head[name], ", "); prior != "" {
		value = prior + ", " + value
	}
	head.Set(name, value)
}

// localHost is the address at which the client reached us, without port.
func localHost(r *http.Request) string {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return ""
	}
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return host
}

// node is an address as RFC 7239 §6 writes it.
func node(host string) string {
	switch {
	case host == "":
		return "unknown"
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	}
	return host
}

// quoted is a parameter value of RFC 7239 §4: a token, or a quoted string.
func quoted(s string) string {
	if token(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
