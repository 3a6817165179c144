package session

import (
	"testing"
	"unsafe"
)

// TestSessionSize holds the budget of an idle session: this, the engine's
// Conn and two table entries are all that stays (docs/architecture.md).
func TestSessionSize(t *testing.T) {
	if n := unsafe.Sizeof(WebSocket{}); n > 160 {
		t.Errorf("a WebSocket takes %d bytes, want at most 160", n)
	}
}
