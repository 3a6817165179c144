package wsproto

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// A Handshake is a client's opening handshake (RFC 6455 §4.1). It is written
// with Append, and Check says whether the answer completes it.
type Handshake struct {
	Host       string   // authority of the URI; a default port is left out
	Target     string   // path and query; empty = "/"
	Key        string   // from [Key], fresh for each handshake
	Origin     string   // empty = no Origin line
	Protocols  []string // offered subprotocols in order of preference
	Extensions []string // offered extensions with their parameters
	Cookie     string   // value of the Cookie line; empty = none
	Headers    []Field  // extra lines, such as Authorization
}

// Key encodes 16 unpredictable bytes as a Sec-WebSocket-Key.
func Key(random [16]byte) string { return base64.StdEncoding.EncodeToString(random[:]) }

// Append appends the request head. It refuses whatever could end a line early
// or contradict the handshake: dst is then returned unchanged.
func (h *Handshake) Append(dst []byte) ([]byte, error) {
	if err := h.valid(); err != nil {
		return dst, err
	}
	target := h.Target
	if target == "" {
		target = "/"
	}
	dst = append(append(append(dst, "GET "...), target...), " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", h.Host)
	dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	if h.Origin != "" {
		dst = appendField(dst, "Origin", h.Origin)
	}
	dst = append(dst, "Sec-WebSocket-Version: 13\r\n"...)
	dst = appendField(dst, "Sec-WebSocket-Key", h.Key)
	dst = appendList(dst, "Sec-WebSocket-Protocol", h.Protocols)
	dst = appendList(dst, "Sec-WebSocket-Extensions", h.Extensions)
	if h.Cookie != "" {
		dst = appendField(dst, "Cookie", h.Cookie)
	}
	for _, f := range h.Headers {
		dst = appendField(dst, f.Name, f.Value)
	}
	return append(dst, '\r', '\n'), nil
}

func appendList(dst []byte, name string, items []string) []byte {
	if len(items) == 0 {
		return dst
	}
	dst = append(append(dst, name...), ": "...)
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, item...)
	}
	return append(dst, '\r', '\n')
}

func (h *Handshake) valid() error {
	switch {
	case !validAuthority([]byte(h.Host)):
		return fmt.Errorf("host %q", h.Host)
	case !validKey([]byte(h.Key)):
		return fmt.Errorf("key %q is not base64 of 16 bytes", h.Key)
	case h.Target != "" && h.Target[0] != '/':
		return fmt.Errorf("request target %q", h.Target)
	case !text(h.Origin) || !text(h.Cookie):
		return errors.New("control character in Origin or Cookie")
	}
	for i := range len(h.Target) {
		if class[h.Target[i]]&isTarget == 0 {
			return fmt.Errorf("byte %#02x in the request target", h.Target[i])
		}
	}
	for _, p := range h.Protocols {
		if !token(p) {
			return fmt.Errorf("subprotocol %q", p)
		}
	}
	for _, e := range h.Extensions {
		if !text(e) {
			return fmt.Errorf("extension %q", e)
		}
	}
	for _, f := range h.Headers {
		if !token(f.Name) || !text(f.Value) || ownHeader(f.Name) {
			return fmt.Errorf("header line %q: %q", f.Name, f.Value)
		}
	}
	return nil
}

func text[T string | []byte](s T) bool {
	for i := range len(s) {
		if class[s[i]]&isText8 == 0 {
			return false
		}
	}
	return true
}

// ownHeader reports whether only Append may write a header.
func ownHeader(name []byte) bool {
	for _, own := range []string{"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Sec-WebSocket-Key",
		"Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Sec-WebSocket-Accept"} {
		if equalFold(name, own) {
			return true
		}
	}
	return false
}

// Check verifies the server's final answer by RFC 6455 §4.1: only a 101 with
// the right Upgrade, Connection and Accept opens the WebSocket, and it may name
// only what was offered. protocol is the chosen one of h.Protocols, empty for
// none. With an error the connection must be closed; a redirect or a challenge
// is for the caller to see in r.Status first.
func (h *Handshake) Check(r *Response) (protocol string, err error) {
	if r.Status != 101 {
		return "", fmt.Errorf("upgrade refused: %d %s", r.Status, clip(r.Reason))
	}
	upgrade, _ := r.Header("Upgrade")
	var want [28]byte
	accept, _ := r.Header("Sec-WebSocket-Accept")
	switch {
	case r.Minor == 0:
		return "", errors.New("upgrade in HTTP/1.0")
	case r.Count("Upgrade") != 1 || !equalFold(upgrade, "websocket"):
		return "", fmt.Errorf("header Upgrade is %q", clip(upgrade))
	case !r.HasToken("Connection", "upgrade"):
		return "", errors.New("header Connection does not name upgrade")
	case r.Count("Sec-WebSocket-Accept") != 1 || string(accept) != string(AppendAccept(want[:0], []byte(h.Key))):
		return "", fmt.Errorf("Sec-WebSocket-Accept %q does not answer the key", clip(accept))
	}
	if err := h.checkExtensions(r); err != nil {
		return "", err
	}
	return h.checkProtocol(r)
}

func (h *Handshake) checkProtocol(r *Response) (string, error) {
	chosen, ok := r.Header("Sec-WebSocket-Protocol")
	if !ok {
		return "", nil
	}
	if r.Count("Sec-WebSocket-Protocol") == 1 {
		for _, p := range h.Protocols {
			if string(chosen) == p {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("subprotocol %q was not offered", clip(chosen))
}

func (h *Handshake) checkExtensions(r *Response) error {
	var fault error
	seen := make([]bool, len(h.Extensions))
	err := r.EachExtension("Sec-WebSocket-Extensions", func(name, _ []byte) bool {
		fault = fmt.Errorf("extension %q was not offered", clip(name))
		for i, offer := range h.Extensions {
			offered, _, _ := cutUnquoted([]byte(offer), ';')
			if !seen[i] && string(trimBlanks(offered)) == string(name) {
				seen[i], fault = true, nil
				break
			}
		}
		return fault == nil
	})
	if err != nil {
		return err
	}
	return fault
}
