package wsproto

import "github.com/gobwas/ws"

// Mask XORs p with mask in place (RFC 6455 §5.3); doing it twice restores p.
// off is the offset of p in the frame's payload, so that a payload may be
// masked in pieces of any length.
func Mask(p []byte, mask [4]byte, off int64) {
	ws.Cipher(p, mask, int(off&3))
}
